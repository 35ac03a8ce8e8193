"""Figures 2 and 3 of the paper, drawn from the objects that a run trained; Figure 1 is the network as a whole."""

from pathlib import Path

from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.autoencoder import load_grown
from dance_tf.experiments.cost import attention_blocks, attention_inside
from dance_tf.experiments.spec import Result
from dance_tf.model.networks import STRATEGIES
from dance_tf.report import figures
from dance_tf.report.section import Picture


def architecture_pictures(dataset: Dataset, run: Result, work: Path) -> list[Picture]:
    """The parts of a run's network that the paper draws apart: its autoencoder, decoder and all, and its attention.

    Args:
        dataset: that the run learnt from.
        run: of any strategy; one without autoencoder or attention gives no picture of it.
        work: where grown autoencoders lie.
    """
    pictures = []
    title = STRATEGIES[run.job.settings.strategy].title
    if STRATEGIES[run.job.settings.strategy].grows_autoencoder:
        models = load_grown(dataset, run.job, work).models
        drawing = figures.network_diagram(models[max(models)], "The autoencoder with its decoder")
        caption = f"Figure 2: the autoencoder that {title} took its encoder from, as it was grown."
        pictures.append(Picture("network_autoencoder", drawing, caption, on_data=False))
    for block in attention_blocks(run.load_model())[:1]:
        name = block[0].name.replace("_", " ")
        drawing = figures.network_diagram(attention_inside(block[0]), f"Inside {name}")
        caption = f"Figure 3: channel attention, the inside of the layer that {title} has after its path."
        pictures.append(Picture("network_attention", drawing, caption, on_data=False))
    return pictures
