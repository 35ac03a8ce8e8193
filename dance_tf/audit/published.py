"""What the paper printed, as data: Tables 1 to 5 and the claims of its text.

Every number stands as it was printed: percent with two decimals, seconds with two, megabytes with one. Nothing here is
a result of ours, and nothing here is corrected; `audit` tells what cannot be true.
"""

from dataclasses import asdict, dataclass

import pandas as pd

CNN, AE_ONLY, CNN_LSTM, CNN_AE = "CNN", "AE only", "CNN + LSTM", "CNN + AE"
RESNET, PROPOSED = "ResNet", "CNN + AE + Attention"

HALF_UNIT = 0.005  # what two printed decimals leave open, to either side


@dataclass(frozen=True)
class StyleFrames:
    """A row of Table 1: a dance style and the number of its frames."""

    style: str
    abbreviation: str
    sources: str
    frames: int


@dataclass(frozen=True)
class RepeatScores:
    """A row of Table 2: percent, means over five folds, of one strategy in one repeat ("experiment")."""

    experiment: int
    strategy: str
    precision: float
    sensitivity: float
    specificity: float
    accuracy: float
    f1: float


@dataclass(frozen=True)
class FrameIntervalScores:
    """A row of Table 3: percent, with one frame kept of every `interval`.

    The row labels are pictures that did not survive into the text. It speaks of "sets of 2, 3, 4, …, and 10 frames" and
    there are nine rows, so we read them in that order; the dimensions are lost.
    """

    interval: int
    accuracy: float
    recall: float
    kappa: float


@dataclass(frozen=True)
class ModelCost:
    """A row of Table 4: confusion of similar styles in percent, seconds for one video of 37 s, size, training time."""

    strategy: str
    confusion_rate: float
    extraction_seconds: float
    attention_seconds: float | None
    size_mb: float
    training_minutes: int
    inference_seconds: float


@dataclass(frozen=True)
class ConditionScores:
    """A row of Table 5: percent under one disturbance."""

    condition: str
    disturbance: str
    description: str
    accuracy: float
    f1: float


@dataclass(frozen=True)
class Claim:
    """A number that the text states, and where."""

    name: str
    value: float
    unit: str
    place: str


_TIKTOK, _BOTH = "TikTok", "TikTok-other social media"

TABLE_1 = (
    StyleFrames("Tokyo", "Tok", _BOTH, 22_365),
    StyleFrames("The Dance Song", "TDS", _TIKTOK, 19_856),
    StyleFrames("Tak Mau Mau", "TMM", _BOTH, 23_669),
    StyleFrames("Supalonely", "SUP", _TIKTOK, 18_987),
    StyleFrames("Slide To the Left", "STTL", _TIKTOK, 21_060),
    StyleFrames("Lottery", "LOT", _BOTH, 24_598),
    StyleFrames("Say So", "SaS", _BOTH, 24_890),
    StyleFrames("Laxed", "LAX", _BOTH, 23_591),
    StyleFrames("Diam Diam Menyukaiku", "DDM", _TIKTOK, 19_458),
    StyleFrames("Blinding Lights", "BL", _TIKTOK, 18_660),
    StyleFrames("Big Up’s", "BU", _BOTH, 22_625),
    StyleFrames("All TikTok Mashup", "ATTM", _BOTH, 23_712),
)

TABLE_2 = (
    RepeatScores(1, RESNET, 93.29, 93.08, 96.51, 93.44, 93.36),
    RepeatScores(1, CNN_AE, 94.12, 94.01, 97.58, 94.84, 94.18),
    RepeatScores(1, PROPOSED, 96.55, 96.29, 99.66, 96.38, 96.44),
    RepeatScores(2, RESNET, 93.78, 93.64, 96.92, 93.86, 93.48),
    RepeatScores(2, CNN_AE, 94.37, 94.15, 97.79, 94.30, 94.13),
    RepeatScores(2, PROPOSED, 97.61, 97.41, 99.76, 97.48, 97.53),
    RepeatScores(3, RESNET, 94.72, 94.20, 97.88, 94.51, 94.63),
    RepeatScores(3, CNN_AE, 95.60, 95.33, 98.69, 95.72, 95.48),
    RepeatScores(3, PROPOSED, 97.55, 97.31, 99.75, 97.37, 97.44),
)

TABLE_3 = (
    FrameIntervalScores(2, 97.34, 96.25, 83.44),
    FrameIntervalScores(3, 97.01, 96.22, 81.08),
    FrameIntervalScores(4, 96.55, 95.83, 76.36),
    FrameIntervalScores(5, 96.43, 95.70, 72.29),
    FrameIntervalScores(6, 96.39, 95.51, 70.85),
    FrameIntervalScores(7, 96.10, 95.29, 68.25),
    FrameIntervalScores(8, 95.63, 94.96, 65.45),
    FrameIntervalScores(9, 94.84, 94.19, 64.72),
    FrameIntervalScores(10, 94.38, 94.06, 63.90),
)

TABLE_4 = (
    ModelCost(CNN, 14.60, 14.53, None, 85.4, 2 * 60 + 55, 18.24),
    ModelCost(AE_ONLY, 17.80, 17.92, None, 97.1, 3 * 60 + 15, 22.35),
    ModelCost(CNN_LSTM, 11.20, 15.67, None, 128.9, 3 * 60 + 48, 25.71),
    ModelCost(CNN_AE, 9.90, 19.82, None, 145.3, 4 * 60 + 5, 27.84),
    ModelCost(PROPOSED, 4.30, 21.75, 3.28, 157.4, 4 * 60 + 52, 32.57),
)

TABLE_5 = (
    ConditionScores(
        "Baseline (optimal)", "Clean data", "High-quality frames, clear lighting, no compression", 97.14, 97.30
    ),
    ConditionScores(
        "Mild compression", "Standard social media compression", "Mild lossy compression (25% quality)", 96.72, 96.85
    ),
    ConditionScores(
        "Severe compression", "Heavy lossy compression", "Strong visual artifacts (15% quality)", 95.18, 95.29
    ),
    ConditionScores(
        "Mild Gaussian noise", "Low-level random noise", "Added white noise with low intensity", 96.31, 96.42
    ),
    ConditionScores(
        "Severe Gaussian noise", "High-intensity random noise", "Significant pixel-level disturbance", 93.85, 93.92
    ),
    ConditionScores("Mild motion blur", "Slight motion blur", "Simulating moderate camera movement", 95.95, 96.07),
    ConditionScores("Severe motion blur", "Heavy motion blur", "Rapid camera movement causing streaking", 92.34, 92.50),
    ConditionScores("Low light", "Insufficient lighting", "Reduced brightness (30% of standard light)", 94.83, 94.91),
    ConditionScores(
        "Backlight (strong)",
        "Backlight without foreground lighting",
        "Silhouetted dancer, obscured body details",
        91.49,
        91.64,
    ),
    ConditionScores(
        "Moving shadows", "Dynamic shadows in background", "Shadows interfering with body contours", 93.53, 93.62
    ),
    ConditionScores(
        "Rain effect", "Water droplets on lens", "Simulated raindrops or dirt on camera lens", 94.12, 94.24
    ),
    ConditionScores("Mild fog/haze", "Light atmospheric fog", "Slight reduction in clarity", 95.08, 95.19),
    ConditionScores("Heavy fog/haze", "Severe environmental fog", "Significant loss of visibility", 90.51, 90.78),
    ConditionScores("Frame drop (20%)", "Dropped frames", "Random omission of 20% of frames", 94.44, 94.66),
    ConditionScores(
        "Low resolution (360p)", "Reduced video resolution", "Low pixel density, affecting fine movements", 91.37, 91.58
    ),
)

# the pair that the discussion of Figure 5 names for ResNet, and the one it names for the other models
SIMILAR_STYLES = (("Supalonely", "Say So"), ("Big Up’s", "All TikTok Mashup"))
# the pair that the discussion of Table 4 names; neither is among the twelve
TABLE_4_SIMILAR_STYLES = ("Shuffle", "Hip-Hop")
# what the text calls the more severe conditions, in Table 5's words
SEVEREST_CONDITIONS = ("Backlight (strong)", "Heavy fog/haze", "Severe motion blur")

ABSTRACT_ACCURACY = Claim("accuracy, exceeded", 97.24, "%", "abstract and section 5")
ABSTRACT_F1 = Claim("F1-score, reached", 97.30, "%", "abstract and section 5")
MEAN_ACCURACY = Claim("average accuracy of the three experiments", 97.14, "%", "note under Table 2 and section 4.3")
RIVAL_ACCURACY = Claim("average accuracy of similar models, surpassed", 96.5, "%", "section 4.4, below Table 3")
ALL_FRAMES = Claim("frames in all", 263_471, "frames", "section 4.1")
VIDEOS = Claim("videos in all", 240, "videos", "section 4.1")
PARTICIPANTS = Claim("participants, each asked for all 12 styles", 20, "people", "section 4.1")
SAY_SO_FRAMES = Claim("frames of Say So", 1138, "frames", "section 4.1, above Table 1")
WORST_DROP = Claim("largest loss of accuracy", 6.63, "percentage points", "section 4.4, above Table 5")
SHORTEST_CLIPS = Claim("average length of a clip, at least about", 30, "s", "section 4.1, below Table 1")
LONGEST_CLIPS = Claim("average length of a clip, at most about", 40, "s", "section 4.1, below Table 1")
FRAME_RATE = Claim("frame rate, assumed", 30, "frames/s", "section 4.1, below Table 1")
INPUT_SIDE = Claim("side of the frames that the network sees", 128, "pixels", "sections 3.2 and 3.3")
CNN_FEATURES = Claim("features of the CNN path", 512, "numbers", "section 3.2")
AE_FEATURES = Claim("features of the autoencoder", 1024, "numbers", "section 3.2")
LEAST_TRAINING = Claim("training of the CNN and autoencoder, at least about", 9, "h", "section 4.2")
VIDEO_SECONDS = Claim("length of the video that Table 4 times", 37, "s", "section 4.4")

LOW_RESOLUTION_LINES = 360  # of the condition that Table 5 calls 360p

CLAIMS = (
    ABSTRACT_ACCURACY,
    ABSTRACT_F1,
    MEAN_ACCURACY,
    RIVAL_ACCURACY,
    ALL_FRAMES,
    VIDEOS,
    PARTICIPANTS,
    SAY_SO_FRAMES,
    WORST_DROP,
    SHORTEST_CLIPS,
    LONGEST_CLIPS,
    FRAME_RATE,
    INPUT_SIDE,
    CNN_FEATURES,
    AE_FEATURES,
    LEAST_TRAINING,
    VIDEO_SECONDS,
)

TABLES = {1: TABLE_1, 2: TABLE_2, 3: TABLE_3, 4: TABLE_4, 5: TABLE_5}


def table_frame(number: int) -> pd.DataFrame:
    """One of the five tables as a data frame, a column for each field of its rows.

    Raises:
        ValueError: the paper has no such table.
    """
    if number not in TABLES:
        raise ValueError(f"the paper has tables 1 to 5, not {number}")
    return pd.DataFrame([asdict(row) for row in TABLES[number]])


def claims_frame() -> pd.DataFrame:
    """The claims of the text as a data frame: name, value, unit, place."""
    return pd.DataFrame([asdict(claim) for claim in CLAIMS])
