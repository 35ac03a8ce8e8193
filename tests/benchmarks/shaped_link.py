"""Measure the time to a verdict over a slow link: `sudo python tests/benchmarks/shaped_link.py [--seconds 10]`.

The edge runs in a network namespace of its own. `tc` limits its link to the cloud to each of the uplinks of the
report, in both directions; nothing is added to the round trip. Each cut of the paper's network (untrained) is used for
one clip by `classify_at_edge`, three times. The median is put beside the latency that `plan` computes.

Prints one JSON document. The exit status is 1 if a computed latency is over a quarter and 0.2 s away from the measured
one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from read_footage import make_clip

ROOT = Path(__file__).resolve().parents[2]
FORGETFUL = "import dance_tf.serving.cloud as cloud; cloud.REMEMBERED = 0; from dance_tf.cli import app; app()"
SPACE, NEAR, FAR = "dance_edge", "10.213.0.1", "10.213.0.2"  # namespace; addresses of cloud and edge
TOKEN = "benchmark"
ROUNDS = 3
FACTOR, SECONDS = 1.25, 0.2


def run(command: str) -> None:
    subprocess.run(command.split(), check=True)


def open_link() -> None:
    close_link()
    run(f"ip netns add {SPACE}")
    run("ip link add dance_near type veth peer name dance_far")
    run(f"ip link set dance_far netns {SPACE}")
    run(f"ip addr add {NEAR}/24 dev dance_near")
    run("ip link set dance_near up")
    run(f"ip netns exec {SPACE} ip addr add {FAR}/24 dev dance_far")
    run(f"ip netns exec {SPACE} ip link set dance_far up")


def close_link() -> None:
    for command in (f"ip netns del {SPACE}", "ip link del dance_near"):
        subprocess.run(command.split(), check=False, stderr=subprocess.DEVNULL)


def shape(bits_per_second: float) -> None:
    for inside, device in (("", "dance_near"), (f"ip netns exec {SPACE} ", "dance_far")):
        run(f"{inside}tc qdisc replace dev {device} root tbf rate {bits_per_second:.0f}bit burst 16kb latency 400ms")


def edge(model: Path, clip: Path, port: int) -> None:
    """Classify the clip at each cut for each line on standard input, and write the seconds of each as one line."""
    from dance_tf.model.bundle import load_bundle
    from dance_tf.serving.cuts import CutModel
    from dance_tf.serving.edge import CloudClient, classify_at_edge
    from dance_tf.serving.plan import measure_cuts
    from dance_tf.serving.wire import PACKINGS

    cut_model = CutModel(load_bundle(model))
    measure_cuts(cut_model, [clip], 1)  # warm
    places = [(cut, packing) for cut in cut_model.cuts for packing in PACKINGS.get(cut, ("",))]
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds: dict[str, list[float]] = {}
        for cut, packing in places * ROUNDS:
            with CloudClient(f"http://{NEAR}:{port}", TOKEN) as client:
                verdict = classify_at_edge(cut_model, str(clip), client, cut, packing)
            seconds.setdefault(f"{cut} {packing}".removesuffix(" exact").strip(), []).append(verdict.elapsed)
        print(json.dumps({name: statistics.median(values) for name, values in seconds.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of the clip")
    given = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("run it as root: network namespaces and tc need it")

    from load_cloud import make_models

    from dance_tf.model.bundle import load_bundle
    from dance_tf.report.edge_cloud import UPLINKS, name_cut
    from dance_tf.serving.cuts import CutModel
    from dance_tf.serving.plan import measure_cuts, with_latency

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "DANCE_TF_TOKEN": TOKEN}
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with tempfile.TemporaryDirectory() as folder:
        make_clip(clip := Path(folder) / "clip.mp4", given.seconds)
        model = make_models(Path(folder))[0]
        costs = measure_cuts(CutModel(load_bundle(model)), [clip])
        open_link()
        serve = [sys.executable, "-c", FORGETFUL, "cloud", str(model), "--host", NEAR, "--port", "0"]
        try:
            with subprocess.Popen([*serve, "--requests-per-minute", "1000000"], **piped) as cloud:
                port = cloud.stdout.readline().split(";")[0].rpartition(":")[2]
                inside = ["ip", "netns", "exec", SPACE, sys.executable, __file__, "--edge", str(model), str(clip), port]
                with subprocess.Popen(inside, **piped) as near:
                    near.stdout.readline()
                    rows = []
                    for uplink in UPLINKS:
                        shape(uplink)
                        near.stdin.write("go\n")
                        near.stdin.flush()
                        measured = json.loads(near.stdout.readline())
                        for row in with_latency(costs, uplink, 0.0).to_dict("records"):
                            name = name_cut(row)
                            pair = {"measured": measured[name], "computed": row["latency"]}
                            rows.append({"uplink": uplink, "cut": name, "bytes": row["bytes"], **pair})
                    near.stdin.close()
                cloud.terminate()
        finally:
            close_link()
    for row in rows:
        low, high = sorted((row["measured"], row["computed"]))
        row["agree"] = high <= FACTOR * low + SECONDS
        row |= {name: round(row[name], 2) for name in ("measured", "computed")}
    print(json.dumps(rows, indent=1))
    if not all(row["agree"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--edge"]:
        edge(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
