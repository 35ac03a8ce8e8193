"""An edge and a cloud in two processes, over loopback: every cut gives the verdict of the whole model."""

import asyncio
import dataclasses
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import httpx
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app
from dance_tf.curation.run import close_pool, pooled_process
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH
from dance_tf.serving import edge as serving_edge
from dance_tf.serving.cuts import CutModel
from dance_tf.serving.edge import CloudClient, CloudError, record, send_clip
from dance_tf.serving.verdict import classify_clip, network_inputs
from dance_tf.serving.wire import MAX_MESSAGE, Message, pack_features, write_message
from dance_tf.video.frames import read_footage

ROOT = Path(__file__).resolve().parents[2]
STYLES = ("dark", "bright", "brightest")
TOKEN = "a long secret"
LARGE = bytes(MAX_MESSAGE + 1)
CUTS = {  # model, cut, packing: largest change of a probability, largest share of the bytes of the gray frames
    ("hybrid", "frames", None): (1e-6, 1),
    ("hybrid", "1536", "float32"): (1e-6, 0.5),
    ("hybrid", "1536", "float16"): (3e-4, 0.25),
    ("hybrid", "1536", "int8"): (2e-3, 0.1),
    ("hybrid", "400", "float32"): (1e-6, 0.1),
    ("hybrid", "400", "int8"): (2e-3, 0.02),
    ("hybrid", "150", "float32"): (1e-6, 0.04),
    ("hybrid", "150", "int8"): (2e-3, 0.01),
    ("hybrid", "verdict", None): (1e-6, 0.001),
    ("skeletons", "skeletons", "float16"): (1e-6, 0.1),
    ("skeletons", "skeletons", "int16"): (1e-3, 0.06),
    ("skeletons", "verdict", None): (1e-6, 0.001),
}


def network(view: str) -> keras.Model:
    """A small network with the layers at which the paper's is cut; its last kernel is large, so that clips differ."""
    keras.utils.set_random_seed(3)
    if view == "skeleton":
        inputs = keras.Input((LENGTH, len(JOINTS), CHANNELS))
        outputs = keras.layers.Flatten()(inputs[:, ::8])
    else:
        inputs = keras.Input((128, 128, 1), dtype="uint8")
        outputs = keras.layers.AveragePooling2D(16)(keras.layers.Rescaling(1 / 64)(inputs))
        outputs = keras.layers.Flatten()(outputs)
        for units, name in ((1536, "fusion"), (400, "dense_1"), (150, "dense_2")):
            outputs = keras.layers.Dense(units, "relu", name=name)(outputs)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax", name="shares")(outputs))
    kernel, offsets = model.get_layer("shares").get_weights()
    model.get_layer("shares").set_weights([kernel * (1 if view == "skeleton" else 60), offsets])
    return model


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, view in (("hybrid", "difference"), ("skeletons", "skeleton")):
        save_bundle(folder / name, ModelBundle(network(view), ModelDescription(STYLES, name, view)))
    return folder


@pytest.fixture(scope="module")
def server(folders):
    """The process of a cloud with both models; the last test ends it."""
    command = [sys.executable, "-m", "dance_tf", "cloud", folders / "hybrid", folders / "skeletons", "--port", "0"]
    command += ["--requests-per-minute", "1000000"]
    environment = {**os.environ, "DANCE_TF_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folders, env=environment) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def url(server, wholes):
    """The address of the cloud, once it can be reached; this process works until then."""
    line = server.stdout.readline()
    assert line.startswith("cloud at http://127.0.0.1:"), line
    return line.split()[2].rstrip(";")


@pytest.fixture(scope="module")
def models(folders, server):  # the server starts at the same time
    from dance_tf.model.bundle import load_bundle

    return {name: CutModel(load_bundle(folders / name)) for name in ("hybrid", "skeletons")}


@pytest.fixture(scope="module")
def curated(blob_clips, danced):
    """Two clips of 40 frames, in two messages of frames, and of 24 s of skeletons, in two messages of windows."""
    import dataclasses

    clips = blob_clips(styles=1, dancers=2, frames=40)
    dances = danced("Lottery", 0, 24.0), danced("Slide To the Left", 1, 24.0)
    return [dataclasses.replace(clip, skeletons=dance) for clip, dance in zip(clips, dances, strict=True)]


def counts(url, *names):
    """Return counts of the server."""
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dance_tf"))
    return np.array([float(values.get(name, 0)) for name in names])


@pytest.fixture(scope="module")
def wholes(models, curated):
    """The probabilities that the whole models give each clip on this machine."""
    found = {}
    for name, model in models.items():
        inputs = [np.concatenate(list(network_inputs(model.bundle.description, clip))) for clip in curated]
        found[name] = [model.predict("inputs", rows).mean(axis=0, dtype=np.float64) for rows in inputs]
    return found


@pytest.mark.parametrize(("name", "cut", "packing"), CUTS)
def test_every_cut_gives_the_verdict_of_the_whole_model(models, curated, wholes, url, name, cut, packing):
    model, (tolerance, share) = models[name], CUTS[name, cut, packing]
    metrics = 'dance_tf_received_bytes_total{path="/v1/features"}', f'dance_tf_rows_total{{cut="{cut}"}}'
    before, lines, found = counts(url, *metrics), [], []
    with CloudClient(url, TOKEN) as client:
        for clip in curated:
            messages, probabilities = send_clip(model, clip, client, cut, packing, progress=lines.append)
            assert messages == (1 if cut == "verdict" else 2)
            found.append(probabilities)
    expected = wholes[name]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    assert [each.argmax() for each in found] == [each.argmax() for each in expected]
    assert np.abs(expected[0] - expected[1]).max() > 5 * tolerance  # the clip matters
    assert all(line.startswith("so far ") for line in lines) and len(lines) == (0 if cut == "verdict" else 2)
    rows = {"verdict": 2, "skeletons": 10}.get(cut, sum(len(clip.frames) for clip in curated))
    received, counted = counts(url, *metrics) - before
    assert (received, counted) == (client.sent, rows) and client.retries == 0
    frames = sum(clip.frames.nbytes for clip in curated)
    assert 0 < client.sent < share * frames


def test_a_recording_ends_after_its_time(clip, tmp_path):
    assert record(f"file://{clip}", 2.0, tmp_path / "recording") == ()
    part, whole = read_footage(tmp_path / "recording"), read_footage(clip)
    assert 20 <= len(part.frames) <= 23  # frames that are shown later than they are decoded
    np.testing.assert_array_equal(part.frames[:20], whole.frames[:20])
    np.testing.assert_allclose(part.timestamps[:20], whole.timestamps[:20], rtol=0, atol=1e-9)


def test_one_of_so_many_frames_is_sent(models, curated, url):
    model, [clip, _] = models["hybrid"], curated
    inputs = np.concatenate(list(network_inputs(model.bundle.description, clip)))
    with CloudClient(url, TOKEN) as client:
        _, probabilities = send_clip(model, clip, client, "400", every=7)
    np.testing.assert_allclose(probabilities, model.predict("inputs", inputs[::7]).mean(axis=0), rtol=0, atol=1e-6)


class Relay(http.server.BaseHTTPRequestHandler):
    """Forwards requests to the cloud; each fault of `server.faults` hits one of them."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        if fault == "lost on the way":
            return
        answer = httpx.post(self.server.cloud + self.path, content=body, headers={"Authorization": f"Bearer {TOKEN}"})
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
    monkeypatch.setattr(serving_edge, "WAIT", (0.01, 0.1))
    counter = 'dance_tf_rows_total{cut="400"}'
    before, model, [clip, _] = counts(url, counter), models["hybrid"], curated
    with listening(Relay) as relay, CloudClient(f"http://127.0.0.1:{relay.server_port}") as client:
        relay.cloud, relay.faults = url, ["answer lost", "lost on the way", "none", "answer cut off", "busy"]
        messages, probabilities = send_clip(model, clip, client, "400")
        relay.shutdown()
    assert (messages, client.retries, relay.faults) == (2, 4, [])
    np.testing.assert_allclose(probabilities, wholes["hybrid"][0], rtol=0, atol=1e-6)
    assert counts(url, counter) - before == len(clip.frames)


def edge(folders, source, *options, cloud, cut="400"):
    """Run the verb; returns its exit status, its document, and the lines on standard error."""
    arguments = ["edge", folders / "hybrid", source, "--cut", cut, "--to", cloud, "--json", *options]
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
        expected = classify_clip(models["hybrid"].bundle, clip, process)
    with listening(type("Files", (QuietFiles,), {"folder": clip.parent})) as streaming:
        stream = f"http://127.0.0.1:{streaming.server_port}/{clip.name}"
        found = [edge(folders, source, cloud=url) for source in (clip, stream)]
        streaming.shutdown()
    found.append(edge(folders, clip, cloud=url, cut="clip"))
    for (status, document, lines), source, cut in zip(found, (clip, stream, clip), ("400", "400", "clip"), strict=True):
        assert status == DONE
        assert document["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
        assert [document[name] for name in ("clip", "cut", "style")] == [str(source), cut, expected.style]
        assert [document[name] for name in ("frames", "seconds")] == [expected.frames, expected.seconds]
        assert [line.split()[:2] for line in lines] == ([["so", "far"]] if cut == "400" else [])
        assert (document["messages"], document["retries"]) == (2 if cut == "400" else 1, 0)
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
        dataclasses.replace(models["hybrid"].bundle, description=ModelDescription(STYLES, "other", "frame"))
    )
    for model, token, reason in (
        (models["hybrid"], "wrong", r"refused the clip \(401: a wrong token, or none: set DANCE_TF_TOKEN\)"),
        (other, TOKEN, r"refused the clip \(400: the message is for another model: give edge and cloud the same"),
    ):
        with CloudClient(url, token) as client, pytest.raises(CloudError, match=reason):
            send_clip(model, curated[0], client, "150")
        assert client.retries == 0
    with listening(QuietAnswers) as stranger, CloudClient(f"http://127.0.0.1:{stranger.server_port}") as client:
        with pytest.raises(CloudError, match="gave an answer to something else: is it a cloud of dance_tf"):
            send_clip(models["hybrid"], curated[0], client, "150")
        stranger.shutdown()


class QuietAnswers(Relay):
    """Answers everything with an empty document."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def test_hundreds_of_broken_messages_cause_no_fault_of_the_server(models, url, mutate):
    features = pack_features(np.random.default_rng(1).normal(size=(2, 150)).astype(np.float32), "int8")
    good = write_message(Message(models["hybrid"].bundle.fingerprint, "ab" * 16, 0, "150", features))
    generator = np.random.default_rng(0)
    bodies = [mutate(good, generator) for _ in range(300)] + [generator.bytes(size) for size in range(0, 4000, 50)]

    async def post_all():
        async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            few = asyncio.Semaphore(8)

            async def post(body):
                async with few:
                    return await client.post("/v1/features", content=body)

            return await asyncio.gather(*map(post, (*bodies, LARGE, good)))

    *answers, large, last = asyncio.run(post_all())
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 400} and statuses.count(400) > 0.9 * len(statuses)
    assert (large.status_code, last.status_code) == (413, 200)
    assert all("\n" not in answer.text and "Traceback" not in answer.text for answer in answers)


def test_a_server_that_is_stopped_finishes_what_it_took(server, url, clip):
    """Last: it ends the server."""
    counter, answers = 'dance_tf_received_bytes_total{path="/v1/clips"}', []
    body = clip.read_bytes() + b"another clip for the server"
    before = counts(url, counter)

    def send():
        answers.append(httpx.post(f"{url}/v1/clips", content=body, headers={"Authorization": f"Bearer {TOKEN}"}))

    (sending := threading.Thread(target=send)).start()
    while counts(url, counter) - before < len(body):
        continue
    server.send_signal(signal.SIGTERM)
    sending.join()
    assert [answer.status_code for answer in answers] == [200]
    assert server.wait() == 0
