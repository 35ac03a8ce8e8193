"""Run a web application until it is asked to stop."""

import logging
import math
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from dance_tf.curation.run import close_pool

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # no traceback of each stream that is cut off
        await super().shutdown(sockets)


def run_server(app: FastAPI, host: str, port: int, seconds: float, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then answer the requests that were taken, and exit with status 0.

    Args:
        app: the application.
        host, port: to listen on; port 0 for any free one.
        seconds: to wait for the last requests and for their answers, each.
        ready: called with the address, once clients can connect.

    Raises:
        OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as listening:
        options = {"log_level": "warning", "access_log": False, "server_header": False, "lifespan": "on"}
        config = uvicorn.Config(app, timeout_graceful_shutdown=math.ceil(2 * seconds), **options)
        for each in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again when it has shut down
            signal.signal(each, lambda *_: sys.exit())
        ready(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}")
        try:
            _Server(config).run(sockets=[listening])
        finally:
            close_pool()
