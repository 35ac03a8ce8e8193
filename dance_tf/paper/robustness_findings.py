"""All that Table 5's suite finds, as one thing that is handed to the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dance_tf.assessment.paired import DancerDifference
from dance_tf.assessment.robustness import ConditionRobustness, Robustness
from dance_tf.paper.degradation_transfer import Transfer
from dance_tf.paper.degraded_clips import HeldOutClip
from dance_tf.paper.robustness_claims import Gain

FINER = ("low_resolution", 4.0)  # 240 lines, for clips that have no more than 360


@dataclass(frozen=True)
class RobustnessFindings:
    """All that the notebook measured.

    Attributes:
        main: the proposed network, trained in full, under the conditions at the paper's levels.
        curves: the same network at severities 1 to 5 of some conditions.
        strategies: every strategy at the comparison's smaller budget, by title.
        losses: of the proposed network by frame, by condition that changed the clips, tested over dancers.
        attention_gains: accuracy by frame of the hybrid with attention less without, by condition that changed the
            clips, the clean one too; tested over dancers.
        transfers: training against degradations, by family.
        compression: measured PSNR and bit rate, by CRF.
        unknown: share of the clips whose room cannot be told, by condition, the clean one too.
        clips: those tested.
        dancers: how many danced them.
        chance: accuracy of a guess, one over the number of styles.
        seeds: of the random conditions.
        source: "synthetic", or the footage's name.
        refused: why, by the id of each held-out clip that could not be degraded and is in no number.
    """

    main: Robustness
    curves: Robustness
    strategies: Mapping[str, Robustness]
    losses: Mapping[str, DancerDifference]
    attention_gains: Mapping[str, Gain]
    transfers: Sequence[Transfer]
    compression: pd.DataFrame
    unknown: Mapping[str, float]
    clips: Sequence[HeldOutClip]
    dancers: int
    chance: float
    seeds: int
    source: str
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def finer(self) -> ConditionRobustness | None:
        """240 lines, where that was among the severities."""
        rows = [row for row in self.curves.conditions if (row.condition, row.severity) == FINER]
        return rows[0] if rows else None
