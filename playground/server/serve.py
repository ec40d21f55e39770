"""Serves the web application at the address of the settings until the process is told to stop."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import uvicorn
from fastapi import FastAPI

from playground.errors import SettingsError
from playground.server.connections import MAX_CONNECTIONS, allow_many_files, protocol_for
from playground.settings import EVERYWHERE, Settings

FIRST_PORT, MAX_PORTS = 7860, 100
_TOLD_S = 0.25
"""After work for requests was ended, until the streams are that tell of it."""
GRACE_S = 2
"""How long running requests may take to end once the process is told to stop."""


def _nothing() -> None:
    """Where nothing is to be done."""


def bind(settings: Settings) -> list[socket.socket]:
    """Take the address, before anything slow is done, but answer nobody yet; raises `SettingsError` if it is taken."""
    ports: Sequence[int] = [settings.server_port] if settings.server_port else range(FIRST_PORT, FIRST_PORT + MAX_PORTS)
    taken = OSError("no port was tried")
    for port in ports:
        try:
            return _bind(settings.server_name.strip("[]"), port)
        except OSError as error:
            taken = error
    raise _cannot_open(settings, taken) from taken


def serve(
    app: FastAPI,
    settings: Settings,
    sockets: list[socket.socket],
    endings: Sequence[Callable[[], None]] = (),
    on_stop: Callable[[], None] = _nothing,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then `on_stop` is called first of all, by the signal's handler.

    `endings` then end what would go on by itself: streams, work for requests.
    """

    def nothing_more(_signal: int, _frame: FrameType | None) -> None:
        """The server has caught the signal and ended; it sends it once more for whoever started it."""

    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, nothing_more)
    allow_many_files()
    server = Server(app, _url(settings, sockets[0]), endings, settings.trusted_proxies, on_stop)
    try:
        server.run(sockets=sockets)
    except OSError as error:
        raise _cannot_open(settings, error) from error
    if not server.started:
        raise RuntimeError("the web application did not start")


class Server(uvicorn.Server):
    """Says where it is once it answers."""

    def __init__(
        self,
        app: FastAPI,
        url: str,
        endings: Sequence[Callable[[], None]] = (),
        trusted_proxies: int = 0,
        on_stop: Callable[[], None] = _nothing,
    ) -> None:
        config = uvicorn.Config(
            app,
            log_level="error",  # a warning for each request that is none would fill the disk
            timeout_graceful_shutdown=GRACE_S,
            http=protocol_for(trusted_proxies),
            ws="none",
            limit_concurrency=MAX_CONNECTIONS,
            proxy_headers=False,  # the settings say which are to be trusted
            server_header=False,
        )
        super().__init__(config)
        self.url = url
        self._endings = endings
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._on_stop()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_default_executor(_Threads())
        await super().startup(sockets)
        if self.started:
            print(f"The playground is open at {self.url} (Ctrl-C closes it).", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for end in self._endings:
            end()
            await asyncio.sleep(_TOLD_S)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # who is cut off after the grace is no error
        await super().shutdown(sockets)


class _Threads(ThreadPoolExecutor):
    """Nobody waits for what they still do once the server ends: a large file may take them long to read."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def _bind(name: str, port: int) -> list[socket.socket]:
    """One socket for each address that the name has and the machine too; raises `OSError`."""
    bound: list[socket.socket] = []
    missing = OSError(errno.EADDRNOTAVAIL, "the machine has no such address")
    for family, kind, protocol, _, address in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        one = socket.socket(family, kind, protocol)
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            bound.append(one)
        except OSError as error:
            one.close()
            missing = error
            if error.errno != errno.EADDRNOTAVAIL:
                for other in bound:
                    other.close()
                raise
    if not bound:
        raise missing
    return bound


def _cannot_open(settings: Settings, error: OSError) -> SettingsError:
    return SettingsError(
        "The page cannot be opened at {name}, port {port}: {reason}. Set GRADIO_SERVER_PORT to a free one.",
        name=settings.server_name,
        port=settings.server_port or f"{FIRST_PORT} and up",
        reason=error.strerror or str(error),
    )


def _url(settings: Settings, bound: socket.socket) -> str:
    name = "localhost" if settings.server_name == EVERYWHERE else settings.server_name
    return f"http://{name}:{bound.getsockname()[1]}/"
