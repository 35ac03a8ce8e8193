"""The page for dancers and teachers: clips are uploaded or recorded, assessed one after the other, and forgotten.

What it says is written by `assessment_page`; Gradio shows it. Nothing is loaded from other computers, and the browser
is told not to do so either. Clips and answers are in one temporary folder (`uploads`): those of a visitor are removed
with the next answer or when the visitor leaves, everything after `KEPT` seconds, and the rest at the end.
"""

import asyncio
import hmac
import html
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dance_tf.serving.assessment_page import OVERVIEW
from dance_tf.serving.desk import Answer, Desk, Progress
from dance_tf.serving.server import LOOPBACK
from dance_tf.serving.uploads import bytes_in, remove_older
from dance_tf.video.files import VIDEO_SUFFIXES

PASSWORD_VARIABLE = "DANCE_TF_PASSWORD"
WAITING = 60  # clips and classes in the queue; further ones are asked to come back
# of a webcam; music without what browsers do to voices
PICTURES = {"width": {"ideal": 1280}}
MUSIC = dict.fromkeys(("echoCancellation", "noiseSuppression", "autoGainControl"), False)
KEPT, SWEEP = 3600.0, 60.0  # seconds that files are kept at most, and from one search for older ones to the next
HELD = 20  # bytes of all files at a time, as a multiple of the largest upload
GUESSING = 1.0  # seconds that a wrong password costs
PROGRESS = gr.Progress()
THEME = gr.themes.Default(primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
THEME = THEME.set(
    **{f"button_primary_background_fill{ending}": "#0b5ea8" for ending in ("", "_dark", "_hover", "_hover_dark")}
)
# all that the page needs; Gradio has more, such as fetching a file from any address
ROUTES = re.compile(
    r"/|/(assets|static|svelte)/.*|/(config|theme\.css|manifest\.json|favicon\.ico|robots\.txt|login|logout)/?"
    r"|/gradio_api/((upload|upload_progress|run/predict|queue/join|queue/data|cancel|reset|info|login_check|user|app_id"
    r"|startup-events)/?|heartbeat/\w+|file=/.*)"
)
HEADERS = {
    "Content-Security-Policy": "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'self'; object-src 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
INTRODUCTION = """
<h1>How close is a dance to its style?</h1>
<p>Show one dancer, the whole body in the picture, with a camera that stands still. Clips stay on the computer that runs
this page. They are deleted with the next answer or when you leave the page, at the latest after an hour.</p>
"""
# frames are as high as their pages; links to pages are answered by the server
FRAMES = """
const fit = () => element.querySelectorAll('iframe').forEach((frame) => {
  const fill = () => {
    const inside = frame.contentDocument;
    const grow = () => { frame.style.height = `${inside.documentElement.offsetHeight + 4}px`; };
    new ResizeObserver(grow).observe(inside.documentElement);
    inside.querySelectorAll('a[href]').forEach((link) => link.addEventListener('click', (event) => {
      event.preventDefault();
      trigger('click', {page: link.getAttribute('href')});
    }));
  };
  frame.addEventListener('load', fill);
});
fit();
watch('value', fit);
"""
SOUND = "Webcam with sound (tick this first): the music tells whether the dancer is late from start to end"
VIDEO = "Make a video with the skeleton and what to change (takes longer)"
STYLE = """
footer { display: none !important; }
.gradio-container { max-width: 66rem !important; margin: 0 auto; }
iframe { width: calc(100% + 2rem); margin: 0 -1rem; min-height: 20rem; border: 0; }
video { max-height: 45vh; }
#said:not(:empty) { padding: 0.5rem 0; }
#links a { text-decoration: underline; }
#said p { margin: 0.2rem 0; overflow-wrap: anywhere; }
"""


def build_page(desk: Desk) -> gr.Blocks:
    """Return the page with its three tabs."""
    styles = [("as recognised", ""), *((style, style) for style in desk.assessor.standards)]
    one_worker = {"concurrency_limit": 1, "concurrency_id": "clips", "api_visibility": "private"}

    def camera(sound: bool) -> gr.WebcamOptions:
        return gr.WebcamOptions(mirror=False, constraints={"video": PICTURES, "audio": MUSIC if sound else False})

    def record(sound: bool) -> gr.Video:
        return gr.Video(webcam_options=camera(sound))

    def show(answer: Answer) -> tuple[object, ...]:
        said = "".join(f"<p>{html.escape(line)}</p>" for line in answer.said)
        return said, _links(answer.files), _frames(answer.pages, answer.folder), answer.folder, gr.Button(visible=False)

    def assess_one(clip: str | None, style: str, video: bool, request: gr.Request, progress=PROGRESS):
        return show(desk.answer(request.session_hash, _paths(clip), style, None, _shown(progress), video))

    def compare(clip: str | None, reference: str | None, video: bool, request: gr.Request, progress=PROGRESS):
        if not (clip and reference):
            return show(Answer(["Choose a clip and a performance to compare it with first."]))
        return show(desk.answer(request.session_hash, _paths(clip), "", Path(reference), _shown(progress), video))

    def assess_class(clips: list[str] | None, style: str, request: gr.Request, progress=PROGRESS):
        return show(desk.answer(request.session_hash, _paths(*clips or ()), style, None, _shown(progress)))

    def open_page(folder: str, event: gr.EventData):
        page = desk.page(folder, str(event._data.get("page", "")))
        if not page:
            return "<p>This page is no longer here: assess the clips again.</p>", gr.skip(), gr.skip()
        return gr.skip(), _frames([page], folder), gr.Button(visible=True)

    def open_overview(folder: str):
        return _frames([desk.page(folder, OVERVIEW)], folder), gr.Button(visible=False)

    def leave(request: gr.Request) -> None:
        desk.forget(request.session_hash)

    with gr.Blocks(title="dance_tf", analytics_enabled=False) as page:
        gr.HTML(INTRODUCTION)
        with gr.Tab("Clip"):
            clip = gr.Video(label="Clip", webcam_options=camera(sound=False))
            sound = gr.Checkbox(label=SOUND)
            style = gr.Dropdown(styles, value="", label="Compare with the style")
            video = gr.Checkbox(label=VIDEO)
            start = gr.Button("Assess the clip", variant="primary")
        with gr.Tab("Compare"):
            with gr.Row():
                own = gr.Video(label="Clip", webcam_options=camera(sound=False))
                reference = gr.Video(label="Performance to compare with", sources=["upload"])
            own_sound, own_video = gr.Checkbox(label=SOUND), gr.Checkbox(label=VIDEO)
            start_both = gr.Button("Compare them", variant="primary")
        with gr.Tab("Class"):
            kinds = [*sorted(VIDEO_SUFFIXES), ".zip"]
            several = gr.File(label="Clips, or zip files of clips", file_count="multiple", file_types=kinds)
            class_style = gr.Dropdown(styles, value="", label="Compare with the style")
            start_class = gr.Button("Assess the class", variant="primary")
        said = gr.HTML(elem_id="said", html_template='<div role="status" aria-live="polite">${value}</div>', value="")
        back = gr.Button("Back to the class", visible=False)
        links, frames = gr.HTML(elem_id="links"), gr.HTML(js_on_load=FRAMES, value="")
        folder = gr.State("")
        shown = {"outputs": [said, links, frames, folder, back], "show_progress_on": said, **one_worker}
        start.click(assess_one, [clip, style, video], **shown)
        start_both.click(compare, [own, reference, own_video], **shown)
        start_class.click(assess_class, [several, class_style], **shown)
        quick = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        frames.click(open_page, folder, [said, frames, back], **quick)
        back.click(open_overview, folder, [frames, back], **quick)
        sound.change(record, sound, clip, **quick)
        own_sound.change(record, own_sound, own, **quick)
        page.unload(leave)
    for each in (clip, own, reference, several):
        each.async_move_resource_to_block_cache = _keep_local
    return page.queue(max_size=WAITING, api_open=False)


def _paths(*paths: str | None) -> list[Path]:
    return [Path(path) for path in paths if path]


def _shown(progress: gr.Progress) -> Progress:
    return lambda done, text: progress(done if done[1] > 1 else None, desc=text, unit="clips")


def _links(files: Sequence[Path]) -> str:
    """Return links to files in the folder of uploads."""
    links = (
        f'<a href="gradio_api/file={quote(path.as_posix())}" download="{html.escape(path.name)}">'
        f"{html.escape(path.name)}</a>"
        for path in files
    )
    return f"<p>Download: {', '.join(links)}</p>" if files else ""


def _frames(pages: Sequence[str], folder: str) -> str:
    """Return frames that show pages, whose videos are in a folder."""
    base = f'<head><base href="gradio_api/file={quote(folder)}/">'
    based = (html.escape(page.replace("<head>", base, 1)) for page in pages)
    return "".join(f'<iframe title="Assessment" srcdoc="{page}"></iframe>' for page in based)


async def _keep_local(path: str | None) -> str | None:
    """Stand in for Gradio's function that would fetch a clip from any address that a browser names."""
    if path and not Path(path).is_absolute():
        raise gr.Error("only uploaded clips are read", print_exception=False)
    return path


class Guard:
    """Refuses requests that the page does not send, and tells the browser to load nothing from elsewhere.

    Args:
        app: of the page.
        desk: that keeps the clips.
        alone: whether only this computer is served, without a password; then other sites in its browser may not ask.
    """

    def __init__(self, app: ASGIApp, desk: Desk, alone: bool) -> None:
        self.app, self.desk, self.alone = app, desk, alone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, reason = await self._refusal(scope)
        if reason:
            await PlainTextResponse(reason, status)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope) -> tuple[int, str]:
        headers, path = Headers(scope=scope), scope["path"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.alone and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return 403, "this page is for this computer only"
        if self.alone and origin and urlsplit(origin).netloc != host:
            return 403, "this page does not answer other sites"
        if not ROUTES.fullmatch(path):
            return 404, "no such page"
        if path.rstrip("/").endswith("/upload"):
            size, most = int(headers.get("content-length", 0)), HELD * self.desk.most_bytes
            if size + await asyncio.to_thread(bytes_in, self.desk.folder) > most:
                return 413, "this page holds too many clips: try again when others have their answers"
        return 200, ""


def make_page_app(desk: Desk, password: str = "", alone: bool = True) -> FastAPI:
    """Return the server of the page.

    Args:
        desk: that answers.
        password: that visitors must know; empty for none.
        alone: whether only this computer is served.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(desk.folder)  # Gradio has no other setting

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(desk.folder))
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.to_thread(desk.close)

    async def admit(name: str, given: str) -> bool:
        if hmac.compare_digest(given.encode(), password.encode()):
            return True
        await asyncio.sleep(GUESSING)
        return False

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, desk=desk, alone=alone and not password)
    return gr.mount_gradio_app(
        app,
        build_page(desk),
        path="/",
        auth=admit if password else None,
        auth_message="Any name will do, with the password of this page." if password else None,
        max_file_size=desk.most_bytes,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=THEME,
        css=STYLE,
    )


async def _sweep(folder: Path) -> None:
    while True:
        await asyncio.sleep(SWEEP)
        await asyncio.to_thread(remove_older, folder, KEPT)
