"""The cloud: an HTTP server that classifies whole clips, or goes on from what edges send of a clip.

It keeps nothing about clips or clients. An answer depends on the request alone, so any copy of the server can give it,
and a request may be sent again. The last answers are remembered, so that a request sent again is not computed and
counted again by the same copy.

Memory is bounded: at most `PARTS_HELD` bodies are held at a time, `UNPACKED` of them also unpacked, and `CLIPS_HELD`
video files on the disk. More requests are asked to come back.
"""

from __future__ import annotations

import asyncio
import collections
import hashlib
import hmac
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic, perf_counter
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joblib import cpu_count
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from dance_tf import __version__
from dance_tf.curation.run import failure_reason, pooled_process
from dance_tf.model.bundle import ModelBundle
from dance_tf.pose.weights import WeightsError
from dance_tf.serving.cuts import WHOLE, CutModel, count_rows
from dance_tf.serving.verdict import NetworkInput, Verdict, curated_clip, make_verdict, network_inputs
from dance_tf.serving.wire import MAX_BODY, MAX_POSES, MAX_ROWS, TOKEN_VARIABLE, MessageCut, Packing, WireError
from dance_tf.video.isolation import LostProcess
from dance_tf.video.stills import ReadError

REMEMBERED = 1024  # answers
SLOWEST = 32_000  # bytes per second of an upload after its first `CloudSettings.seconds`
PARTS_HELD, UNPACKED, CLIPS_HELD = 256, 32, 8  # at a time
CLIP_ROWS = 256  # frames of a clip in one call of the network
BEARER = HTTPBearer(auto_error=False)
BODY = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}, "required": True}
TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}


@dataclass(frozen=True)
class CloudSettings:
    """Limits of the cloud.

    Attributes:
        token: that clients must send; empty for none.
        requests_per_minute: of one address.
        clip_bytes: of a video file.
        seconds: to receive a request, plus its bytes at `SLOWEST`; and again to answer it.
    """

    token: str = ""
    requests_per_minute: int = 1200
    clip_bytes: int = 256 << 20
    seconds: float = 60.0


class Part(BaseModel):
    """The mean probabilities over the frames or windows of a request, and their number."""

    model: str
    rows: int
    probabilities: dict[str, float]


class ModelAnswer(BaseModel):
    """A model of the cloud."""

    model: str
    name: str
    strategy: str
    view: str
    styles: tuple[str, ...]
    cuts: tuple[str, ...]


class ErrorAnswer(BaseModel):
    """Why a request has no other answer, in one line."""

    detail: str


class Batcher:
    """Runs a network on the rows of several requests in one call: those that arrived during the call before.

    Args:
        predict: from parts of rows to probabilities [n, styles] of all rows; called in a thread of `pool`.
        pool: of threads.
        observe: called with the number of rows of each call.
    """

    def __init__(
        self, predict: Callable[..., np.ndarray], pool: ThreadPoolExecutor, observe: Callable[[int], None]
    ) -> None:
        self._predict, self._pool, self._observe = predict, pool, observe
        self._waiting: collections.deque[tuple[NetworkInput, int, asyncio.Future]] = collections.deque()
        self._task: asyncio.Task | None = None

    async def __call__(self, part: NetworkInput) -> np.ndarray:
        """Return the probabilities of rows."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((part, count_rows(part), future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft()]
            while self._waiting and sum(count for _, count, _ in (*taken, self._waiting[0])) <= MAX_ROWS:
                taken.append(self._waiting.popleft())
            parts, counts, futures = zip(*taken, strict=True)
            self._observe(sum(counts))
            try:
                rows = await asyncio.get_running_loop().run_in_executor(self._pool, self._predict, *parts)
                answers = np.split(rows, np.cumsum(counts)[:-1])
            except Exception as error:  # noqa: BLE001 - each request of the call gets the error
                answers = [error] * len(futures)
            for future, answer in zip(futures, answers, strict=True):
                if not future.done():  # the server may be shutting down
                    (future.set_exception if isinstance(answer, Exception) else future.set_result)(answer)


class Cloud:
    """What the endpoints do.

    Args:
        bundles: names and models.
        settings: the limits.
    """

    def __init__(self, bundles: Sequence[tuple[str, ModelBundle]], settings: CloudSettings) -> None:
        self.settings, self.names = settings, {bundle.fingerprint: name for name, bundle in bundles}
        self.models = {bundle.fingerprint: CutModel(bundle) for _, bundle in bundles}
        self.registry = CollectorRegistry()
        self.seconds = self._metric(Histogram, "request_seconds", "Time to answer", "path", "status")
        self.received = self._metric(Counter, "received_bytes", "Bytes of request bodies", "path")
        self.rows = self._metric(Counter, "rows", "Frames or windows classified, each once", "cut")
        sizes = [2**power for power in range(11)]
        self.calls = self._metric(Histogram, "rows_per_call", "Rows in a call of a network", buckets=sizes)
        self._pool = ThreadPoolExecutor(1)  # all networks run here
        self._batchers = {
            (key, stage): Batcher(partial(model.predict, stage), self._pool, self.calls.observe)
            for key, model in self.models.items()
            for stage in model.stages
        }
        self.answers: collections.OrderedDict[str, asyncio.Task] = collections.OrderedDict()
        self._held = collections.Counter()  # bodies by path
        self._clips, self._unpacked = asyncio.Semaphore(max(1, cpu_count() // 2)), asyncio.Semaphore(UNPACKED)
        self._minute, self._requests = 0, collections.Counter()  # requests of each address in this minute

    def _metric(self, kind: type, name: str, text: str, *labels: str, **options: Any) -> Any:
        return kind(f"dance_tf_{name}", text, labels, registry=self.registry, **options)

    async def admit(
        self, request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
    ) -> None:
        """Refuse a client without the token, or with too many requests."""
        if (minute := int(monotonic() // 60)) != self._minute:
            self._minute, self._requests = minute, collections.Counter()
        self._requests[address := request.client.host if request.client else ""] += 1
        if self._requests[address] > self.settings.requests_per_minute:
            raise HTTPException(429, "too many requests: wait a minute", {"Retry-After": "10"})
        token = given.credentials if given else ""
        if self.settings.token and not hmac.compare_digest(token.encode("latin-1"), self.settings.token.encode()):
            raise HTTPException(401, f"a wrong token, or none: set {TOKEN_VARIABLE}", {"WWW-Authenticate": "Bearer"})

    @contextmanager
    def hold(self, path: str, most: int) -> Iterator[None]:
        """Count a body that is held, or refuse it if there are `most` already."""
        if self._held[path] >= most:
            raise HTTPException(503, "busy: send the same again", {"Retry-After": "5"})
        self._held[path] += 1
        try:
            yield
        finally:
            self._held[path] -= 1

    async def receive(self, request: Request, most: int, store: Callable[[bytes], object]) -> str:
        """Store the body of a request of at most so many bytes, and return a hash that names the request."""
        digest, size = hashlib.sha256(f"{request.url.path}?{request.url.query}#".encode()), 0
        too_large = HTTPException(413, f"a body of over {most:,} bytes")
        if int(request.headers.get("content-length", 0)) > 2 * most:
            raise too_large
        try:
            started = asyncio.get_running_loop().time()
            async with asyncio.timeout(self.settings.seconds) as limit:
                async for chunk in request.stream():
                    size += len(chunk)
                    limit.reschedule(started + self.settings.seconds + size / SLOWEST)
                    if size <= most:
                        digest.update(chunk)
                        store(chunk)
                    elif size > 2 * most:  # up to here, so that the client reads the answer
                        break
        except TimeoutError:
            raise HTTPException(408, f"the body came too slowly: {size:,} bytes so far") from None
        except ClientDisconnect:
            raise HTTPException(400, "the body was cut off") from None
        self.received.labels(request.url.path).inc(size)
        if size > most:
            raise too_large
        return digest.hexdigest()

    async def once(self, key: str, work: Callable[[], Awaitable[Any]], held: ExitStack) -> Any:
        """Return the result of `work`, which needs what is held, or the one that the same key gave before."""
        owned = held.pop_all()
        if (task := self.answers.get(key)) is not None:
            owned.close()
        else:

            async def run() -> Any:
                with owned:
                    return await work()

            task = self.answers[key] = asyncio.ensure_future(run())
            task.add_done_callback(lambda done: (done.cancelled() or done.exception()) and self.answers.pop(key, None))
            if len(self.answers) > REMEMBERED:
                self.answers.popitem(last=False)
        try:
            async with asyncio.timeout(self.settings.seconds):
                return await asyncio.shield(task)  # the client that asks again gets it
        except TimeoutError:
            raise HTTPException(503, "no answer yet: send the same again", {"Retry-After": "5"}) from None

    def model(self, key: str) -> CutModel:
        """Return the model with a fingerprint."""
        if key not in self.models:
            raise HTTPException(404, "no such model here: give edge and cloud the same model folder")
        return self.models[key]

    async def classify_part(self, key: str, cut: MessageCut, packing: Packing, rows: int, body: bytes) -> Part:
        """Go on with what an edge sends."""
        model = self.models[key]
        async with self._unpacked:
            stage, part = await asyncio.to_thread(model.resume, cut, packing, rows, body)
            answer = part if stage == "verdict" else await self._batchers[key, stage](part)
        probabilities = answer.mean(axis=0, dtype=np.float64)
        if not np.isfinite(probabilities).all():
            raise WireError("the values are so large that they give no probabilities")
        self.rows.labels(cut).inc(len(answer))
        by_style = dict(zip(model.bundle.description.styles, probabilities.tolist(), strict=True))
        return Part(model=key, rows=len(answer), probabilities=by_style)

    async def classify_file(self, key: str, path: Path) -> Verdict:
        """Curate and classify a video file; as many at a time as there are pairs of cores."""
        async with self._clips:
            return await asyncio.to_thread(self._classify_file, self.models[key], path)

    def _classify_file(self, model: CutModel, path: Path) -> Verdict:
        started, description = perf_counter(), model.bundle.description
        with pooled_process() as process, curated_clip(description, path, process) as curated:
            inputs = network_inputs(description, curated, CLIP_ROWS)
            rows = np.concatenate([self._pool.submit(model.predict, WHOLE, part).result() for part in inputs])
            self.rows.labels("clip").inc(len(rows))
            probabilities = rows.mean(axis=0, dtype=np.float64)
            verdict = make_verdict(description, path, curated, probabilities, perf_counter() - started)
            return replace(verdict, clip=path.name)


def make_app(bundles: Sequence[tuple[str, ModelBundle]], settings: CloudSettings = CloudSettings()) -> FastAPI:
    """Return the server of models.

    Args:
        bundles: names and models; two with the same weights and description count as one.
        settings: the limits.
    """
    cloud = Cloud(bundles, settings)
    app = FastAPI(title="dance_tf", version=__version__, redoc_url=None)
    refusals = {status: {"model": ErrorAnswer} for status in (400, 401, 404, 408, 413, 422, 429, 501, 503)}
    guarded = APIRouter(dependencies=[Depends(cloud.admit)], responses=refusals)

    @guarded.post("/v1/features", openapi_extra={"requestBody": BODY})
    async def features(
        request: Request,
        model: str,
        cut: MessageCut,
        packing: Packing,
        rows: Annotated[int, Query(ge=1, le=MAX_POSES)],
    ) -> Part:
        """Classify a part of a clip; `dance_tf.serving.wire` describes the body."""
        cloud.model(model)
        with ExitStack() as held:
            held.enter_context(cloud.hold(request.url.path, PARTS_HELD))
            body = bytearray()
            key = await cloud.receive(request, MAX_BODY, body.extend)
            return await cloud.once(key, partial(cloud.classify_part, model, cut, packing, rows, body), held)

    @guarded.post("/v1/clips", openapi_extra={"requestBody": BODY})
    async def clips(request: Request, model: str = "") -> Verdict:
        """Classify a whole clip; the body is a video file. The first model is the default."""
        chosen = model or next(iter(cloud.models))
        cloud.model(chosen)
        with ExitStack() as held:
            held.enter_context(cloud.hold(request.url.path, CLIPS_HELD))
            folder = tempfile.TemporaryDirectory(prefix="dance_tf-", ignore_cleanup_errors=True)
            path = Path(held.enter_context(folder)) / "clip"
            with open(path, "wb") as file:
                key = await cloud.receive(request, settings.clip_bytes, file.write)
            return await cloud.once(key, partial(cloud.classify_file, chosen, path), held)

    @guarded.get("/v1/models")
    async def models() -> list[ModelAnswer]:
        """List the models, and where each can be cut."""
        return [
            ModelAnswer(
                model=key,
                name=cloud.names[key],
                strategy=Path(model.bundle.description.strategy).name,  # users' own networks have a path
                view=model.bundle.description.view,
                styles=model.bundle.description.styles,
                cuts=model.cuts,
            )
            for key, model in cloud.models.items()
        ]

    @guarded.get("/metrics", response_class=Response, responses={200: TEXT})
    async def metrics() -> Response:
        """Counts and times, as Prometheus reads them."""
        return Response(generate_latest(cloud.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the server answers."""
        return {"status": "ok"}

    @app.middleware("http")
    async def measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = perf_counter()
        try:
            response = await call_next(request)
        except Exception:  # noqa: BLE001 - the client gets no details, the log of the server does
            logging.getLogger("uvicorn.error").exception("a request failed")
            response = _refusal(500, "a fault of the cloud; its log has the details")
        path = getattr(request.scope.get("route"), "path", "other")
        cloud.seconds.labels(path, response.status_code).observe(perf_counter() - started)
        return response

    app.include_router(guarded)
    for kind, status in REFUSED.items():
        app.add_exception_handler(kind, partial(_refuse, status))
    return app


def _refusal(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"detail": " ".join(reason.split())}, status)


def _refuse(status: int, request: Request, error: Exception) -> JSONResponse:
    """Return the answer to a request that raised an error of `REFUSED`."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return _refusal(status, f"{first['loc'][-1]}: {first['msg']}")
    if isinstance(error, WeightsError):
        return _refusal(status, "this cloud cannot find skeletons in a video: send skeletons")
    return _refusal(status, failure_reason(error) if isinstance(error, MemoryError) else str(error))


UNREADABLE = (RequestValidationError, ReadError, LostProcess, MemoryError)
REFUSED = {WireError: 400, **dict.fromkeys(UNREADABLE, 422), WeightsError: 501}
