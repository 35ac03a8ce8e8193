"""The server in this process: what it refuses, how it batches, what it says of itself."""

import asyncio
import os
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import hypothesis
import keras
import numpy as np
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance
from typer.testing import CliRunner

from dance_tf.cli import FAILED
from dance_tf.cli import app as verbs
from dance_tf.curation.parts import PartError
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.pose.weights import WeightsError
from dance_tf.serving import cloud as serving_cloud
from dance_tf.serving.cloud import Batcher, CloudSettings, make_app
from dance_tf.serving.cuts import CutModel
from dance_tf.serving.wire import MAX_BODY, write_arrays
from dance_tf.video.isolation import LostProcess

STYLES = ("slow", "fast")
TOKEN = "a long secret"
SECRETS = ("Traceback", "/work", "/tmp", "/home", ".py", TOKEN)
SLOW = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much]
FUZZED = int(os.environ.get("DANCE_TF_FUZZ", "20").replace("nightly", "2000"))  # requests of each endpoint
HALVES = {"features": np.full((2, 150), 0.5, np.float32)}
LARGE = {"features": np.full((1, 150), 127, np.int8), "scales": np.full(150, 3e38, np.float32)}


def tiny() -> ModelBundle:
    """A network of two layers that can be cut at 150 features; the probability of "fast" grows with the first one."""
    frames = keras.Input((128, 128, 1), dtype="uint8")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(frames))
    features = keras.layers.Dense(150, name="dense_2", kernel_initializer="ones")(means)
    logits = keras.layers.Dense(2, name="logits", kernel_initializer="zeros")
    model = keras.Model(frames, keras.layers.Softmax()(logits(features)))
    kernel = np.zeros((150, 2), np.float32)
    kernel[0] = [-1, 1]
    logits.set_weights([kernel, np.zeros(2, np.float32)])
    return ModelBundle(model, ModelDescription(STYLES, "/home/me/own.py:tiny", "frame"))


@pytest.fixture(scope="module")
def bundle():
    return tiny()


def part_of(bundle, arrays=HALVES, **changes):
    """A request with features of frames, as arguments of `ask`."""
    query = {"model": bundle.fingerprint, "cut": "150", "packing": "float32", "rows": 2}
    return {"path": "/v1/features", "body": write_arrays(arrays), "params": query | changes}


async def send(client, path, body=None, **options):
    """Send a request; with a body it is a POST."""
    return await client.request("GET" if body is None else "POST", path, content=body, **options)


def within(app, talk):
    """Run `talk(client)` with a client of the server, in one event loop."""

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cloud") as client:
            return await talk(client)

    return asyncio.run(run())


def ask(app, *request, **options):
    return within(app, lambda client: send(client, *request, **options))


def error_of(response):
    """Return why a request was refused; the answer is one line that tells nothing about the machine."""
    assert response.headers["content-type"] == "application/json"
    [(name, reason)] = response.json().items()
    assert name == "detail" and "\n" not in response.text
    assert not any(secret in response.text for secret in SECRETS)
    return reason


def samples(text):
    """Return the metrics that are not zero, by name and labels."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dance_tf")]
    return {name: float(value) for name, value in lines if float(value)}


def test_a_part_gets_the_mean_probabilities_of_its_rows(bundle):
    response = ask(make_app([("tiny", bundle)]), **part_of(bundle))
    expected = 1 / (1 + np.exp(-1.0))
    answer = response.json()
    assert response.status_code == 200
    assert answer.pop("probabilities") == pytest.approx({"slow": 1 - expected, "fast": expected}, abs=1e-6)
    assert answer == {"model": bundle.fingerprint, "rows": 2}


@pytest.mark.parametrize(
    ("given", "status"),
    [(f"Bearer {TOKEN}", 200), ("", 401), (TOKEN, 401), ("Bearer a long", 401), ("Bearer \xe9", 401)],
)
def test_only_clients_with_the_token_are_served(bundle, given, status):
    app, header = make_app([("tiny", bundle)], CloudSettings(TOKEN)), {"Authorization": given.encode()}
    for request in ({"path": "/v1/models"}, {"path": "/metrics"}, part_of(bundle), {"path": "/v1/clips", "body": b""}):
        response = ask(app, **request, headers=header)
        assert response.status_code == (422 if (status, request["path"]) == (200, "/v1/clips") else status)
        if status == 401:
            assert error_of(response) == "a wrong token, or none: set DANCE_TF_TOKEN"
    assert ask(app, "/healthz").json() == {"status": "ok"}


def test_one_address_may_send_so_many_requests_a_minute(bundle, monkeypatch):
    app = make_app([("tiny", bundle)], CloudSettings(requests_per_minute=3))
    clock = [59.0] * 5 + [61.0]
    monkeypatch.setattr(serving_cloud, "monotonic", lambda: clock[0])

    async def talk(client):
        responses = []
        while clock:
            responses.append(await client.get("/v1/models"))
            clock.pop(0)
        return responses

    responses = within(app, talk)
    assert [response.status_code for response in responses] == [200, 200, 200, 429, 429, 200]
    assert error_of(responses[-2]) == "too many requests: wait a minute" and responses[-2].headers["Retry-After"]


@pytest.mark.parametrize("size", [MAX_BODY + 1, 2 * MAX_BODY + 1])
def test_a_body_over_the_limit_is_refused(bundle, size):
    app = make_app([("tiny", bundle)], CloudSettings(clip_bytes=MAX_BODY))
    for path in ("/v1/features", "/v1/clips"):
        query = part_of(bundle)["params"] if path == "/v1/features" else {}
        response = ask(app, path, bytes(size), params=query)
        assert (response.status_code, error_of(response)) == (413, "a body of over 4,194,304 bytes")


def test_a_client_that_sends_too_slowly_is_refused(bundle):
    async def stops():
        yield b"DTFW"
        await asyncio.Event().wait()

    response = ask(make_app([("tiny", bundle)], CloudSettings(seconds=0.05)), **part_of(bundle) | {"body": stops()})
    assert (response.status_code, error_of(response)) == (408, "the body came too slowly: 4 bytes so far")


def test_a_slow_link_has_time_for_a_large_body(bundle):
    async def steady():
        for _ in range(4):
            yield bytes(20_000)
            await asyncio.sleep(0.1)

    response = ask(make_app([("tiny", bundle)], CloudSettings(seconds=0.2)), **part_of(bundle) | {"body": steady()})
    assert response.status_code == 400, response.text


@pytest.mark.parametrize(
    ("how", "path", "body", "status", "reason"),
    [
        ("POST", "/v1/features", b"", 422, "model: Field required"),
        ("POST", "/v1/features?model=x&cut=clip", b"", 422, "cut: Input should be 'frames', 'skeletons', '1536', "),
        ("POST", "/v1/features?model=/etc/passwd&cut=150&packing=int8&rows=1", b"", 404, "no such model here: "),
        ("POST", "/v1/clips", b"no video", 422, "clip: not a video that can be opened"),
        ("POST", "/v1/clips?model=other", b"", 404, "no such model here: give edge and cloud the same model folder"),
        ("GET", "/v1/clips", None, 405, "Method Not Allowed"),
        ("GET", "/v1/../etc/passwd", None, 404, "Not Found"),
    ],
)
def test_wrong_requests_get_one_line(bundle, how, path, body, status, reason):
    response = within(make_app([("tiny", bundle)]), lambda client: client.request(how, path, content=body))
    assert response.status_code == status and error_of(response).startswith(reason)


@pytest.mark.parametrize(
    ("arrays", "query", "reason"),
    [
        (HALVES, {"cut": "400"}, "this model cannot be cut at '400': use one of clip, frames, 150, verdict"),
        (
            HALVES,
            {"cut": "skeletons"},
            "this model cannot be cut at 'skeletons': use one of clip, frames, 150, verdict",
        ),
        (HALVES, {"packing": "int16"}, "the cut 150 cannot be packed as int16: use float32 or float16 or int8"),
        (HALVES, {"rows": 3}, "the body has another size than the query says"),
        (HALVES, {"rows": 1025}, "1,025 rows are over the limit of 1,024 for the cut 150"),
        (HALVES, {"cut": "verdict", "packing": "exact"}, "the body has another size than the query says"),
        (
            HALVES,
            {"cut": "frames", "packing": "exact", "rows": 1024},
            "16,777,216 bytes are too many for one request: the limit is 8,388,608",
        ),
        (LARGE, {"packing": "int8", "rows": 1}, "the values are so large that they give no probabilities"),
    ],
)
def test_parts_that_the_model_cannot_go_on_from_are_refused(bundle, arrays, query, reason):
    response = ask(make_app([("tiny", bundle)]), **part_of(bundle, arrays, **query))
    assert (response.status_code, error_of(response)) == (400, reason)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        (LostProcess("the decoder crashed (SIGSEGV)"), 422, "the decoder crashed (SIGSEGV)"),
        (MemoryError(), 422, "needs more memory than a decoding process may take"),
        (WeightsError("set it to /home/me/file"), 501, "this cloud cannot find skeletons in a video: send skeletons"),
        (PartError("/tmp/x: cannot be written"), 500, "a fault of the cloud; its log has the details"),
    ],
)
def test_a_clip_that_cannot_be_curated_is_refused_without_details_of_the_machine(
    bundle, monkeypatch, caplog, fault, status, reason
):
    def fails(*arguments):
        raise fault

    monkeypatch.setattr(serving_cloud, "curated_clip", fails)
    response = ask(make_app([("tiny", bundle)]), "/v1/clips", b"a clip")
    assert (response.status_code, error_of(response)) == (status, reason)
    assert ("/tmp/x: cannot be written" in caplog.text) == (status == 500)


@pytest.mark.parametrize("path", ["/v1/clips", "/v1/features"])
def test_a_server_holds_few_bodies_and_leaves_none(bundle, monkeypatch, tmp_path, path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(serving_cloud, "CLIPS_HELD", 1)
    monkeypatch.setattr(serving_cloud, "PARTS_HELD", 1)
    query = {} if path == "/v1/clips" else part_of(bundle)["params"]
    arrived, ready = asyncio.Event(), asyncio.Event()

    async def slowly():
        arrived.set()
        await ready.wait()
        yield b"no video"

    async def talk(client):
        first = asyncio.create_task(send(client, path, slowly(), params=query))
        await arrived.wait()
        second = await send(client, path, b"no video", params=query)
        ready.set()
        return second, await first, await send(client, path, b"neither", params=query)

    responses = within(make_app([("tiny", bundle)]), talk)
    status = 422 if path == "/v1/clips" else 400
    assert [response.status_code for response in responses] == [503, status, status]
    assert error_of(responses[0]) == "busy: send the same again" and responses[0].headers["Retry-After"]
    assert not list(tmp_path.glob("dance_tf-*"))


def test_a_request_sent_again_is_computed_and_counted_once(bundle, monkeypatch):
    """The first time, the answer is not ready within the time; later it is."""
    ready, calls, whole = threading.Event(), [], CutModel.predict

    def waits(model, stage, *parts):
        calls.append(sum(map(len, parts)))
        assert ready.wait(30)
        return whole(model, stage, *parts)

    monkeypatch.setattr(CutModel, "predict", waits)
    app = make_app([("tiny", bundle)], CloudSettings(seconds=0.1, requests_per_minute=100_000))

    async def talk(client):
        async def persist(arrays):
            while (response := await send(client, **part_of(bundle, arrays))).status_code == 503:
                continue
            return response

        first = await send(client, **part_of(bundle))
        ready.set()
        answers = [await persist(arrays) for arrays in (HALVES, {"features": HALVES["features"] * 2}, HALVES)]
        return first, *answers, await client.get("/metrics")

    first, again, other, third, metrics = within(app, talk)
    assert (first.status_code, error_of(first)) == (503, "no answer yet: send the same again")
    assert (again.status_code, other.status_code, calls) == (200, 200, [2, 2])
    assert again.json() == third.json() != other.json()
    counted = samples(metrics.text)
    assert counted['dance_tf_rows_total{cut="150"}'] == 4
    assert counted["dance_tf_rows_per_call_count"] == 2


def test_rows_that_wait_share_a_call_of_the_network():
    ready, calls = threading.Event(), []

    def double(*parts):
        assert ready.wait(30)
        rows = np.concatenate(parts)
        if len(rows) == 1020:
            raise RuntimeError("this call fails")
        return rows * 2

    async def run():
        with ThreadPoolExecutor(1) as pool:
            batcher = Batcher(double, pool, calls.append)
            sizes = (3, 1, 2, 5, 1020, 30)
            waiting = [asyncio.create_task(batcher(np.full((sizes[0], 4), sizes[0])))]
            while not calls:  # the first is in the network
                await asyncio.sleep(0)
            waiting += [asyncio.create_task(batcher(np.full((size, 4), size))) for size in sizes[1:]]
            await asyncio.sleep(0)  # the others have arrived, and wait
            ready.set()
            return sizes, await asyncio.gather(*waiting, return_exceptions=True)

    sizes, answers = asyncio.run(run())
    assert calls == [3, 8, 1020, 30]  # at most 1024 rows in a call
    for size, answer in zip(sizes, answers, strict=True):
        if size == 1020:
            assert str(answer) == "this call fails"
        else:
            np.testing.assert_array_equal(answer, np.full((size, 4), 2 * size))


def test_the_server_describes_itself(bundle):
    app = make_app([("tiny", bundle)])
    [model] = ask(app, "/v1/models").json()
    assert model == {
        "model": bundle.fingerprint,
        "name": "tiny",
        "strategy": "own.py:tiny",
        "view": "frame",
        "styles": list(STYLES),
        "cuts": ["clip", "frames", "150", "verdict"],
    }
    paths = ask(app, "/openapi.json").json()["paths"]
    assert set(paths) == {"/v1/features", "/v1/clips", "/v1/models", "/metrics", "/healthz"}
    assert "413" in paths["/v1/features"]["post"]["responses"]
    assert ask(app, "/docs").status_code == 200
    ask(app, "/absent")
    counted = samples(ask(app, "/metrics").text)
    assert counted['dance_tf_request_seconds_count{path="/v1/models",status="200"}'] == 1
    assert counted['dance_tf_request_seconds_count{path="other",status="404"}'] == 1


def test_the_verb_starts_only_where_it_may_listen(bundle, monkeypatch):
    monkeypatch.setattr("dance_tf.model.bundle.load_bundle", lambda folder: bundle)
    monkeypatch.delenv("DANCE_TF_TOKEN", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, reason in (
            (("--host", "0.0.0.0"), "other machines could connect to 0.0.0.0: set DANCE_TF_TOKEN to a long secret"),
            (("--port", port), "Address already in use"),
        ):
            result = CliRunner().invoke(verbs, ["cloud", "model", *options])
            assert (result.exit_code, result.stdout) == (FAILED, "")
            [line] = result.stderr.splitlines()
            assert line.startswith("dance_tf: ") and reason in line


PATHS = {"/v1/features": "POST", "/v1/clips": "POST", "/v1/models": "GET", "/metrics": "GET", "/healthz": "GET"}


@pytest.mark.parametrize(
    ("path", "mode"), [*((path, "positive") for path in PATHS), *((path, "negative") for path in PATHS)][:-1]
)
def test_fuzz_requests_made_from_the_description_get_the_answers_that_it_names(bundle, path, mode):
    """The description is /openapi.json; a positive request has values that it allows, a negative one does not."""
    app = make_app([("tiny", bundle)], CloudSettings(token=TOKEN, requests_per_minute=10**9))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    assert {name for name in schema} == set(PATHS)
    requests = schema[path][PATHS[path]].as_strategy(generation_mode=schemathesis.GenerationMode(mode))

    @hypothesis.given(requests)
    @hypothesis.settings(max_examples=FUZZED, deadline=None, derandomize=True, suppress_health_check=SLOW)
    def ask_and_check(request):
        # bytes of any kind are allowed as a video, and refused
        options = {"excluded_checks": [positive_data_acceptance]}
        response = request.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, **options)
        if response.status_code >= 400:
            assert list(response.json()) == ["detail"] and not any(secret in response.text for secret in SECRETS)

    ask_and_check()
