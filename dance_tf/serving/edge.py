"""The edge: reads a clip near the camera, does its half of the work, and sends the rest to a cloud.

A clip is curated as a whole before anything is sent: the background, the typical sharpness, the choice of the dancer
and the windows of skeletons all depend on the whole clip. So the verdict is that of `classify`, whatever the source.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import av
import httpx
import numpy as np
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.run import pooled_process
from dance_tf.serving.cuts import CutModel, default_packing
from dance_tf.serving.verdict import Verdict, curated_clip, make_verdict
from dance_tf.serving.wire import Message, Packing, write_message
from dance_tf.video.decode import explain
from dance_tf.video.stills import ReadError

BUSY = (408, 429, 502, 503, 504)  # answers after which the same request is sent again
CAMERA = "/dev/video"  # start of the path of a camera on Linux
WEBM_CODECS = ("vp8", "vp9")
OPENING = 10.0  # seconds to wait for a stream
WAIT = 0.2, 10.0  # seconds: mean of the first pause before a request is sent again, and the longest


class CloudError(RuntimeError):
    """The cloud does not answer, or refuses a request; the reason in one line."""


class _Busy(RuntimeError):
    """The cloud asks to send the request again."""


class CloudClient:
    """Sends requests to a cloud, again if the connection is lost.

    A request sent again is the same one, and the cloud gives the same answer, so nothing counts twice.

    Args:
        url: of the cloud.
        token: that it wants.
        patience: seconds to go on sending a request again.

    Raises:
        ValueError: the address is none.

    Attributes:
        sent: bytes of the bodies that were sent, those sent again included.
        retries: requests that were sent again.
    """

    def __init__(self, url: str, token: str = "", patience: float = 180.0) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"{url} is not the address of a cloud, such as http://127.0.0.1:8000")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(90.0, connect=5.0))
        self.url, self._patience = url, patience
        self.sent = self.retries = 0

    def __enter__(self) -> CloudClient:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self._http.close()

    def post(self, path: str, body: bytes, **parameters: str) -> dict:
        """Return the answer to a request.

        Raises:
            CloudError: the cloud refuses it, or cannot be reached in time.
        """
        retrying = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, _Busy)),
            wait=wait_random_exponential(*WAIT),
            stop=stop_after_delay(self._patience),
            before_sleep=self._count,
            reraise=True,
        )
        try:
            return retrying(self._post, path, body, parameters)
        except (httpx.TransportError, _Busy) as error:
            why = str(error) or type(error).__name__
            raise CloudError(f"{self.url} does not answer ({why}), so there is no verdict: is it running?") from error

    def _count(self, state: RetryCallState) -> None:
        self.retries += 1

    def _post(self, path: str, body: bytes, parameters: dict[str, str]) -> dict:
        self.sent += len(body)
        response = self._http.post(path, content=body, params=parameters)
        try:
            answer = response.json()
            reason = answer.get("error", "")
        except (ValueError, AttributeError):
            answer, reason = None, response.reason_phrase
        if response.status_code in BUSY:
            raise _Busy(reason)
        if response.status_code != 200 or answer is None:
            raise CloudError(f"{self.url} refused the clip ({response.status_code}: {reason})")
        return answer


@dataclass(frozen=True, kw_only=True)
class EdgeVerdict(Verdict):
    """A verdict that an edge and a cloud gave together.

    Attributes:
        cut: where the network was cut.
        packing: of features or skeletons; None where there is no choice.
        messages: that were sent.
        sent_bytes: of their bodies, those sent again included.
        retries: messages sent again.
    """

    cut: str
    packing: str | None
    messages: int
    sent_bytes: int
    retries: int


def classify_at_edge(
    model: CutModel,
    source: str,
    client: CloudClient,
    cut: str,
    packing: Packing | None = None,
    every: int = 1,
    seconds: float = 10.0,
    progress: Callable[[str], None] = lambda line: None,
) -> EdgeVerdict:
    """Classify a clip together with a cloud that has the same model.

    Args:
        model: the model.
        source: a file, or the address of a stream or camera that FFmpeg opens.
        client: of the cloud.
        cut: one of `model.cuts`.
        packing, every: see `CutModel.edge_arrays`.
        seconds: to record of a stream or camera.
        progress: called with a line after each answer but the last: the verdict so far.

    Raises:
        ValueError: an impossible cut or packing.
        ReadError: the source cannot be read, or nothing is left after curation.
        CloudError: the cloud cannot be reached, or refuses the clip.
    """
    started = time.perf_counter()
    model.check(cut, packing)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path, notes = Path(source), ()
        if is_live(source):
            notes = record(source, seconds, path := Path(folder) / "recording")
        if cut == "clip":
            messages, verdict = 1, _classify_file(model, path, client)
        else:
            with pooled_process() as process, curated_clip(model.bundle.description, path, process) as curated:
                messages, probabilities = send_clip(model, curated, client, cut, packing, every, progress)
                verdict = make_verdict(model.bundle.description, path, curated, probabilities, 0.0)
    about = {"cut": cut, "packing": packing or default_packing(cut), "messages": messages}
    about |= {"sent_bytes": client.sent, "retries": client.retries, "elapsed": time.perf_counter() - started}
    return EdgeVerdict(**vars(verdict) | about | {"clip": source, "notes": verdict.notes + notes})


def _classify_file(model: CutModel, path: Path, client: CloudClient) -> Verdict:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be sent as a file ({error.strerror})") from error
    answer = client.post("/v1/clips", body, model=model.bundle.fingerprint)
    with _expected(client):
        return Verdict(**answer | {"notes": tuple(answer["notes"])})


def send_clip(
    model: CutModel,
    curated: CuratedClip,
    client: CloudClient,
    cut: str,
    packing: Packing | None = None,
    every: int = 1,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[int, np.ndarray]:
    """Send a curated clip in messages; return their number, and the mean probabilities float64 [styles].

    Arguments and errors as in `classify_at_edge`; the cut is not "clip".
    """
    clip, styles, seen, total = uuid.uuid4().hex, model.bundle.description.styles, 0, np.float64(0)
    number = -1
    for number, (rows, arrays) in enumerate(model.edge_arrays(curated, cut, packing, every)):
        if number:
            so_far = total / seen
            progress(f"so far {styles[so_far.argmax()]}, confidence {so_far.max():.0%}")
        body = write_message(Message(model.bundle.fingerprint, clip, number, cut, arrays))
        answer = client.post("/v1/features", body)
        with _expected(client):
            if (answer["clip"], answer["number"]) != (clip, number):
                raise KeyError("clip")
            total = total + rows * np.array([answer["probabilities"][style] for style in styles], np.float64)
        seen += rows
    return number + 1, total / seen


@contextmanager
def _expected(client: CloudClient) -> Iterator[None]:
    """Turn errors in reading an answer into one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise CloudError(f"{client.url} gave an answer to something else: is it a cloud of dance_tf?") from error


def is_live(source: str) -> bool:
    """Return whether a source is a stream or a camera, and not a file."""
    return "://" in source or source.startswith(CAMERA)


def record(source: str, seconds: float, path: Path) -> tuple[str, ...]:
    """Copy the first seconds of a stream or camera into a file as they come, without encoding them again.

    Returns:
        A note, if the stream broke off.

    Raises:
        ReadError: the source cannot be opened, or gives no picture.
    """
    first = now = None
    try:
        with av.open(source, format="v4l2" if source.startswith(CAMERA) else None, timeout=OPENING) as live:
            if not live.streams.video:
                raise ReadError(f"{source}: no picture track in it")
            [stream, *_] = live.streams.video
            # QuickTime keeps times exactly, but has none of the codecs of WebM, whose times are milliseconds anyway
            container = "matroska" if stream.codec_context.name in WEBM_CODECS else "mov"
            with av.open(str(path), "w", format=container) as copy:
                copied, held = copy.add_stream_from_template(stream), []
                for packet in filter(attrgetter("size"), live.demux(stream)):
                    held.append(packet)
                    if packet.dts is None:  # Matroska does not state when to decode the first packets
                        continue
                    now = float(packet.dts * packet.time_base)
                    first = now if first is None else first
                    if now - first >= seconds:
                        break
                    for number, one in enumerate(held, 1 - len(held)):
                        one.stream, one.dts = copied, packet.dts + number if one.dts is None else one.dts
                        copy.mux(one)
                    held.clear()
    except (av.FFmpegError, ValueError) as error:
        if first is None:
            raise ReadError(f"{source}: cannot be opened ({explain(error)})") from error
        return (f"the stream broke off after {now - first:.1f} s ({explain(error)})",)
    if first is None:
        raise ReadError(f"{source}: it gives no picture")
    return ()
