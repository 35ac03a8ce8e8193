"""The page: what it answers, forgets and refuses; and the whole of it in a browser."""

import asyncio
import json
import logging
import socket
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
import uvicorn
from gradio.processing_utils import async_move_files_to_cache
from typer.testing import CliRunner

from dance_tf.cli import FAILED
from dance_tf.cli import app as verbs
from dance_tf.serving import assess as serving_assess
from dance_tf.serving.annotated import annotate
from dance_tf.serving.assess import Assessor
from dance_tf.serving.desk import Desk
from dance_tf.serving.page import HELD, build_page, make_page_app
from dance_tf.serving.verdict import curated_clip
from dance_tf.video.frames import read_pictures

MOST = 100_000  # bytes of an upload
VIDEO = b"annotated video"
CHROMIUM = Path("/usr/bin/chromium")


class Here:
    """Stands in for a decoding process."""

    def __init__(self):
        self.interrupted = threading.Event()

    def call(self, function, *arguments):
        if function is read_pictures:
            return [np.full((96, 54, 3), 200, np.uint8) for _ in arguments[1]]
        if function is annotate:
            return VIDEO
        return function(*arguments, heartbeat=lambda: None)

    def interrupt(self):
        self.interrupted.set()


@pytest.fixture
def desk(bundle, standards, dances, tmp_path, monkeypatch):
    def read(description, path, process, with_poses=False):
        if not Path(path).exists():
            raise FileNotFoundError(2, "No such file or directory", str(path))
        if path.name == "full.mp4":
            raise OSError(28, "No space left on device", str(tmp_path / "tmp1" / "clip.npy"))
        if path.name in dances:
            return fake(description, path, process, with_poses)
        return curated_clip(replace(description, reading=None), path, process)

    fake = serving_assess.curated_clip
    monkeypatch.setattr(serving_assess, "curated_clip", read)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Desk(Assessor(bundle, standards, Here()), "ours", tmp_path, MOST)


def upload(desk, name, content=b"clip", folder="hash"):
    path = desk.folder / folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_answer_for_a_clip_is_that_of_assess(desk):
    steps = []
    path = upload(desk, "wrong arm.mp4")
    answer = desk.answer("ann", [path], progress=lambda *step: steps.append(step))
    [line], [page] = answer.said, answer.pages
    assert steps == [((0, 1), "reading wrong arm.mp4")]
    assert line.startswith("wrong arm.mp4: Tokyo, confidence 70%; fidelity ")
    assert "<h1>wrong arm.mp4</h1>" in page and page.count("<figure>") > 1
    assert [file.name for file in answer.files] == ["wrong arm.html", "assessments.csv", "assessments.json"]
    html, csv, document = (file.read_text(encoding="utf-8-sig") for file in answer.files)
    assert html == page and csv.startswith("clip,start,end,style,confidence,compared_with,fidelity,")
    [clip] = json.loads(document)["clips"]
    assert (clip["clip"], clip["page"], clip["compared_with"]) == ("wrong arm.mp4", "wrong arm.html", "Tokyo")
    assert not [text for text in (line, html, csv, document) if str(desk.folder) in text]
    [other] = desk.answer("ann", [path], style="Lottery").pages
    assert "How close to Lottery" in other
    [compared] = desk.answer("ann", [path], reference=upload(desk, "tokyo.mp4")).pages
    assert "How close to tokyo.mp4" in compared and "<video" not in compared
    answer = desk.answer("ann", [path], video=True)
    assert 'src="wrong arm-annotated.mp4"' in answer.pages[0]
    assert [file.read_bytes() for file in answer.files if file.suffix == ".mp4"] == [VIDEO]


def test_a_class_has_an_overview_whose_links_are_answered(desk):
    packed = upload(desk, "class.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("a/tokyo.mp4", "b/tokyo.mp4"):
            archive.writestr(name, "no video")
    others = [upload(desk, name) for name in ("strange.mp4", "bad.zip", "=text.mp4")]
    answer = desk.answer("ann", [packed, *others])
    assert answer.said == ["3 dances assessed, 2 files refused."]
    [overview] = answer.pages
    for text in ("bad.zip: cannot be unpacked: it is damaged", "=text.mp4: not a video that can be opened"):
        assert text in overview
    assert [file.name for file in answer.files] == ["assessments.zip", "assessments.csv", "assessments.json"]
    pages = {"index.html", "tokyo.html", "tokyo-2.html", "strange.html"}
    assert set(zipfile.ZipFile(answer.files[0]).namelist()) == {*pages, "assessments.csv", "assessments.json"}
    assert [row.split(",")[0] for row in answer.files[1].read_text(encoding="utf-8-sig").splitlines()[1:]] == (
        ["a/tokyo.mp4", "b/tokyo.mp4", "strange.mp4", "bad.zip", "'=text.mp4"]
    )
    assert "<h1>tokyo.mp4</h1>" in desk.page(answer.folder, "tokyo-2.html")
    upload(desk, "secret.html", folder="other")
    for name in ("../../other/secret.html", str(desk.folder / "other" / "secret.html"), "no.html", "assessments.json"):
        assert desk.page(answer.folder, name) == ""
    assert desk.page("", "secret.html") == ""
    assert not list(desk.folder.rglob("clips"))  # what was unpacked is gone


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.mp4", "no longer here: choose it again"),
        ("full.mp4", "unexpected OSError: [Errno 28] No space left on device: 'a temporary file'"),
        ("text.mp4", "not a video that can be opened (Invalid data found when processing input)"),
    ],
)
def test_a_clip_that_cannot_be_read_is_refused_in_one_line(desk, name, said):
    path = upload(desk, name)
    if name == "gone.mp4":
        path.unlink()
    answer = desk.answer("ann", [path])
    assert (answer.said, answer.pages, answer.files) == ([f"{name}: {said}"], (), ())
    assert desk.answer("ann", [upload(desk, "tokyo.mp4")], reference=path).said == [f"{name}: {said}"]
    assert desk.answer("ann", []).said == ["Choose a clip first."]


def test_clips_and_answers_are_forgotten(desk):
    def left():
        return {path.name for path in desk.folder.rglob("*.*")}

    first, second = upload(desk, "tokyo.mp4"), upload(desk, "lottery.mp4")
    answer = desk.answer("ann", [first])
    assert {"tokyo.mp4", "tokyo.html"} <= left()
    desk.answer("ann", [second])
    assert left() == {"lottery.mp4", "lottery.html", "assessments.csv", "assessments.json"}
    assert desk.page(answer.folder, "tokyo.html") == ""
    desk.answer("ben", [second])
    desk.forget("ann")
    assert "lottery.mp4" in left()  # ben has the same
    desk.forget("ben")
    assert left() == set() and not list(desk.folder.glob("answer-*"))


def test_a_page_that_closes_reads_no_more_clips(desk):
    clips, steps = [upload(desk, name) for name in ("tokyo.mp4", "lottery.mp4")], []
    closing = threading.Thread(target=desk.close)

    def close(done, text):
        steps.append(text)
        closing.start()
        assert desk.assessor.process.interrupted.wait(10) and closing.is_alive()  # it waits for the answer

    assert len(desk.answer("ann", clips, progress=close).said) == 1
    closing.join(10)
    assert steps == ["reading tokyo.mp4"] and not closing.is_alive()
    assert desk.answer("ben", clips).pages == ()


def page_app(*arguments, **options):
    async def make():  # in a loop: without one, Gradio makes loops that nobody closes
        return make_page_app(*arguments, **options)

    return asyncio.run(make())


def ask(app, method="GET", path="/", **options):
    async def send():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


def test_requests_that_the_page_does_not_send_are_refused(desk):
    app = page_app(desk)
    page = ask(app)
    assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    assert "microphone=(self)" in page.headers["permissions-policy"]
    config = json.loads(page.text.split("window.gradio_config = ")[1].split(";</script>")[0])
    assert (config["analytics_enabled"], config["max_file_size"], config["footer_links"]) == (False, MOST, [])
    options = {"/": {"headers": {"host": "evil.example"}}, "/config": {"headers": {"origin": "http://evil.example"}}}
    for path in ("/", "/config", "/gradio_api/file=https://example.com", "/gradio_api/proxy=https://a.hf.space",
                 "/monitoring", "/gradio_api/call/assess_one", "/gradio_api/run/assess_one", "/docs"):  # fmt: skip
        response = ask(app, path=path, **options.get(path, {}))
        assert (response.status_code, len(response.text) < 60) == (403 if path in options else 404, True), path
    for path in ("/gradio_api/file=/etc/passwd", f"/gradio_api/file={Path(__file__)}"):
        assert ask(app, path=path).status_code == 403


def test_no_clip_is_fetched_from_an_address(desk):
    async def take(given):
        files = [block for block in build_page(desk).blocks.values() if isinstance(block, gr.Video | gr.File)]
        assert len(files) == 4
        return [await async_move_files_to_cache(given, block, check_in_upload_folder=True) for block in files]

    clip = {"path": "https://example.com/a.mp4", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(gr.Error, match="only uploaded clips are read"):
        asyncio.run(take(clip))


def test_uploads_are_limited_one_by_one_and_together(desk):
    app, send = page_app(desk), {"method": "POST", "path": "/gradio_api/upload"}
    [path] = ask(app, **send, files={"files": ("a.mp4", b"0" * MOST)}).json()
    assert Path(path).is_relative_to(desk.folder) and Path(path).name == "a.mp4"
    refused = ask(app, **send, files={"files": ("b.mp4", b"0" * (MOST + 1))})
    assert (refused.status_code, refused.text) == (413, f"File size exceeded maximum allowed size of {MOST} bytes.")
    upload(desk, "others.mp4", b"0" * ((HELD - 1) * MOST))
    refused = ask(app, **send, files={"files": ("c.mp4", b"0" * 1000)})
    assert (refused.status_code, refused.text.split(":")[0]) == (413, "this page holds too many clips")
    assert not list(desk.folder.rglob("[bc].mp4"))


def test_a_page_with_a_password_serves_those_who_know_it(desk, monkeypatch):
    monkeypatch.setattr("dance_tf.serving.page.GUESSING", 0.0)
    app = page_app(desk, "dance, dance", alone=False)
    assert "Assess the clip" not in ask(app, headers={"host": "studio.example"}).text
    for path in ("/config", "/gradio_api/upload"):
        method = "POST" if path.endswith("upload") else "GET"
        assert ask(app, method, path, files={"files": ("a.mp4", b"0")} if method == "POST" else None).status_code == 401
    for password, status in (("dance", 400), ("", 422), ("dance, dance", 200)):
        given = ask(app, "POST", "/login", data={"username": "ann", "password": password})
        assert given.status_code == status
    cookie = "; ".join(f"{name}={value}" for name, value in given.cookies.items())
    assert "Assess the clip" in ask(app, headers={"cookie": cookie}).text


def test_the_verb_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.delenv("DANCE_TF_PASSWORD", raising=False)
    for options, text in (
        (["--host", "0.0.0.0"], "other machines could connect to 0.0.0.0: set DANCE_TF_PASSWORD to a password"),
        ([], "holds no model"),
    ):
        failed = CliRunner().invoke(verbs, ["serve", str(tmp_path), *options])
        assert failed.exit_code == FAILED and text in failed.output


@pytest.fixture
def address(desk):
    """The page at work; no request of its server to another computer can succeed unseen."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host = f"127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(page_app(desk), lifespan="on", timeout_graceful_shutdown=1, log_level="warning")
        )
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://{host}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


# Gradio 6.31 calls pandas in ways that pandas 4 will not know
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_in_a_browser(address, desk, tmp_path_factory, caplog):
    """Upload a clip, read the answer, open a page of a class, and be refused; on a desktop and on a phone."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}")
    clips = tmp_path_factory.mktemp("clips")
    for name, content in (
        ("tokyo.mp4", b"1"),
        ("strange.mp4", b"2"),
        ("text.mp4", b"3"),
        ("huge.mp4", b"4" * 2 * MOST),
    ):
        (clips / name).write_bytes(content)
    playwright.expect.set_options(timeout=60_000)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        frame = page.frame_locator("iframe")

        def wait_for(text):
            playwright.expect(page.locator("#said [role=status]")).to_contain_text(text)

        page.get_by_role("button", name="Assess the clip").click()
        wait_for("Choose a clip first.")
        choose = page.locator("input[type=file]")
        choose.first.set_input_files(clips / "tokyo.mp4")
        page.locator("video").first.wait_for()
        page.get_by_role("button", name="Assess the clip").press("Enter")
        wait_for("tokyo.mp4: Tokyo, confidence 70%; fidelity ")
        assert frame.get_by_role("heading", level=1).inner_text() == "tokyo.mp4"
        inside, height = (
            frame.locator("html").evaluate("html => html.offsetHeight"),
            page.locator("iframe").bounding_box(),
        )
        assert inside == pytest.approx(height["height"], abs=8)
        page.get_by_label("Make a video").first.check()
        page.get_by_role("button", name="Assess the clip").click()
        with page.expect_response("**/tokyo-annotated.mp4") as video:
            frame.locator("video").wait_for()
        assert video.value.body() == VIDEO
        with page.expect_download() as download:
            page.get_by_role("link", name="tokyo.html").press("Enter")
        assert "<h1>tokyo.mp4</h1>" in Path(download.value.path()).read_text()

        page.set_viewport_size({"width": 390, "height": 844})
        page.get_by_role("tab", name="Class").click()
        choose.last.set_input_files([clips / name for name in ("tokyo.mp4", "strange.mp4", "text.mp4")])
        page.get_by_role("row").filter(has_text="text").wait_for()
        page.get_by_role("button", name="Assess the class").click()
        wait_for("2 dances assessed, 1 file refused.")
        frame.get_by_role("link", name="strange.mp4").first.click()
        playwright.expect(frame.get_by_role("heading", level=1)).to_have_text("strange.mp4")
        page.get_by_role("button", name="Back to the class").click()
        playwright.expect(frame.get_by_role("heading", level=1)).to_have_text("Class overview")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert errors == []
        choose.last.set_input_files(clips / "huge.mp4")
        page.get_by_text("maximum allowed size").wait_for()
        page.close()
        browser.close()
    outside = [url for url in asked if not url.startswith((address, f"blob:{address}", "data:"))]
    assert outside == []
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not list(desk.folder.rglob("*.html"))  # the visitor has left
