"""Load a cloud with many clients: `python tests/benchmarks/load_cloud.py [--clients 200] [--seconds 60]`.

Starts `python -m dance_tf cloud` with the network of the paper and the skeleton TCN, both untrained. Each client sends
one request after the other, in turn 32 frames as 1536 features in int8 and 10 s of skeletons. It sends again what is
not answered, as an edge does. In the middle the process of the cloud is killed and started again. Then the same load is
put on a cloud that nobody kills, and on one that runs its networks for each request on its own.

Prints one JSON document. The exit status is 1 if a request was never answered or an answer is not that of the network.
"""

import argparse
import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dance_tf.serving.edge import CloudClient
from dance_tf.serving.wire import write_arrays

PROCESSES = 4  # of clients
VARIANTS = 200  # bodies of each kind
TOLERANCE = 1e-4
ALONE = "import dance_tf.serving.cloud as cloud; cloud.MAX_ROWS = 0; from dance_tf.cli import app; app()"


def make_models(folder: Path) -> list[Path]:
    from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
    from dance_tf.model.layers import initialize_weights
    from dance_tf.model.networks import strategy_of
    from dance_tf.model.settings import training_settings

    styles, places = tuple(f"style {number}" for number in range(12)), []
    for strategy in ("cnn_ae_attention", "skeleton_tcn"):
        settings = training_settings(strategy)
        model = strategy_of(strategy).build(dataclasses.replace(settings.network, classes=len(styles)))
        initialize_weights(model, 0)
        places.append(
            save_bundle(folder / strategy, ModelBundle(model, ModelDescription(styles, strategy, settings.view)))
        )
    return places


def make_requests(places: list[Path], seed: int = 0) -> list[tuple[dict, bytes, list[float]]]:
    """Return query, body and expected probabilities of `VARIANTS` different requests of each kind."""
    from dance_tf.model.bundle import load_bundle
    from dance_tf.pose.skeleton import Skeletons
    from dance_tf.serving.cuts import CutModel
    from dance_tf.serving.wire import pack_features, pack_skeletons

    rng, found = np.random.default_rng(seed), []
    frames, skeletons = (CutModel(load_bundle(place)) for place in places)
    times = np.arange(100) / 10
    for _ in range(VARIANTS):
        features = pack_features(rng.normal(size=(32, 1536)).astype(np.float32), "int8")
        waves = np.sin(times[:, None, None] * rng.uniform(1, 6, (33, 7)) + rng.uniform(0, 6, (33, 7))).astype(
            np.float32
        )
        landmarks = np.concatenate([0.5 + 0.2 * waves[..., :3], np.ones_like(waves[..., :1])], axis=-1)
        danced = Skeletons(landmarks, 0.4 * waves[..., 4:], np.ones(100, bool), times)
        for model, cut, packing, rows, arrays in (
            (frames, "1536", "int8", 32, features),
            (skeletons, "skeletons", "int16", 100, pack_skeletons(danced, "int16")),
        ):
            body = write_arrays(arrays)
            answer = model.predict(*model.resume(cut, packing, rows, body)).mean(axis=0, dtype=np.float64).tolist()
            found.append(
                ({"model": model.bundle.fingerprint, "cut": cut, "packing": packing, "rows": rows}, body, answer)
            )
    return found


class Cloud:
    """The process of a cloud on a port, which can be killed and started again."""

    def __init__(self, places: list[Path], batched: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        run = ["-m", "dance_tf"] if batched else ["-c", ALONE]
        self._command = [sys.executable, *run, "cloud", *map(str, places), "--port", str(self.port)]
        self._command += ["--requests-per-minute", "100000000"]
        self.start()

    def start(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, env=environment)
        if not self.process.stdout.readline():
            raise SystemExit("the cloud does not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def megabytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss >> 20


def client(url: str, requests: list, until: float, number: int) -> list[tuple[float, float, int, int, list[float]]]:
    """Send requests until a time; return start, seconds, retries, place and answer of each."""
    found, place = [], number * 17
    with CloudClient(url) as sender:
        while (started := time.time()) < until:
            query, body, _ = requests[place % len(requests)]
            # the same body under another text of its number: the cloud does not have its answer yet
            retries, again = sender.retries, "0" * (place // len(requests)) + str(query["rows"])
            answer = sender.ask("/v1/features", body, **query | {"rows": again})
            seconds = time.time() - started
            found.append(
                (
                    started,
                    seconds,
                    sender.retries - retries,
                    place % len(requests),
                    list(answer["probabilities"].values()),
                )
            )
            place += 1
    return found


def clients(url: str, requests: list, until: float, numbers: list[int]) -> list:
    with ThreadPoolExecutor(len(numbers)) as pool:
        return [one for many in pool.map(partial(client, url, requests, until), numbers) for one in many]


def load(places: list[Path], requests: list, count: int, seconds: float, batched: bool, kill: bool) -> dict:
    """Return what the clients saw of a cloud."""
    cloud = Cloud(places, batched)
    url, until = f"http://127.0.0.1:{cloud.port}", time.time() + 3 + seconds
    groups = [list(range(first, count, PROCESSES)) for first in range(PROCESSES)]
    down = [0.0, 0.0]

    def interrupt() -> None:
        down[0] = time.time()
        cloud.kill()
        cloud.start()
        down[1] = time.time()

    if kill:
        (timer := threading.Timer(3 + seconds / 2, interrupt)).start()
    with ProcessPoolExecutor(PROCESSES) as pool:
        answers = [one for many in pool.map(partial(clients, url, requests, until), groups) for one in many]
    if kill:
        timer.join()
    rows = httpx.get(f"{url}/metrics").text
    sums = {
        line.split()[0]: float(line.split()[1])
        for line in rows.splitlines()
        if "rows_per_call" in line and "#" not in line
    }
    megabytes = cloud.megabytes
    cloud.kill()
    wrong = sum(np.abs(np.array(answer) - requests[place][2]).max() > TOLERANCE for *_, place, answer in answers)
    undisturbed = [spent for start, spent, *_ in answers if not kill or start + spent < down[0] or start > down[1] + 5]
    percentiles = np.percentile(undisturbed, [50, 95, 99]) * 1000
    return {
        "requests answered": len(answers),
        "requests a second": round(len(answers) / seconds, 1),
        "wrong answers": int(wrong),
        "sent again": sum(retries for _, _, retries, *_ in answers),
        "cloud away (s)": round(down[1] - down[0], 1),
        "ms, 50 / 95 / 99 % of the requests": [round(each) for each in percentiles],
        "longest, with the kill (s)": round(max(spent for _, spent, *_ in answers), 1),
        "rows in a call of a network": round(
            sums["dance_tf_rows_per_call_sum"] / sums["dance_tf_rows_per_call_count"], 1
        ),
        "memory of the cloud (MB)": megabytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(1) as own:  # TensorFlow runs in a process that ends before the load
            places = own.submit(make_models, Path(folder)).result()
            requests = own.submit(make_requests, places).result()
        again = partial(load, places, requests, given.clients, given.seconds)
        found = {
            "batched, killed once": again(True, True),
            "batched": again(True, False),
            "each alone": again(False, False),
        }
    print(json.dumps({"clients": given.clients, "seconds": given.seconds, **found}, indent=1))
    if any(each["wrong answers"] for each in found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
