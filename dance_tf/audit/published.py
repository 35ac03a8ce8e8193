"""What the paper states, as data: Tables 1 to 5, numbers in its text, similar styles, and details it does not state.

All numbers are as printed: percentages and seconds with two decimals, megabytes with one. None is corrected here.
"""

import io
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings

CNN_AE, PROPOSED = "CNN + AE", "CNN + AE + Attention"


def _table(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), sep="|", keep_default_na=False, na_values=[""])


# dance styles, their sources and numbers of frames
TABLE_1 = _table("""\
style|abbreviation|sources|frames
Tokyo|Tok|TikTok-other social media|22365
The Dance Song|TDS|TikTok|19856
Tak Mau Mau|TMM|TikTok-other social media|23669
Supalonely|SUP|TikTok|18987
Slide To the Left|STTL|TikTok|21060
Lottery|LOT|TikTok-other social media|24598
Say So|SaS|TikTok-other social media|24890
Laxed|LAX|TikTok-other social media|23591
Diam Diam Menyukaiku|DDM|TikTok|19458
Blinding Lights|BL|TikTok|18660
Big Up’s|BU|TikTok-other social media|22625
All TikTok Mashup|ATTM|TikTok-other social media|23712
""")

# scores in percent of each strategy in each repeat ("experiment"), means over five folds
TABLE_2 = _table("""\
experiment|strategy|precision|sensitivity|specificity|accuracy|f1
1|ResNet|93.29|93.08|96.51|93.44|93.36
1|CNN + AE|94.12|94.01|97.58|94.84|94.18
1|CNN + AE + Attention|96.55|96.29|99.66|96.38|96.44
2|ResNet|93.78|93.64|96.92|93.86|93.48
2|CNN + AE|94.37|94.15|97.79|94.30|94.13
2|CNN + AE + Attention|97.61|97.41|99.76|97.48|97.53
3|ResNet|94.72|94.20|97.88|94.51|94.63
3|CNN + AE|95.60|95.33|98.69|95.72|95.48
3|CNN + AE + Attention|97.55|97.31|99.75|97.37|97.44
""")

# scores in percent with one frame kept of every `interval`. The row labels are images; the text names "sets of 2, 3, 4,
# …, and 10 frames", so we assume this order
TABLE_3 = _table("""\
interval|accuracy|recall|kappa
2|97.34|96.25|83.44
3|97.01|96.22|81.08
4|96.55|95.83|76.36
5|96.43|95.70|72.29
6|96.39|95.51|70.85
7|96.10|95.29|68.25
8|95.63|94.96|65.45
9|94.84|94.19|64.72
10|94.38|94.06|63.90
""")

# similar styles confused in percent, seconds for one video of 37 s, megabytes, minutes
TABLE_4 = _table("""\
strategy|confusion_rate|extraction_seconds|attention_seconds|size_mb|training_minutes|inference_seconds
CNN|14.60|14.53||85.4|175|18.24
AE only|17.80|17.92||97.1|195|22.35
CNN + LSTM|11.20|15.67||128.9|228|25.71
CNN + AE|9.90|19.82||145.3|245|27.84
CNN + AE + Attention|4.30|21.75|3.28|157.4|292|32.57
""")

# scores in percent under each condition (corruption)
TABLE_5 = _table("""\
condition|disturbance|description|accuracy|f1
Baseline (optimal)|Clean data|High-quality frames, clear lighting, no compression|97.14|97.30
Mild compression|Standard social media compression|Mild lossy compression (25% quality)|96.72|96.85
Severe compression|Heavy lossy compression|Strong visual artifacts (15% quality)|95.18|95.29
Mild Gaussian noise|Low-level random noise|Added white noise with low intensity|96.31|96.42
Severe Gaussian noise|High-intensity random noise|Significant pixel-level disturbance|93.85|93.92
Mild motion blur|Slight motion blur|Simulating moderate camera movement|95.95|96.07
Severe motion blur|Heavy motion blur|Rapid camera movement causing streaking|92.34|92.50
Low light|Insufficient lighting|Reduced brightness (30% of standard light)|94.83|94.91
Backlight (strong)|Backlight without foreground lighting|Silhouetted dancer, obscured body details|91.49|91.64
Moving shadows|Dynamic shadows in background|Shadows interfering with body contours|93.53|93.62
Rain effect|Water droplets on lens|Simulated raindrops or dirt on camera lens|94.12|94.24
Mild fog/haze|Light atmospheric fog|Slight reduction in clarity|95.08|95.19
Heavy fog/haze|Severe environmental fog|Significant loss of visibility|90.51|90.78
Frame drop (20%)|Dropped frames|Random omission of 20% of frames|94.44|94.66
Low resolution (360p)|Reduced video resolution|Low pixel density, affecting fine movements|91.37|91.58
""")

# similar styles: the discussion of Figure 5 names the first pair for ResNet and the second for the other models
SIMILAR_STYLES = (("Supalonely", "Say So"), ("Big Up’s", "All TikTok Mashup"))
TABLE_4_SIMILAR_STYLES = ("Shuffle", "Hip-Hop")  # the discussion of Table 4; Table 1 contains neither
SEVEREST_CONDITIONS = ("Backlight (strong)", "Heavy fog/haze", "Severe motion blur")  # section 4.4

ABSTRACT_ACCURACY = 97.24  # %, "exceeding"; abstract and section 5
ABSTRACT_F1 = 97.30  # %; abstract and section 5
MEAN_ACCURACY = 97.14  # %, of the three experiments; note under Table 2 and section 4.3
BASELINE_ACCURACY = 96.5  # %, average of similar models; section 4.4, below Table 3
ALL_FRAMES = 263_471  # section 4.1
VIDEOS = 240  # section 4.1
PARTICIPANTS = 20  # each performs all 12 styles; section 4.1
SAY_SO_FRAMES = 1138  # section 4.1, above Table 1
WORST_DROP = 6.63  # percentage points of accuracy; section 4.4, above Table 5
MIN_CLIP_SECONDS, MAX_CLIP_SECONDS = 30, 40  # average length of a clip, about; section 4.1, below Table 1
FRAME_RATE = 30  # frames per second, assumed; section 4.1, below Table 1
INPUT_SIDE = 128  # pixels; sections 3.2 and 3.3
CNN_FEATURES, AE_FEATURES = 512, 1024  # section 3.2
MIN_TRAINING_HOURS = 9  # CNN and autoencoder, about; section 4.2
LOW_RESOLUTION_LINES = 360  # of the condition "Low resolution (360p)" in Table 5

# what the paper does not state, section or table, our choice, and the parameter that changes it
ASSUMPTIONS = _table("""\
not_stated|place|choice|setting
the clips: neither named source has the 12 labels|4.1|synthetic dancers, or your own footage|footage
the groups of the folds: frame, clip or dancer|4.2|dancer; the others show the leakage|split
scores on the 20 % test set|4.2, Table 2|in separate columns; never used to choose anything|
batch size|4.2|32 frames|batch_size
momentum, decay and patience|4.2|listed in each profile|momentum, decay, patience
dropout|3.4|none: with dropout the network did not learn from whole frames|dropout
normalization, kernel sizes|3.3, 3.4|each frame; batch normalization between the stages \
and of the encoder's 1024 features; 3 × 3 kernels|
squeeze ratio of the attention|3.4|8; others in the ablations|squeeze_ratio
the low resolution of the autoencoder|3.3|half|low_resolution_factor
the ResNet variant|4.3|18 layers, narrow in small profiles; 50 in `paper`|compare_resnet_depth
length and units of CNN + LSTM|4.3|a short window, 128 units|compare_sequence_length
the frame sizes of Table 3|4.4, Table 3|128 pixels and smaller|frame_sizes
the machine of Table 4|4.4, Table 4|the report names our machine; compare the ratios to the CNN|
how the corruptions of Table 5 were made|4.4, Table 5|each one specified, with its level|
""").fillna("")


def as_large_as_table_1(settings: StudioSettings) -> StudioSettings:
    """Return settings for synthetic clips with as many frames without planted faults of each style as Table 1 lists.

    Raises:
        ValueError: there are more dancers than frames of a style.
    """
    frames = dict(zip(TABLE_1["abbreviation"], TABLE_1["frames"], strict=True))
    return replace(settings, good_frames=tuple(frames[style.abbreviation] for style in STYLES))


def similar_pairs(styles: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of `SIMILAR_STYLES` in `styles`, as indices; ignore case and the kind of apostrophe."""
    names, *pairs = ([style.replace("’", "'").lower() for style in several] for several in (styles, *SIMILAR_STYLES))
    return tuple((names.index(one), names.index(other)) for one, other in pairs if {one, other} <= set(names))
