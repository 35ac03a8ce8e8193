import subprocess
import sys
from pathlib import Path

ABSENT = ("tensorflow", "keras", "av", "tensorflow_datasets")


def test_the_room_imports_where_tensorflow_pyav_and_tfds_are_absent():
    program = "\n".join(
        [
            "import sys",
            f"sys.modules.update(dict.fromkeys({ABSENT}))",  # None makes an import of it fail
            *(
                f"import dance_tf.assessment.{module}"
                for module in ("predictions", "metrics", "aggregation", "intervals", "leakage")
            ),
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
