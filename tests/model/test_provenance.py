import importlib.metadata
import shutil

import keras
import pytest

from dance_tf.model import provenance
from dance_tf.model.provenance import backend_versions, source_hash, strategy_hash


@pytest.fixture
def copied_source(tmp_path, monkeypatch):
    """A copy of two packages that `source_hash` reads instead, as a new process does."""
    for package in ("dataset", "model"):
        shutil.copytree(provenance.PACKAGE_ROOT / package, tmp_path / package)
    monkeypatch.setattr(provenance, "PACKAGE_ROOT", tmp_path)
    source_hash.cache_clear()
    yield tmp_path
    source_hash.cache_clear()


def test_source_hash_changes_with_one_line_of_a_layer_and_with_a_file_name(copied_source):
    before = source_hash("dataset", "model")
    assert source_hash("model", "dataset") == before and source_hash("model") != before
    layers = copied_source / "model" / "layers.py"
    layers.write_text(layers.read_text().replace("momentum=0.9", "momentum=0.8", 1))
    assert source_hash("dataset", "model") == before  # the process still runs the old code
    source_hash.cache_clear()
    edited = source_hash("dataset", "model")
    layers.rename(layers.with_name("layer.py"))
    source_hash.cache_clear()
    assert len({before, edited, source_hash("dataset", "model")}) == 3


def test_source_hash_does_not_depend_on_the_place_of_the_package(copied_source):
    found = source_hash("model")
    copied_source.rename(copied_source.with_name("elsewhere"))
    provenance.PACKAGE_ROOT = copied_source.with_name("elsewhere")
    source_hash.cache_clear()
    assert source_hash("model") == found


def test_source_hash_of_an_unknown_package():
    with pytest.raises(ValueError, match="no package 'modle'"):
        source_hash("modle")


def test_strategy_hash_follows_the_file_of_a_user_s_network(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def build(settings): ...")
    before = strategy_hash(f"{path}:build")
    path.write_text("def build(settings): return None")
    assert strategy_hash(f"{path}:build") != before
    assert strategy_hash("dance_tf.model.networks:build_cnn") == strategy_hash("dance_tf.model.networks:build_cnn_ae")
    assert strategy_hash("cnn") == ""


def test_backend_versions_name_keras_and_its_backend():
    found = backend_versions()
    assert found["backend"] == keras.backend.backend() and found["keras"] == keras.__version__
    assert found["backend_version"] == importlib.metadata.version(found["backend"])
