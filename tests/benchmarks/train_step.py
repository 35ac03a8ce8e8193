"""Time a training step of CNN + AE + Attention in Keras beside the same network in plain PyTorch, in turn.

    .venv/bin/python tests/benchmarks/train_step.py --torch .venv-crosscheck/bin/python

PyTorch is in the environment of `make crosscheck`. Each variant runs in a process of its own and only while the others
wait. Both start from the same weights and get the same batches; the losses must agree before anything is timed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from targets import judge

BATCH, CLASSES, RATE, MOMENTUM = 32, 12, 0.03, 0.9
TARGETS = {"PyTorch over Keras": ("at_least", 1.0), "PyTorch over the fastest Keras": ("at_least", 1.5)}
BATCHES = 16  # different batches in a round
VARIANTS = {
    "Keras": ("keras", "float32"),
    "Keras, XLA": ("keras_xla", "float32"),
    "Keras, bfloat16": ("keras", "bfloat16"),
    "PyTorch": ("torch", "float32"),
    "PyTorch, channels last": ("torch_last", "float32"),
    "PyTorch, compiled": ("torch_compiled", "float32"),
    "PyTorch, channels last, bfloat16": ("torch_last", "bfloat16"),
}


def batches() -> tuple[np.ndarray, np.ndarray]:
    """Return frames uint8 [n, 128, 128, 1] that are mostly black, as after background subtraction, and labels."""
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 12, (BATCHES * BATCH, 128, 128, 1), dtype=np.uint8)
    labels = generator.integers(0, CLASSES, len(frames))
    for frame, label in zip(frames, labels, strict=True):
        top, left = 8 + 5 * label, generator.integers(20, 90)
        frame[top : top + 40, left : left + 12] = generator.integers(80, 255)
    return frames, labels


def start_keras(folder: Path, kind: str, precision: str, threads: int):
    """Return a function that trains for one round and returns the mean loss; write the first weights."""
    from dance_tf.dataset.backend import keep_freed_memory

    keep_freed_memory()  # as the verb `train`
    import keras
    import tensorflow as tf

    from dance_tf.model.layers import initialize_weights
    from dance_tf.model.networks import STRATEGIES, NetworkSettings
    from dance_tf.model.settings import Schedule

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = STRATEGIES["cnn_ae_attention"].build(NetworkSettings(classes=CLASSES))
    initialize_weights(model, 0)
    weights = folder / "weights.npz"
    if not weights.exists():
        np.savez(weights, **{weight.path: weight.numpy() for weight in model.weights})
    optimizer = Schedule(1, RATE, MOMENTUM).build_optimizer(1)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=kind == "keras_xla")
    x, y = batches()
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH, drop_remainder=True)
    return lambda: model.fit(data, verbose=0).history["loss"][0]


def torch_network(weights: dict[str, np.ndarray]):
    """Return the network of `build_hybrid` with both paths and attention as a PyTorch module, with Keras's weights."""
    import torch
    from torch import nn
    from torch.nn import functional

    def convolution(path: str, stride: int = 1) -> nn.Conv2d:
        kernel = torch.tensor(weights[f"{path}/kernel"]).permute(3, 2, 0, 1)
        layer = nn.Conv2d(
            kernel.shape[1], kernel.shape[0], 3, stride, 1 if stride == 1 else 0, bias=f"{path}/bias" in weights
        )
        layer.weight.data = kernel.contiguous()
        if layer.bias is not None:
            layer.bias.data = torch.tensor(weights[f"{path}/bias"])
        return layer

    def normalization(path: str) -> nn.BatchNorm2d:
        return nn.BatchNorm2d(len(weights[f"{path}/gamma"]), eps=1e-3, momentum=0.1)

    def dense(path: str) -> nn.Linear:
        kernel = torch.tensor(weights[f"{path}/kernel"])
        layer = nn.Linear(*kernel.shape)
        layer.weight.data, layer.bias.data = kernel.T.contiguous(), torch.tensor(weights[f"{path}/bias"])
        return layer

    class Attention(nn.Module):
        def __init__(self, path: str):
            super().__init__()
            self.reduce, self.expand = dense(f"{path}/reduce"), dense(f"{path}/expand")

        def forward(self, maps):
            gates = torch.sigmoid(self.expand(torch.relu(self.reduce(maps.mean((2, 3))))))
            return maps * gates[:, :, None, None]

    class Stride(nn.Module):
        """Keras pads an even side at its end only."""

        def __init__(self, path: str):
            super().__init__()
            self.convolution = convolution(path, 2)

        def forward(self, maps):
            return self.convolution(functional.pad(maps, (0, 1, 0, 1)))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            cnn, encoder = [], []
            for stage in range(1, 6):
                for place in ("first", "second"):
                    cnn += [convolution(f"cnn_{stage}/{place}_convolution"), nn.ReLU()]
                cnn += [nn.MaxPool2d(2)] + ([normalization(f"cnn_{stage}/normalization")] if stage > 1 else [])
                encoder.append(Stride(f"encoder_{stage}/convolution"))
                if stage < 5:
                    encoder += [normalization(f"encoder_{stage}/normalization"), nn.LeakyReLU(0.2)]
            encoder.append(normalization("encoder_normalization"))
            self.cnn = nn.Sequential(*cnn, Attention("cnn_attention"))
            self.encoder = nn.Sequential(*encoder, Attention("encoder_attention"))
            self.head = nn.Sequential(dense("dense_1"), nn.ReLU(), dense("dense_2"), nn.ReLU(), dense("logits"))

        def forward(self, frames):
            levels = frames.float() / 255
            mean = levels.mean((1, 2, 3), keepdim=True)
            deviation = (levels - mean).square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1 / 128)
            inputs = (levels - mean) / deviation
            small = functional.interpolate(functional.avg_pool2d(inputs, 2), scale_factor=2, mode="bilinear")
            paths = self.cnn(inputs), self.encoder(small)
            return self.head(torch.cat([maps.permute(0, 2, 3, 1).flatten(1) for maps in paths], 1))

    return Network()


def start_torch(folder: Path, kind: str, precision: str, threads: int):
    """Return a function that trains for one round and returns the mean loss."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    with np.load(folder / "weights.npz") as found:
        network = torch_network(dict(found))
    x, y = batches()
    frames, labels = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(y)
    if kind == "torch_last":
        network, frames = network.to(memory_format=torch.channels_last), frames.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM)
    forward = torch.compile(network) if kind == "torch_compiled" else network

    def train() -> float:
        losses = []
        for start in range(0, len(frames), BATCH):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = forward(frames[start : start + BATCH])
            loss = functional.cross_entropy(logits.float(), labels[start : start + BATCH])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    return train


def serve(folder: Path, kind: str, precision: str, threads: int) -> None:
    """Train a round for each line read, and answer with its mean loss and seconds."""
    train = (start_keras if kind.startswith("keras") else start_torch)(folder, kind, precision, threads)
    for _ in sys.stdin:
        started = time.perf_counter()
        loss = train()
        print(f"result {loss:.9f} {time.perf_counter() - started:.6f}", flush=True)


class Variant:
    """A process that trains a round when asked."""

    def __init__(self, python: str, *arguments: str):
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": root, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [python, __file__, "--serve", *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def round(self) -> tuple[float, float]:
        """Train a round; return its mean loss and milliseconds a step."""
        print(file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("result "):
                _, loss, seconds = line.split()
                return float(loss), 1000 * float(seconds) / BATCHES
        raise SystemExit(f"{' '.join(self.process.args[3:])} ended: run it alone with --serve to see why")


def rounds(variants: dict[str, Variant], count: int) -> Iterator[tuple[str, float]]:
    """Yield the name of a variant and milliseconds a step, one variant after the other, `count` times."""
    for _ in range(count):
        for name, variant in variants.items():
            yield name, variant.round()[1]


def profile(rows: int = 15) -> None:
    """Print which operations of a step in Keras take most of its time, as TensorFlow's profiler measures them."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        train = start_keras(Path(folder), "keras", "float32", 1)
        train()
        tf.profiler.experimental.start(folder)
        train()
        tf.profiler.experimental.stop()
        [file] = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(file.read_bytes())
    spent: dict[str, float] = defaultdict(float)
    for plane in space.planes:
        names = {key: found.name for key, found in plane.event_metadata.items()}
        for event in (event for line in plane.lines for event in line.events):
            operation, _, kind = names[event.metadata_id].rpartition(":")
            if "/" in operation:  # others contain these
                stage = re.search(r"(cnn|encoder|dense)_[1-5]|lower_resolution|sgd", operation)
                spent[f"{stage.group() if stage else 'other'}, {kind}"] += event.duration_ps / 1e9 / BATCHES
    total = sum(spent.values())
    print(f"{total:.1f} ms a step in operations, of it:")
    for name, milliseconds in sorted(spent.items(), key=lambda item: -item[1])[:rows]:
        print(f"{milliseconds:7.2f} ms {milliseconds / total:5.1%}  {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", default=".venv-crosscheck/bin/python", help="Python that has PyTorch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="names of variants")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--profile", action="store_true", help="print which operations take most of the time")
    parser.add_argument("--serve", nargs=3, metavar=("FOLDER", "KIND", "PRECISION"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(Path(given.serve[0]), *given.serve[1:], given.threads)
        return
    if given.profile:
        profile()
        return
    with tempfile.TemporaryDirectory() as folder:
        variants, first = {}, {}
        for name in given.only:
            kind, precision = VARIANTS[name]
            python = sys.executable if kind.startswith("keras") else given.torch
            variants[name] = Variant(python, folder, kind, precision, "--threads", str(given.threads))
            first[name] = variants[name].round()[0]  # compiles, and shows that the networks are the same
        exact = [first[name] for name in given.only if VARIANTS[name][1] == "float32"]
        if max(exact) - min(exact) > 0.02:
            raise SystemExit(f"the networks differ: mean losses of the first round {first}")
        taken: dict[str, list[float]] = {name: [] for name in variants}
        for name, milliseconds in rounds(variants, given.rounds):
            taken[name].append(milliseconds)
    medians = {name: float(np.median(found)) for name, found in taken.items()}
    if given.json:
        keras = [median for name, median in medians.items() if name.startswith("Keras")]
        known = medians | ({"the fastest Keras": min(keras)} if keras else {})
        print(json.dumps({"measured": medians, "targets": judge(known, TARGETS)}, indent=2))
        return
    reference = medians.get("PyTorch", np.nan)
    print(f"{given.threads} thread(s), batch of {BATCH}, median of {given.rounds} rounds of {BATCHES} steps")
    for name, median in medians.items():
        print(f"{name:34s} {median:7.1f} ms a step   {reference / median:5.2f} x PyTorch")


if __name__ == "__main__":
    main()
