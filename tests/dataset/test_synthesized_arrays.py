"""Made-up dancers straight into arrays: the truth lies beside them, and a bar shows that they come."""

from dance_tf.dataset.build import synthesize_arrays
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize


def test_arrays_have_the_truth_of_the_same_clips_as_files(tmp_path):
    settings = StudioSettings(styles=2, dancers=1, seconds=0.5, frame_rate=8, width=64, height=96, seed=3)
    synthesize(tmp_path / "clips", settings, progress=False)
    synthesize_arrays(tmp_path / "arrays", settings)
    truths = {path.relative_to(tmp_path / "clips"): path.read_text() for path in tmp_path.glob("clips/truth/**/*.json")}
    assert len(truths) == 2
    for name, text in truths.items():
        assert (tmp_path / "arrays" / name).read_text() == text
    assert len(list(tmp_path.glob("arrays/truth/**/*.json"))) == 2


def test_arrays_show_that_they_come_when_asked(tmp_path, capfd):
    settings = StudioSettings(styles=1, dancers=1, seconds=0.5, frame_rate=8, width=64, height=96)
    synthesize_arrays(tmp_path / "silent", settings)
    assert capfd.readouterr().err == ""
    synthesize_arrays(tmp_path / "told", settings, progress=True)
    assert "clips: 100%" in capfd.readouterr().err
