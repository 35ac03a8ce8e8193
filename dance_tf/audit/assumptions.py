"""What the paper leaves unsaid, and what we chose: the ledger that a reader of our numbers needs."""

from dataclasses import asdict, dataclass

import pandas as pd


@dataclass(frozen=True)
class Gap:
    """Something without which the paper cannot be repeated.

    Attributes:
        unsaid: what is missing.
        place: section or table of the paper.
        choice: what stands in for it here.
        setting: the parameter that changes it; empty for none.
    """

    unsaid: str
    place: str
    choice: str
    setting: str = ""


UNSAID = (
    Gap(
        "the clips: neither named source carries the 12 labels",
        "4.1",
        "made-up dancers, or your own footage",
        "footage",
    ),
    Gap(
        "what the folds are cut by: frame, clip or dancer", "4.2", "dancer; the others show what they inflate", "split"
    ),
    Gap(
        "scores on the 20 % put aside",
        "4.2, Table 2",
        "in columns of their own; never used to choose anything",
    ),
    Gap("batch size", "4.2", "32 frames", "batch_size"),
    Gap("momentum, decay and patience", "4.2", "named in each profile", "momentum, decay, patience"),
    Gap("dropout", "3.4", "none: with it, whole frames taught the network nothing", "dropout"),
    Gap(
        "normalisation, kernel sizes",
        "3.3, 3.4",
        "each frame; batch normalisation between the stages, and of the encoder's 1024 numbers; 3 × 3 kernels",
    ),
    Gap("the squeeze ratio of the attention", "3.4", "8; others among the ablations", "squeeze_ratio"),
    Gap("how low the autoencoder's low resolution is", "3.3", "half", "low_resolution_factor"),
    Gap("which ResNet", "4.3", "18 layers, narrow in small profiles; 50 in `paper`", "compare_resnet_depth"),
    Gap("length and units of CNN + LSTM", "4.3", "a short window, 128 units", "compare_sequence_length"),
    Gap("the frame sizes of Table 3", "4.4, Table 3", "128 pixels and smaller", "frame_sizes"),
    Gap("the machine of Table 4", "4.4, Table 4", "ours is named; ratios to the CNN count"),
    Gap("how the disturbances of Table 5 were made", "4.4, Table 5", "each written out, with its level"),
)


def unsaid_frame() -> pd.DataFrame:
    """The ledger as a data frame: unsaid, place, choice, setting."""
    return pd.DataFrame([asdict(gap) for gap in UNSAID])
