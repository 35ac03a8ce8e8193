"""Training settings from a profile, for the main runs and for the runs that compare networks."""

from dance_tf.dataset.batches import View
from dance_tf.experiments.spec import comparison_settings
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.report.profile import Profile


def main_settings(profile: Profile, view: View = "difference") -> TrainingSettings:
    """Return the settings of the main runs: the proposed network with the full budget."""
    return training_settings(
        profile.strategy,
        view,
        epochs=profile.epochs,
        patience=profile.patience,
        frames_per_clip=profile.frames_per_clip,
        jitter=profile.jitter,
        growth_epochs=profile.growth_epochs,
        **_recipe(profile),
    )


def compared_settings(profile: Profile, strategy: str, view: View = "difference") -> TrainingSettings:
    """Return the settings of the runs that compare networks, with their smaller budget.

    Args:
        profile: profile of the report.
        strategy: a registered strategy, or the import path of a builder (`model.networks.strategy_of`).
        view: input of the network.
    """
    return comparison_settings(
        strategy,
        view,
        epochs=profile.compare_epochs,
        patience=profile.compare_patience,
        frames_per_clip=profile.compare_frames_per_clip,
        jitter=profile.compare_jitter,
        growth_epochs=profile.compare_growth_epochs,
        resnet_width=profile.compare_resnet_width,
        resnet_depth=profile.compare_resnet_depth,
        imagenet_weights=profile.compare_imagenet,
        sequence_length=profile.compare_sequence_length,
        **_recipe(profile),
    )


def _recipe(profile: Profile) -> dict[str, object]:
    names = ("learning_rate", "momentum", "decay", "batch_size", "dropout", "squeeze_ratio", "low_resolution_factor")
    names += ("growth_optimizer", "growth_learning_rate", "growth_momentum")
    return {name: getattr(profile, name) for name in names}
