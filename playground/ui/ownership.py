"""Binds Gradio's sessions, events, uploads and files to their owners: by itself it gives them to whoever names them.

What a client names itself, a session and the progress of an upload, goes by a name that only its owner can give. The
event of a plain call, which Gradio names, is handed out sealed.
"""

import json
import re
import tempfile
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gradio import processing_utils, route_utils, routes
from gradio.components import file as file_component
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.service.owners import Owners
from playground.service.uploads import FOLDER_KEY, Uploads
from playground.ui.event_queue import EventQueue

NOT_YOURS = N_("There is no such answer, or it is not yours.")
NO_ENDPOINT = N_("There is no endpoint {endpoint}. 'Use via API' at the foot of the page lists them all.")
MAX_PROGRESSES = 500
"""Uploads whose progress can be asked for."""
_CALL = re.compile(r"/gradio_api/call/(?:v2/)?([^/]+)")
_RESULT = re.compile(r"(/gradio_api/call/(?:v2/)?[^/]+/)([^/]+)")
_HEARTBEAT = re.compile(r"(/gradio_api/heartbeat/)([^/]+)")
_OTHER_SERVERS = (b"x-gradio-server", b"x-direct-url")
"""Headers by which a caller would have Gradio take another server for this one."""
_BY_QUERY = ("/gradio_api/queue/data", "/gradio_api/upload", "/gradio_api/upload_progress")

_check_allowed, _upload = processing_utils._check_allowed, route_utils.upload_fn


class OwnershipMiddleware:
    """ASGI middleware inside Gradio's application: what a request names becomes the caller's own, or is not found."""

    def __init__(self, app: Any, owners: Owners, calls: EventQueue) -> None:
        self.app = app
        self.owners = owners
        self.calls = calls

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = [(name, value) for name, value in scope["headers"] if name not in _OTHER_SERVERS]
        scope = {**scope, "headers": given}
        headers, path = Headers(scope=scope), scope["path"]
        refused = ended = ""
        meanwhile: AbstractContextManager[None] = nullcontext()
        if scope["method"] == "POST" and path == "/gradio_api/cancel":
            receive = await self._own_cancel(headers, receive)
        elif scope["method"] == "POST" and (called := _CALL.fullmatch(path)):
            refused = "" if self._is_endpoint(called[1]) else NO_ENDPOINT
        elif asked := _RESULT.fullmatch(path):
            event = self.owners.unseal(headers, asked[2])
            refused = "" if event and self._is_event(event) else NOT_YOURS
            scope, ended = _moved(scope, f"{asked[1]}{event}"), event or ""
            meanwhile = self.calls.reading(self.calls.session_of(ended))
        elif kept := _HEARTBEAT.fullmatch(path):
            ended = self.owners.own_name(headers, kept[2])
            scope, meanwhile = _moved(scope, kept[1] + ended), self.calls.sessions.open_tab(ended)
        elif path in _BY_QUERY:
            query = self._own_query(headers, scope["query_string"])
            scope = {**scope, "query_string": urlencode(query).encode()}
            if path == _BY_QUERY[0]:
                session = dict(query).get("session_hash", "")
                refused = "" if session in self.calls.streams else NOT_YOURS
                meanwhile = self.calls.reading(session)
        if refused:
            endpoint = "/" + path.rpartition("/")[2][:60]
            told = gettext(locale_of(headers), refused, endpoint=endpoint)
            await JSONResponse({"detail": told}, 404)(scope, receive, send)
            return
        try:
            with meanwhile:
                await self.app(scope, receive, send)
        finally:
            if ended:
                self.calls.streams.end(ended)

    def _own_query(self, headers: Headers, query: bytes) -> list[tuple[str, str]]:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        named = ("session_hash", "upload_id")
        return [(name, self.owners.own_name(headers, value) if name in named else value) for name, value in pairs]

    async def _own_cancel(self, headers: Headers, receive: Any) -> Any:
        """The request's body, about the caller's own session, and of an event only where that session began it."""
        message = await receive()
        body = message.get("body", b"")
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        try:
            asked = json.loads(body)
            session = asked["session_hash"] = self.owners.own_name(headers, str(asked["session_hash"]))
            event = self.calls.event_ids_to_events.get(asked["event_id"])
        except (ValueError, KeyError, TypeError, RecursionError):
            asked = None  # Gradio says what is wrong with it
        else:
            if event is not None and event.session_hash != session:
                asked["event_id"] = ""
        whole = {"type": "http.request", "body": json.dumps(asked).encode(), "more_body": False}
        left = [whole]

        async def receive_whole() -> Any:
            return left.pop() if left else await receive()

        return receive_whole

    def _is_endpoint(self, name: str) -> bool:
        return any(fn.api_name == name and fn.api_visibility != "private" for fn in self.calls.blocks.fns.values())

    def _is_event(self, event: str) -> bool:
        return self.calls.session_of(event) in self.calls.streams


def _moved(scope: Any, path: str) -> Any:
    """The same request, for another path."""
    return {**scope, "path": path, "raw_path": path.encode("utf-8", "surrogatepass")}


class UploadProgress(route_utils.FileUploadProgress):  # type: ignore[misc]  # Gradio's has no types
    """Keeps the last ones only; by itself Gradio keeps all, and each that was asked for in vain."""

    def track(self, upload_id: str) -> None:
        super().track(upload_id)
        while len(self._statuses) > MAX_PROGRESSES:
            self.stop_tracking(next(iter(self._statuses)))

    def stop_tracking(self, upload_id: str) -> None:
        super().stop_tracking(upload_id)
        self._signals.pop(upload_id, None)

    async def is_tracked(self, upload_id: str) -> bool:
        try:
            return bool(await super().is_tracked(upload_id))
        finally:
            if upload_id not in self._statuses:
                self._signals.pop(upload_id, None)


async def upload(request: Any, _: Any, *args: Any, **options: Any) -> Any:
    """Put a form's files where they lie apart from everybody else's."""
    return await _upload(request, request.scope[FOLDER_KEY], *args, **options)


def bind_to_owners(owners: Owners, uploads: Uploads) -> None:
    """Put all of it in the place of Gradio's own."""

    def check_allowed(path: str, check_in_upload_folder: bool) -> None:
        """For what comes in, and for what goes out: only the caller's own. Gradio looks after `launch` alone."""
        request = LocalContext.request.get(None)
        if request is None:  # a value of the page's own
            _check_allowed(path, check_in_upload_folder)
        elif uploads.own_file(owners.owner(request.headers), path) is None:
            raise InvalidPathError("it is not the caller's")

    processing_utils._check_allowed = check_allowed
    routes.upload_fn = upload
    routes.file_upload_statuses = UploadProgress()
    # A file that comes in would leave an empty one behind.
    no_file = {"NamedTemporaryFile": lambda **_: SimpleNamespace()}
    vars(file_component)["tempfile"] = SimpleNamespace(**{**vars(tempfile), **no_file})
