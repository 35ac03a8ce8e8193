"""Made-up footage as large as the paper's: as many frames of each style as Table 1 prints."""

from dataclasses import replace

from dance_tf.audit.published import TABLE_1
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings


def as_large_as_table_1(settings: StudioSettings) -> StudioSettings:
    """The same clips, each as long as it takes: a style's frames without fault add up to Table 1's over its dancers.

    The paper counts frames after curation. The faults that the generator plants come on top, so that a curation without
    error would keep just these frames.

    Raises:
        ValueError: more dancers than a style has frames.
    """
    printed = {row.abbreviation: row.frames for row in TABLE_1}
    return replace(settings, good_frames=tuple(printed[style.abbreviation] for style in STYLES))
