"""A network and an ablation of one's own in notebook 40, at smoke size."""

from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
OWN_NETWORK = """
import keras

def tiny(settings):
    frames = keras.Input((128, 128, 1), dtype="uint8")
    small = keras.layers.AveragePooling2D(16)(keras.layers.Rescaling(1 / 255)(frames))
    logits = keras.layers.Dense(settings.classes)(keras.layers.Flatten()(small))
    return keras.Model(frames, keras.layers.Softmax()(logits))
"""


def test_own_network_and_dotted_ablation_join_the_grid(tmp_path, papermill):
    (tmp_path / "own.py").write_text(OWN_NETWORK)
    row = {"name": "slower", "title": "lower learning rate", "changes": {"schedule.learning_rate": 0.01}}
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump([row]))
    smoke = yaml.safe_load((ROOT / "notebooks" / "runs" / "smoke.yaml").read_text())
    own = {"work": str(tmp_path / "work"), "ablations": str(tmp_path / "rows.yaml"), "ablation_rows": 1}
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump({**smoke, **own}))
    networks = {"00": {}, "40": {"networks": [f"{tmp_path / 'own.py'}:tiny"]}}
    for number, parameters in networks.items():
        [notebook] = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
        assert papermill(notebook, tmp_path, tmp_path / "report", **parameters) == ""
    assert "own:tiny" in set(pd.read_csv(tmp_path / "report" / "tables" / "t2_strategies.csv")["strategy"])
    assert "lower learning rate" in (tmp_path / "report" / "tables" / "ablations.csv").read_text()
