"""How sure a classifier may be: calibrated confidence, and sets of styles that hold the true one as often as promised.

All of it is fitted on clips of dancers that the network has not learnt from, and holds for other new dancers.
`probabilities` are [n, classes], the mean of each clip, and `labels` int64 [n].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:  # verdicts by references need no Keras
    from dance_tf.evaluation.predictions import Predictions

COVERAGE = 0.9  # share of clips whose set shall hold the true style
BINS = 10  # of the expected calibration error
TINY = 1e-6  # smallest probability


def scale_confidence(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities [n, classes] at another temperature: more even above 1, more decided below; same order."""
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), TINY)) / temperature
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the smallest cross-entropy, between 0.2 and 10.

    Reference:
        Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """

    def loss(log_temperature: float) -> float:
        scaled = scale_confidence(probabilities, np.exp(log_temperature))
        return -np.log(scaled[np.arange(len(labels)), labels]).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.2, 10.0]), method="bounded").x))


def fit_threshold(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the probability from which a style belongs to the set of a clip (split conformal prediction).

    Returns:
        0, with which all styles belong to it, if there are too few clips to promise the coverage.

    Reference:
        Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels".
    """
    own = np.sort(probabilities[np.arange(len(labels)), labels])
    place = int(np.floor((len(own) + 1) * (1 - COVERAGE) + 1e-9)) - 1  # 20 × 0.1 is 2
    return float(own[place]) if place >= 0 else 0.0


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error: mean difference of confidence and accuracy in bins of equal width."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, confidence - right, BINS)  # number of clips times difference of means
    return float(np.abs(gaps).sum() / max(len(labels), 1))


def measure_calibration(several: Sequence[Predictions], repeats: int = 100, seed: int = 0) -> pd.DataFrame:
    """Return how well confidence and sets hold on new dancers: fitted on half of the dancers, measured on the others.

    Args:
        several: of networks of the same kind, each on its held-out dancers.

    Returns:
        One row for each half: before and after (expected calibration errors, of plain and scaled confidence),
        temperature, coverage, size (mean number of styles in a set), empty (share of sets without any style).
        Empty with fewer than four dancers.
    """
    probabilities = np.concatenate([each.probabilities for each in several])
    labels = np.concatenate([each.labels for each in several])
    groups = np.array([name for each in several for name in each.groups])
    dancers, generator, rows = np.unique(groups), np.random.default_rng(seed), []
    for _ in range(repeats if len(dancers) >= 4 else 0):
        fitted = np.isin(groups, generator.permutation(dancers)[: len(dancers) // 2])
        temperature = fit_temperature(probabilities[fitted], labels[fitted])
        scaled, own = scale_confidence(probabilities, temperature), labels[~fitted]
        held = scaled[~fitted] >= fit_threshold(scaled[fitted], labels[fitted])
        rows.append(
            {
                "before": calibration_error(probabilities[~fitted], own),
                "after": calibration_error(scaled[~fitted], own),
                "temperature": temperature,
                "coverage": held[np.arange(len(own)), own].mean(),
                "size": held.sum(axis=1).mean(),
                "empty": (~held.any(axis=1)).mean(),
            }
        )
    return pd.DataFrame(rows, columns=["before", "after", "temperature", "coverage", "size", "empty"])


def risk_coverage(several: Sequence[Predictions]) -> pd.DataFrame:
    """Return the share of wrong verdicts if only the most confident clips get one: columns coverage and risk."""
    probabilities = np.concatenate([each.probabilities for each in several])
    wrong = np.concatenate([each.predicted != each.labels for each in several])
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    number = np.arange(1, len(order) + 1)
    return pd.DataFrame({"coverage": number / len(order), "risk": wrong[order].cumsum() / number})


def fit_operating_points(predictions: Predictions) -> dict[str, float]:
    """Return what a model needs to say how sure it is: "temperature" and "set" (threshold of the scaled probabilities).

    Args:
        predictions: on clips of dancers that the network has not learnt from.
    """
    temperature = fit_temperature(predictions.probabilities, predictions.labels)
    scaled = scale_confidence(predictions.probabilities, temperature)
    return {"temperature": temperature, "set": fit_threshold(scaled, predictions.labels)}


def likely_styles(probabilities: Mapping[str, float], threshold: float) -> tuple[str, ...]:
    """Return the styles of a clip's set, the most probable first."""
    order = sorted(probabilities, key=probabilities.get, reverse=True)
    return tuple(style for style in order if probabilities[style] >= threshold)
