"""Figures 2 and 3 from what a run left on disk."""

import json
from dataclasses import asdict

import pytest

from dance_tf.dataset.arrays import gather
from dance_tf.experiments.cache import grown_folder
from dance_tf.experiments.spec import Job, load_result
from dance_tf.model.autoencoder import build_autoencoder
from dance_tf.model.networks import STRATEGIES, NetworkSettings
from dance_tf.model.train import TrainingSettings
from dance_tf.report.architecture import architecture_pictures


@pytest.fixture
def make_run(tmp_path, blob_clips):
    """Makes what a run and its autoencoder's growth leave on disk, without any training."""
    dataset = gather(blob_clips(styles=2, dancers=6, frames=3))

    def make(strategy):
        job = Job(TrainingSettings(strategy), folds=2)
        folder = tmp_path / "runs" / strategy
        folder.mkdir(parents=True)
        STRATEGIES[strategy].build(NetworkSettings(classes=2)).save(folder / "model.keras")
        kept = {"job": asdict(job), "parameters": 7, "best_epoch": 0, "stopped_early": False, "seconds": 1.0}
        (folder / "result.json").write_text(json.dumps(kept))
        if STRATEGIES[strategy].grows_autoencoder:
            grown = grown_folder(dataset, job, tmp_path)
            grown.mkdir(parents=True, exist_ok=True)
            for stages in (1, 5):
                build_autoencoder(stages).save(grown / f"autoencoder_{stages}.keras")
            row = {"stage": 1, "epoch": 0, "mean_squared_error": 0.1, "val_mean_squared_error": 0.1}
            (grown / "growth.json").write_text(json.dumps({"stages": [1, 5], "rows": [row], "seconds": 1.0}))
        return architecture_pictures(dataset, load_result(folder), tmp_path)

    return make


def test_the_proposal_has_an_autoencoder_with_decoder_and_an_attention_block(make_run):
    autoencoder, attention = make_run("cnn_ae_attention")
    assert (autoencoder.name, attention.name) == ("network_autoencoder", "network_attention")
    written = {text.get_text() for text in autoencoder.figure.axes[0].texts}
    assert {"encoder 5", "4 × 4 × 64", "decoder 1", "128 × 128 × 1"} <= written
    written = {text.get_text() for text in attention.figure.axes[0].texts}
    assert {"squeeze", "reduce", "expand", "scale", "1 × 1 × 8"} <= written
    assert not autoencoder.on_data and not attention.on_data


def test_a_strategy_without_them_has_no_such_picture(make_run):
    assert make_run("cnn") == []
    assert [picture.name for picture in make_run("cnn_ae")] == ["network_autoencoder"]
