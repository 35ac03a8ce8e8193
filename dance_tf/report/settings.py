"""Training settings from a profile, for the main runs and for the runs that compare networks."""

from collections.abc import Collection
from dataclasses import replace

from dance_tf.dataset.batches import VIEWS, View
from dance_tf.experiments.run import SKELETON
from dance_tf.experiments.spec import BASELINE, PROPOSED, RunSpec, fold_specs
from dance_tf.model.networks import SKELETON_STRATEGIES
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.report.ladder import TAUGHT, rung_name
from dance_tf.report.profile import Profile

STUDENT = "skeleton_tcn_small"

BUDGET = ("epochs", "patience", "frames_per_clip", "jitter", "growth_epochs", "growth_last_epochs")
RECIPE = ("learning_rate", "momentum", "decay", "batch_size", "dropout", "squeeze_ratio", "low_resolution_factor")
RECIPE += ("weight_decay", "encoder_rate", "growth_frozen_epochs")
RECIPE += ("growth_optimizer", "growth_learning_rate", "growth_momentum")


def main_settings(profile: Profile, view: View = "difference") -> TrainingSettings:
    """Return the settings of the main runs: the proposed network with the full budget."""
    return training_settings(profile.strategy, view, **{name: getattr(profile, name) for name in BUDGET + RECIPE})


def input_settings(profile: Profile, strategy: str, view: View | None = None) -> TrainingSettings:
    """Return the settings of the runs that compare inputs: networks of skeletons have a recipe of their own."""
    if strategy not in SKELETON_STRATEGIES:
        return compared_settings(profile, strategy, view or "difference")
    own = {"epochs": profile.skeleton_epochs} if profile.skeleton_epochs else {}
    if SKELETON_STRATEGIES[strategy].grows_autoencoder:
        own |= {name: getattr(profile, f"compare_{name}") for name in ("growth_epochs", "growth_last_epochs")}
    return training_settings(strategy, **own)


def input_specs(profile: Profile, folds: int, posed: bool, strategies: Collection[str] = ()) -> tuple[RunSpec, ...]:
    """Return the runs that compare inputs, named by their rungs: networks of frames with each view, then of skeletons.

    Args:
        posed: whether the clips have skeletons; without them, only runs that need none are returned.
        strategies: of these networks only; by default of all.
    """
    views = (*VIEWS, "cutout") if posed else VIEWS
    inputs = [(strategy, view) for strategy in profile.ladder_strategies for view in views]
    inputs += [(strategy, "skeleton") for strategy in profile.skeleton_strategies if posed]
    fields = {"folds": profile.folds, "seed": profile.seed, "score_frames": profile.score_frames}
    return tuple(
        spec
        for each in inputs
        if not strategies or each[0] in strategies
        for spec in fold_specs(input_settings(profile, *each), folds, name=rung_name(*each), **fields)
    )


def student_specs(profile: Profile, folds: int) -> tuple[RunSpec, ...]:
    """Return the runs of a small network of skeletons: alone, and taught by the large one."""
    fields = {"folds": profile.folds, "seed": profile.seed, "score_frames": profile.score_frames}
    settings = input_settings(profile, STUDENT)
    taught = fold_specs(settings, folds, name=f"{STUDENT}_{TAUGHT}", teacher=SKELETON, **fields)
    return *fold_specs(settings, folds, **fields), *taught


def rung_specs(profile: Profile, folds: int, posed: bool, strategies: Collection[str] = ()) -> tuple[RunSpec, ...]:
    """Return the runs of the ladder: a logistic regression on small frames, then those of `input_specs`."""
    fields = {"folds": profile.folds, "seed": profile.seed, "score_frames": profile.score_frames}
    baseline = {"name": rung_name(BASELINE, "difference"), "baseline": True}
    plain = fold_specs(compared_settings(profile, PROPOSED), folds, **baseline, **fields)
    return *plain, *input_specs(profile, folds, posed, strategies)


def compared_settings(profile: Profile, strategy: str, view: View = "difference") -> TrainingSettings:
    """Return the settings of the runs that compare networks, with their smaller budget.

    Fields that the strategy does not use have their defaults, so that runs which differ only in such fields are equal.

    Args:
        strategy: a registered strategy, or the import path of a builder (`model.networks.strategy_of`).
    """
    budget = {name: getattr(profile, f"compare_{name}") for name in BUDGET}
    settings = training_settings(strategy, view, **budget, **{name: getattr(profile, name) for name in RECIPE})
    own, depth = {}, profile.compare_resnet_depth
    if strategy == "resnet":
        shallow, deep = {"resnet_width": profile.compare_resnet_width}, {"imagenet_weights": profile.compare_imagenet}
        own = {"resnet_depth": depth, **(shallow if depth == 18 else deep)}
    elif strategy == "cnn_lstm":
        own = {"sequence_length": profile.compare_sequence_length}
    return replace(settings, network=replace(settings.network, **own))
