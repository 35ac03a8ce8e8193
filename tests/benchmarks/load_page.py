"""Load the page of `serve` with visitors: `python tests/benchmarks/load_page.py [--visitors 50]`.

Makes clips, trains a network of skeletons for an epoch, and starts `python -m dance_tf serve`. Each visitor uploads a
clip and asks for its assessment in the way the browser does, all at once (questions 0.1 s apart). Then as many upload
again, the process of the page is killed while it answers, and started and ended again.

Prints one JSON document. The exit status is 1 if a visitor had no page as an answer, answers came in another order than
the questions, or a file is left.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil

ROOT = str(Path(__file__).resolve().parents[2])
VERB = [sys.executable, "-m", "dance_tf"]
FINISHED, BETWEEN = 1200.0, 0.1  # seconds: for all answers; from one question to the next, so that there is an order


def prepare(folder: Path) -> list[Path]:
    """Make clips and a model in a folder; return the clips."""
    clips = ["--styles", "2", "--dancers", "3", "--seconds", "6", "--frame-rate", "15"]
    trained = ["--strategy", "skeleton_tcn", "--epochs", "1", "--frames-per-clip", "4"]
    for verb in (
        ["synthesize", folder / "clips", *clips],
        ["curate", folder / "clips", folder / "data"],
        ["train", folder / "data", folder / "model", *trained],
    ):
        subprocess.run([*VERB, *map(str, verb)], cwd=ROOT, check=True, capture_output=True)
    return sorted((folder / "clips").rglob("*.mp4"))


class Page:
    """The process of the page, with all of its temporary files in a folder."""

    def __init__(self, model: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {**os.environ, "PYTHONPATH": ROOT, "TMPDIR": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [*VERB, "serve", str(model), "--port", str(port)]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise SystemExit("the page does not start")
        self.url, self.most = f"http://127.0.0.1:{port}", 0

    @property
    def megabytes(self) -> int:
        """Memory of the page and of its processes that decode."""
        page = psutil.Process(self.process.pid)
        return sum(each.memory_info().rss for each in (page, *page.children(recursive=True))) >> 20

    async def watch(self) -> None:
        """Keep the largest memory until cancelled."""
        while True:
            self.most = max(self.most, self.megabytes)
            await asyncio.sleep(0.5)

    def end(self, sign: signal.Signals) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(sign)
        return self.process.wait(60)


async def visit(url: str, number: int, clip: Path) -> tuple[float, float, str]:
    """Upload a clip and wait for the answer; return when it was asked, when the answer came, and what was said."""
    async with httpx.AsyncClient(base_url=url, timeout=FINISHED) as client:
        text = (await client.get("/")).text
        config = json.loads(text.split("window.gradio_config = ")[1].split(";</script>")[0])
        [function] = [each["id"] for each in config["dependencies"] if each["api_name"] == "assess_one"]
        files = {"files": (f"visitor {number}.mp4", clip.read_bytes())}
        [path] = (await client.post("/gradio_api/upload", files=files)).json()
        asked = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, ""], "fn_index": function}
        await asyncio.sleep(number * BETWEEN)
        joined = await client.post("/gradio_api/queue/join", json={**asked, "session_hash": f"visitor{number}"})
        joined.raise_for_status()
        asked_at = time.perf_counter()
        where = f"/gradio_api/queue/data?session_hash=visitor{number}"
        async with client.stream("GET", where) as answer:
            async for line in answer.aiter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if message.get("msg") in ("process_completed", "queue_full", "unexpected_error"):
                    said = message.get("output", {}).get("data", [message.get("message", "")])[0]
                    return asked_at, time.perf_counter(), str(said)
    return asked_at, time.perf_counter(), ""


async def load(page: Page, clips: list[Path], visitors: int) -> dict:
    """Return what all visitors were told, and when."""
    watching, started = asyncio.create_task(page.watch()), time.perf_counter()
    asked = [visit(page.url, number, clips[number % len(clips)]) for number in range(visitors)]
    answers = await asyncio.gather(*asked)
    watching.cancel()
    own = [f"visitor {number}.mp4" in said and "fidelity" in said for number, (*_, said) in enumerate(answers)]
    came = [moment for _, moment, _ in sorted(answers)]
    others = [said for right, (*_, said) in zip(own, answers, strict=True) if not right]
    return {
        "visitors": visitors,
        "answered with an assessment of their own clip": sum(own),
        "answers in the order of the questions": bool((np.diff(came) > 0).all()),
        "other answers": sorted({re.sub("<.*?>", "", said) for said in others}),
        "seconds until the last answer": round(max(came) - started, 1),
        "memory (MB)": page.most,
    }


async def interrupt(page: Page, clips: list[Path], visitors: int) -> None:
    """Kill the page while it answers."""
    asked = [asyncio.create_task(visit(page.url, number, clips[0])) for number in range(visitors)]
    await asyncio.sleep(8)
    page.end(signal.SIGKILL)
    await asyncio.gather(*asked, return_exceptions=True)


def files_in(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as temporary:
        clips, model, temporary = prepare(Path(made)), Path(made) / "model", Path(temporary)
        page = Page(model, temporary)
        before = page.megabytes
        found = {"memory before (MB)": before, **asyncio.run(load(page, clips, given.visitors))}
        asyncio.run(interrupt(page, clips, given.visitors))
        found["files left by the kill"] = files_in(temporary)
        again = Page(model, temporary)
        found["files after the next start"] = files_in(temporary)
        found["exit status"], found["files at the end"] = again.end(signal.SIGTERM), files_in(temporary)
    print(json.dumps(found, indent=1))
    whole = found["answered with an assessment of their own clip"] == given.visitors
    if not whole or not found["answers in the order of the questions"] or found["files at the end"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
