"""The edge: reads a clip near the camera, does its half of the work, and sends the rest to a cloud.

A clip is curated as a whole before anything is sent: the background, the typical sharpness, the choice of the dancer
and the windows of skeletons all depend on the whole clip. So the verdict is that of `classify`, whatever the source.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import numpy as np
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from dance_tf.curation.filters import CuratedClip
from dance_tf.curation.run import pooled_process
from dance_tf.serving.cuts import CutModel
from dance_tf.serving.verdict import Verdict, curated_clip, make_verdict
from dance_tf.serving.wire import PACKINGS, WireError, write_arrays
from dance_tf.video.decode import explain
from dance_tf.video.stills import ReadError

BUSY = (408, 429, 502, 503, 504)  # answers after which the same request is sent again
CAMERA = "/dev/video"  # start of the path of a camera on Linux
OPENING = 10.0  # seconds to wait for a stream
PAUSE = 0.2, 10.0  # seconds: mean of the first pause before a request is sent again, and the longest


class CloudError(RuntimeError):
    """The cloud does not answer, or refuses a request; the reason in one line."""


class _Busy(RuntimeError):
    """The cloud asks to send the request again."""


class CloudClient(httpx.Client):
    """Sends requests to a cloud, again if the connection is lost.

    A request sent again is the same one, and the cloud gives the same answer, so nothing counts twice.

    Args:
        url: of the cloud.
        token: that it wants.
        patience: seconds to go on sending a request again.
        progress: called with a line when the cloud does not answer, and with the verdict so far of a clip.

    Raises:
        ValueError: the address is none.

    Attributes:
        requests: number of requests.
        sent: bytes of the bodies that were sent, those sent again included.
        retries: requests that were sent again.
    """

    def __init__(
        self, url: str, token: str = "", patience: float = 180.0, progress: Callable[[str], None] = lambda line: None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"{url} is not the address of a cloud, such as http://127.0.0.1:8000")
        super().__init__(base_url=url, headers=headers, timeout=httpx.Timeout(90.0, connect=5.0))
        self.url, self.progress, self._patience = url, progress, patience
        self.requests = self.sent = self.retries = 0

    def ask(self, path: str, body: bytes, **query: str | int) -> dict:
        """Return the answer to a request.

        Raises:
            CloudError: the cloud refuses it, or cannot be reached in time.
        """
        attempts = Retrying(
            retry=retry_if_exception_type((httpx.TransportError, _Busy)),
            wait=wait_random_exponential(*PAUSE),
            stop=stop_after_delay(self._patience),
            before_sleep=self._again,
            reraise=True,
        )
        self.requests += 1
        try:
            return attempts(self._ask, path, body, query)
        except (httpx.TransportError, _Busy) as error:
            raise CloudError(f"{self._silence(error)}, so there is no verdict: is it running?") from error

    def _again(self, state: RetryCallState) -> None:
        self.retries += 1
        if state.attempt_number == 1:
            self.progress(f"{self._silence(state.outcome.exception())}: trying again for {self._patience:g} s")

    def _silence(self, error: BaseException) -> str:
        return f"{self.url} does not answer ({str(error) or type(error).__name__})"

    def _ask(self, path: str, body: bytes, query: dict[str, str | int]) -> dict:
        self.sent += len(body)
        response = self.post(path, content=body, params=query)
        try:
            answer = response.json()
            reason = answer.get("detail", "")
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
        packing: of what was sent; empty for a video file.
        requests: number of requests.
        sent_bytes: of their bodies, those sent again included.
        retries: requests that were sent again.
    """

    cut: str
    packing: str
    requests: int
    sent_bytes: int
    retries: int


def classify_at_edge(
    model: CutModel,
    source: str,
    client: CloudClient,
    cut: str,
    packing: str = "",
    every: int = 1,
    seconds: float = 10.0,
) -> EdgeVerdict:
    """Classify a clip together with a cloud that has the same model.

    Args:
        model: the model.
        source: a file, or the address of a stream or camera that FFmpeg opens.
        client: of the cloud.
        cut: one of `model.cuts`.
        packing: one of `PACKINGS` of the cut; the first, which changes nothing, by default.
        every: see `CutModel.edge_arrays`.
        seconds: to record of a stream or camera.

    Raises:
        WireError: an impossible cut or packing, or values that cannot be sent.
        ReadError: the source cannot be read, or nothing is left after curation.
        CloudError: the cloud cannot be reached, or refuses the clip.
    """
    started = time.perf_counter()
    model.check(cut, packing)
    if cut == "clip" and every > 1:
        raise WireError("the cut clip sends the whole file, and not one of so many frames: leave out --every")
    packing = packing or PACKINGS.get(cut, ("",))[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path, notes = Path(source), ()
        if "://" in source or source.startswith(CAMERA):
            notes = record(source, seconds, path := Path(folder) / "recording")
        if cut == "clip":
            verdict = _send_file(model, path, client)
        else:
            with pooled_process() as process, curated_clip(model.bundle.description, path, process) as curated:
                probabilities = send_clip(model, curated, client, cut, packing, every)
                verdict = make_verdict(model.bundle.description, path, curated, probabilities, 0.0)
    about = {"clip": source, "notes": verdict.notes + notes, "elapsed": time.perf_counter() - started}
    counts = {"requests": client.requests, "sent_bytes": client.sent, "retries": client.retries}
    return EdgeVerdict(**vars(verdict) | about | counts, cut=cut, packing=packing)


def _send_file(model: CutModel, path: Path, client: CloudClient) -> Verdict:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be sent as a file ({error.strerror})") from error
    answer = client.ask("/v1/clips", body, model=model.bundle.fingerprint)
    with _expected(client):
        likely = answer["likely"]
        return Verdict(**answer | {"notes": tuple(answer["notes"]), "likely": likely and tuple(likely)})


def send_clip(
    model: CutModel, curated: CuratedClip, client: CloudClient, cut: str, packing: str, every: int = 1
) -> np.ndarray:
    """Send a curated clip in parts, and return the mean probabilities float64 [styles].

    Arguments and errors as in `classify_at_edge`; the cut is not "clip".
    """
    key, styles = model.bundle.fingerprint, model.bundle.description.styles
    total, seen = np.zeros(len(styles)), 0
    for rows, arrays in model.edge_arrays(curated, cut, packing, every):
        if seen:
            client.progress(f"so far {styles[total.argmax()]}, confidence {total.max() / seen:.0%}")
        answer = client.ask("/v1/features", write_arrays(arrays), model=key, cut=cut, packing=packing, rows=rows)
        with _expected(client):
            total += answer["rows"] * np.array([answer["probabilities"][style] for style in styles], np.float64)
            seen += answer["rows"]
    return total / seen


@contextmanager
def _expected(client: CloudClient) -> Iterator[None]:
    """Turn errors in reading an answer into one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise CloudError(f"{client.url} gave an answer to something else: is it a cloud of dance_tf?") from error


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
            # NUT takes any codec, and keeps times exactly
            with av.open(str(path), "w", format="nut") as copy:
                copied = copy.add_stream_from_template(stream := live.streams.video[0])
                for packet in live.demux(stream):
                    ticks = packet.pts if packet.dts is None else packet.dts
                    if packet.size and ticks is not None:
                        now = float(ticks * packet.time_base)
                        first = now if first is None else first
                        if now - first >= seconds:
                            break
                        packet.stream = copied
                        copy.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        if first is None:
            raise ReadError(f"{source}: cannot be opened ({explain(error)})") from error
        return (f"the stream broke off after {now - first:.1f} s ({explain(error)})",)
    if first is None:
        raise ReadError(f"{source}: it gives no picture")
    return ()
