"""An edge and a cloud in two processes, over loopback: every cut gives the verdict of the whole model."""

import asyncio
import dataclasses
import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import httpx
import keras
import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app
from dance_tf.curation.run import close_pool, pooled_process
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.model.networks import REGISTERED, NetworkSettings
from dance_tf.pose.joints import cut_windows
from dance_tf.pose.skeleton import Skeletons
from dance_tf.serving import edge as serving_edge
from dance_tf.serving.cuts import CutModel
from dance_tf.serving.edge import CloudClient, CloudError, record, send_clip
from dance_tf.serving.verdict import classify_clip, network_inputs
from dance_tf.serving.wire import MAX_BODY, PACKINGS, WireError, pack_features, write_arrays
from dance_tf.video.frames import read_footage

ROOT = Path(__file__).resolve().parents[2]
STYLES = ("dark", "bright", "brightest")
TOKEN = "a long secret, überlang"
LARGE = bytes(MAX_BODY + 1)
BEARER = {"Authorization": f"Bearer {TOKEN}".encode()}
LENGTH = 2  # frames that a network of sequences reads
VIEWS = {
    "cnn_ae_attention": "difference",
    "cnn_lstm": "cutout",
    "skeleton_tcn": "skeleton",
    "skeleton_gcn": "skeleton",
    "fusion": "skeleton+cutout",
}
CUTS = {  # model, cut, packing: largest change of a probability, largest share of the bytes of the gray frames
    ("cnn_ae_attention", "frames", "exact"): (1e-5, 1.0),
    ("cnn_ae_attention", "1536", "float32"): (1e-5, 0.4),
    ("cnn_ae_attention", "1536", "float16"): (2e-3, 0.2),
    ("cnn_ae_attention", "1536", "int8"): (2e-2, 0.12),
    ("cnn_ae_attention", "400", "float32"): (1e-5, 0.1),
    ("cnn_ae_attention", "400", "int8"): (2e-2, 0.025),
    ("cnn_ae_attention", "150", "float32"): (1e-5, 0.04),
    ("cnn_ae_attention", "150", "int8"): (2e-2, 0.01),
    ("cnn_ae_attention", "verdict", "exact"): (1e-5, 0.001),
    ("cnn_lstm", "frames", "exact"): (1e-5, 1.2),
    ("skeleton_tcn", "skeletons", "float16"): (1e-5, 0.1),
    ("skeleton_tcn", "skeletons", "int16"): (2e-2, 0.06),
    ("skeleton_gcn", "skeletons", "float16"): (1e-5, 0.1),
    ("fusion", "frames", "exact"): (1e-5, 2.0),
    ("fusion", "verdict", "exact"): (1e-5, 0.001),
}


@pytest.fixture(scope="module")
def curated(blob_clips, danced):
    """Three clips of 36 frames, and of 24 s of skeletons with cut-outs; networks read 36 frames or 5 windows of one."""
    clips = blob_clips(styles=3, dancers=1, frames=36)
    found = []
    for number, clip in enumerate(clips):
        dance = danced(("Lottery", "Slide To the Left")[number % 2], number, 24.0)
        frames = clip.frames[:36]
        cutouts = np.where(frames > 40, frames, 0)[np.arange(len(dance.times)) % 36]
        part = {"frames": frames, "timestamps": clip.timestamps[:36], "skeletons": dance, "cutouts": cutouts}
        found.append(dataclasses.replace(clip, **part))
    return found


@pytest.fixture(scope="module")
def models(curated):
    """Models of all kinds with random weights. The last layer is scaled and shifted so that clips differ in style."""
    found = {}
    for name, view in VIEWS.items():
        keras.utils.set_random_seed(3)
        model = REGISTERED[name].build(NetworkSettings(classes=3, sequence_length=LENGTH))
        description = ModelDescription(STYLES, name, view, LENGTH if REGISTERED[name].sequence else 1)
        found[name] = CutModel(ModelBundle(model, description))
        logits = np.array([np.log(whole(found[name], clip)) for clip in curated])  # and a constant
        scale = 2 / logits.std(axis=0).max()
        last = model.get_layer("logits")
        last.set_weights([last.get_weights()[0] * scale, -logits.mean(axis=0) * scale])
    return found


def whole(model, clip):
    """The probabilities that a whole model gives a clip on this machine, by Keras alone."""
    parts = network_inputs(model.bundle.description, clip)
    return np.concatenate([model.bundle.model.predict(part, verbose=0) for part in parts]).mean(axis=0)


@pytest.fixture(scope="module")
def folders(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        save_bundle(folder / name, model.bundle)
    return folder


@pytest.fixture(scope="module")
def server(folders):
    """The process of a cloud with all models; the last test ends it."""
    command = [sys.executable, "-m", "dance_tf", "cloud", *(folders / name for name in VIEWS), "--port", "0"]
    command += ["--requests-per-minute", "1000000"]
    environment = {**os.environ, "DANCE_TF_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folders, env=environment) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def wholes(models, curated, server):  # the server starts at the same time
    return {name: np.array([whole(model, clip) for clip in curated]) for name, model in models.items()}


@pytest.fixture(scope="module")
def url(server, wholes):
    """The address of the cloud, once it can be reached; this process works until then."""
    line = server.stdout.readline()
    assert line.startswith("cloud at http://127.0.0.1:"), line
    return line.split()[2].rstrip(";")


def counts(url, *names):
    """Return counts of the server."""
    request = urllib.request.Request(
        f"{url}/metrics", headers={"Authorization": BEARER["Authorization"].decode("latin-1")}
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dance_tf"))
    return np.array([float(values.get(name, 0)) for name in names])


class Wire(socketserver.BaseRequestHandler):
    """Forwards a connection to the cloud, and counts the bytes from the edge."""

    def handle(self):
        with socket.create_connection(self.server.cloud) as cloud:
            back = threading.Thread(target=self.copy, args=(cloud, self.request))
            back.start()
            self.server.count += self.copy(self.request, cloud)
            back.join()

    def copy(self, source, target):
        count = 0
        while data := source.recv(1 << 16):
            target.sendall(data)
            count += len(data)
        target.shutdown(socket.SHUT_WR)
        return count


class Wires(socketserver.ThreadingTCPServer):
    daemon_threads, block_on_close = False, True


@contextmanager
def wire_to(url):
    """A wire to the cloud; its `count` is complete at the end."""
    with Wires(("127.0.0.1", 0), Wire) as wire:
        wire.cloud, wire.count = ("127.0.0.1", int(url.rpartition(":")[2])), 0
        threading.Thread(target=wire.serve_forever, daemon=True).start()
        yield wire
        wire.shutdown()


@pytest.mark.parametrize(("name", "cut", "packing"), CUTS)
def test_every_cut_gives_the_style_of_the_whole_model(models, curated, wholes, url, name, cut, packing):
    model, (tolerance, share), expected = models[name], CUTS[name, cut, packing], wholes[name]
    metrics = 'dance_tf_received_bytes_total{path="/v1/features"}', f'dance_tf_rows_total{{cut="{cut}"}}'
    before, lines = counts(url, *metrics), []
    with wire_to(url) as wire:
        with CloudClient(f"http://127.0.0.1:{wire.server_address[1]}", TOKEN, progress=lines.append) as client:
            found = np.array([send_clip(model, clip, client, cut, packing) for clip in curated])
    assert len({*expected.argmax(axis=1)}) > 1  # the clips differ in style
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    rows = {"verdict": 1, "skeletons": 5}.get(cut, 5 if name == "fusion" else 36)
    received, counted = counts(url, *metrics) - before
    assert (received, counted, client.retries) == (client.sent, rows * len(curated), 0)
    assert client.sent < wire.count < client.sent + 500 * client.requests  # with the headers
    assert wire.count < share * sum(clip.frames.nbytes for clip in curated)
    assert len(lines) == client.requests - len(curated) and all(line.startswith("so far ") for line in lines)


def test_a_recording_ends_after_its_time(clip, tmp_path):
    assert record(f"file://{clip}", 2.0, tmp_path / "recording") == ()
    part, whole = read_footage(tmp_path / "recording"), read_footage(clip)
    assert 20 <= len(part.frames) <= 23  # frames that are shown later than they are decoded
    np.testing.assert_array_equal(part.frames[:20], whole.frames[:20])
    np.testing.assert_allclose(part.timestamps[:20], whole.timestamps[:20], rtol=0, atol=1e-9)


def test_one_of_so_many_frames_or_skeletons_is_sent(models, curated, url):
    paper, skeletons = models["cnn_ae_attention"], models["skeleton_tcn"]
    thinned = Skeletons(*(values[::3] for values in vars(curated[0].skeletons).values()))
    inputs = {
        "400": np.concatenate(list(network_inputs(paper.bundle.description, curated[0])))[::3],
        "skeletons": cut_windows(thinned)[0],
    }
    for (cut, rows), model in zip(inputs.items(), (paper, skeletons), strict=True):
        expected = model.bundle.model.predict(rows, verbose=0).mean(axis=0)
        with CloudClient(url, TOKEN) as client:
            found = send_clip(model, curated[0], client, cut, PACKINGS[cut][0], every=3)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    with CloudClient(url, TOKEN) as client, pytest.raises(WireError, match="one of every 999 leaves fewer than two"):
        send_clip(skeletons, curated[0], client, "skeletons", "float16", every=999)


class Relay(http.server.BaseHTTPRequestHandler):
    """Forwards requests to the cloud; each fault of `server.faults` hits one of them."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        if fault == "lost on the way":
            return
        answer = httpx.post(self.server.cloud + self.path, content=body, headers=BEARER)
        if fault == "answer lost":
            return
        self.send_response(503 if fault == "busy" else answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content[: 10 if fault == "answer cut off" else None])

    def log_message(self, *_):
        pass


def listening(handler):
    """Return a running server on a free port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_lost_connections_cost_time_but_no_frame_counts_twice(models, curated, wholes, url, monkeypatch):
    monkeypatch.setattr(serving_edge, "PAUSE", (0.01, 0.1))
    counter = 'dance_tf_rows_total{cut="400"}'
    before, model, clip, lines = counts(url, counter), models["cnn_ae_attention"], curated[0], []
    with listening(Relay) as relay:
        relay.cloud, relay.faults = url, ["answer lost", "lost on the way", "none", "answer cut off", "busy"]
        with CloudClient(f"http://127.0.0.1:{relay.server_port}", progress=lines.append) as client:
            probabilities = send_clip(model, clip, client, "400", "float16")
        relay.shutdown()
    disconnected = f"{client.url} does not answer (Server disconnected without sending a response.): trying again for "
    assert lines[0] == f"{disconnected}180 s" and [line[:6] for line in lines[1:]] == ["so far", client.url[:6]]
    assert (client.requests, client.retries, relay.faults) == (2, 4, [])
    np.testing.assert_allclose(probabilities, wholes["cnn_ae_attention"][0], rtol=0, atol=2e-3)
    assert counts(url, counter) - before == 36


def edge(folders, source, *options, cloud, cut="400"):
    """Run the verb; returns its exit status, its document, and the lines on standard error."""
    arguments = ["edge", folders / "cnn_ae_attention", source, "--cut", cut, "--to", cloud, "--json", *options]
    result = CliRunner(env={"DANCE_TF_TOKEN": TOKEN}).invoke(app, [str(each) for each in arguments])
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr.splitlines()


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left():
    yield
    close_pool()


@pytest.fixture(scope="module")
def clip(tmp_path_factory, make_video, make_dance):
    """Four seconds of dancing, in a format that can be read as a stream."""
    return make_video(tmp_path_factory.mktemp("clip") / "dance.ts", make_dance(40, 128, 128), 10, options={"crf": "10"})


def test_a_file_and_a_stream_get_the_verdict_of_the_whole_model(models, folders, clip, url):
    with pooled_process() as process:
        expected = classify_clip(models["cnn_ae_attention"].bundle, clip, process)
    with listening(type("Files", (QuietFiles,), {"folder": clip.parent})) as streaming:
        stream = f"http://127.0.0.1:{streaming.server_port}/{clip.name}"
        found = [edge(folders, source, cloud=url) for source in (clip, stream)]
        streaming.shutdown()
    found.append(edge(folders, clip, cloud=url, cut="clip"))
    for (status, document, lines), source, cut in zip(found, (clip, stream, clip), ("400", "400", "clip"), strict=True):
        assert status == DONE
        assert document["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert [document[name] for name in ("clip", "cut", "style")] == [str(source), cut, expected.style]
        assert [document[name] for name in ("frames", "seconds")] == [expected.frames, expected.seconds]
        assert [line.split()[:2] for line in lines] == ([["so", "far"]] if cut == "400" else [])
        assert (document["requests"], document["retries"]) == (2 if cut == "400" else 1, 0)
    assert found[0][1]["probabilities"] == found[1][1]["probabilities"]
    assert found[2][1]["sent_bytes"] == clip.stat().st_size > found[0][1]["sent_bytes"]


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """Serves the files of `folder`."""

    def __init__(self, *arguments):
        super().__init__(*arguments, directory=self.folder)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("source", "options", "cloud", "reason"),
    [
        ("absent.mp4", (), None, "absent.mp4: no such file"),
        ("absent.mp4", ("--cut", "clip"), None, "absent.mp4: cannot be sent as a file (No such file or directory)"),
        ("http://127.0.0.1:1/x.ts", (), None, "http://127.0.0.1:1/x.ts: cannot be opened (Connection refused)"),
        (None, ("--cut", "clip", "--every", "2"), None, "the cut clip sends the whole file, and not one of so many"),
        (None, ("--cut", "skeletons"), None, "cannot be cut at 'skeletons': use one of clip, frames, 1536, 400, 150"),
        (None, ("--packing", "int16"), None, "the cut 400 cannot be packed as int16: use float32 or float16 or int8"),
        (None, (), "somewhere", "somewhere is not the address of a cloud, such as http://127.0.0.1:8000"),
        (None, ("--patience", "0"), "http://127.0.0.1:1", "http://127.0.0.1:1 does not answer ("),
    ],
)
def test_what_an_edge_cannot_do_is_one_line(folders, clip, url, source, options, cloud, reason):
    status, document, lines = edge(folders, source or clip, *options, cloud=cloud or url)
    assert (status, document) == (FAILED, {})
    assert lines[-1].startswith("dance_tf: ") and reason in lines[-1]


def test_a_refusal_of_the_cloud_is_one_line_and_not_tried_again(models, curated, url):
    other = CutModel(
        dataclasses.replace(models["cnn_ae_attention"].bundle, description=ModelDescription(STYLES, "other", "frame"))
    )
    for model, token, reason in (
        (models["cnn_ae_attention"], "wrong", r"refused the clip \(401: a wrong token, or none: set DANCE_TF_TOKEN\)"),
        (other, TOKEN, r"refused the clip \(404: no such model here: give edge and cloud the same model folder"),
    ):
        with CloudClient(url, token) as client, pytest.raises(CloudError, match=reason):
            send_clip(model, curated[0], client, "150", "int8")
        assert client.retries == 0
    with listening(QuietAnswers) as stranger, CloudClient(f"http://127.0.0.1:{stranger.server_port}") as client:
        with pytest.raises(CloudError, match="gave an answer to something else: is it a cloud of dance_tf"):
            send_clip(models["cnn_ae_attention"], curated[0], client, "150", "int8")
        stranger.shutdown()


class QuietAnswers(Relay):
    """Answers everything with an empty document."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def test_fuzz_broken_requests_cause_no_fault_of_the_server(server, models, url, mutate):
    amount = int(os.environ.get("DANCE_TF_FUZZ", "150").replace("nightly", "10000"))
    before = psutil.Process(server.pid).memory_info().rss
    good = write_arrays(pack_features(np.random.default_rng(1).normal(size=(2, 150)).astype(np.float32), "int8"))
    query = {"model": models["cnn_ae_attention"].bundle.fingerprint, "cut": "150", "packing": "int8", "rows": "2"}
    generator = np.random.default_rng(0)
    values = ("", "-1", "0", "3", "1e3", "9" * 5000, "nan", "\x00", "../..", "clip", "frames", "exact", "float16", "é")
    wrong = [query | {name: value} for name in query for value in values]
    asked = [(query, mutate(good, generator)) for _ in range(amount)] + [(each, good) for each in wrong]
    asked += [(query, generator.bytes(size)) for size in range(0, 2000, 100)] + [
        ({}, good),
        (query, LARGE),
        (query, good),
    ]

    async def post_all():
        async with httpx.AsyncClient(base_url=url, headers=BEARER, timeout=60) as client:
            few = asyncio.Semaphore(8)

            async def post(query, body):
                async with few:
                    return await client.post("/v1/features", params=query, content=body)

            return await asyncio.gather(*(post(*each) for each in asked))

    *answers, large, last = asyncio.run(post_all())
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 400, 404, 422} and statuses.count(200) < 0.05 * len(statuses)
    assert (large.status_code, last.status_code) == (413, 200)
    assert all("\n" not in answer.text and len(answer.text) < 250 for answer in answers)
    assert psutil.Process(server.pid).memory_info().rss - before < 200e6


def test_a_server_that_is_stopped_finishes_what_it_took(server, url, clip):
    """Last: it ends the server."""
    counter, answers = 'dance_tf_received_bytes_total{path="/v1/clips"}', []
    body = clip.read_bytes() + b"another clip for the server"
    before = counts(url, counter)

    def send():
        answers.append(httpx.post(f"{url}/v1/clips", content=body, headers=BEARER, timeout=60))

    (sending := threading.Thread(target=send)).start()
    while counts(url, counter) - before < len(body):
        continue
    server.send_signal(signal.SIGTERM)
    sending.join()
    assert [answer.status_code for answer in answers] == [200]
    assert server.wait() == 0
