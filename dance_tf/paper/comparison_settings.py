"""Settings of the runs that compare strategies, splits and disturbances: cheaper than the main table's, one recipe.

The notebooks that compare build their runs here from the same `compare_` parameters, so that a run which two of them
need is trained once.
"""

from dataclasses import replace

from dance_tf.dataset.batches import View
from dance_tf.model.recipe import training_settings
from dance_tf.model.strategies import STRATEGIES
from dance_tf.model.training import TrainingSettings

SMALLEST_DEPTH = 18


def comparison_settings(
    strategy: str,
    view: View = "difference",
    epochs: int = 6,
    growth_epochs: int = 1,
    frames_per_clip: int = 6,
    resnet_width: int = 8,
    resnet_depth: int = SMALLEST_DEPTH,
    imagenet_weights: bool = False,
    sequence_length: int = 4,
    jitter: float = 0.0,
    **recipe: float | int | str,
) -> TrainingSettings:
    """Settings of a comparison's run.

    Args:
        strategy: a key of `STRATEGIES`.
        view: "frame" as it is, or its "difference" from the still room.
        epochs: `compare_epochs`, of the classifier, at most.
        growth_epochs: `compare_growth_epochs`, of each stage of the autoencoder.
        frames_per_clip: `compare_frames_per_clip`, drawn of each training clip in an epoch.
        resnet_width: `compare_resnet_width`, channels of ResNet-18's first stage.
        resnet_depth: `compare_resnet_depth`, 18 or 50.
        imagenet_weights: `compare_imagenet`, of ResNet-50 alone.
        sequence_length: `compare_sequence_length`, consecutive frames that CNN + LSTM reads.
        jitter: `compare_jitter`, random change of training frames: none, as in the paper, so that a network learns in
            few epochs what there is to learn, rooms and dancers included.
        recipe: whatever else `training_settings` takes, by the names of the notebooks' parameters.

    Returns:
        settings in which what a strategy does not read has its default: two runs that differ only there are one run.
    """
    settings = training_settings(
        strategy,
        view,
        epochs=epochs,
        growth_epochs=growth_epochs,
        frames_per_clip=frames_per_clip,
        jitter=jitter,
        **recipe,
    )
    own = {}
    if strategy == "resnet":
        shallow = resnet_depth == SMALLEST_DEPTH
        own = {"resnet_width": resnet_width} if shallow else {"imagenet_weights": imagenet_weights}
        own["resnet_depth"] = resnet_depth
    elif strategy == "cnn_lstm":
        own = {"sequence_length": sequence_length}
    return replace(settings, network=replace(settings.network, **own))


def settings_of_all(**recipe: float | int | str) -> dict[str, TrainingSettings]:
    """`comparison_settings` of every strategy by the same recipe, room taken away."""
    return {name: comparison_settings(name, **recipe) for name in STRATEGIES}
