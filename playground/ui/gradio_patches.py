"""What Gradio would take in or keep without a bound, refused or let go where it does so."""

from types import SimpleNamespace
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils, route_utils
from gradio.context import LocalContext
from gradio.queueing import Queue
from gradio.state_holder import SessionState
from starlette.formparsers import MultiPartException

from playground.data.table import MAX_FILE_BYTES
from playground.ui.i18n import gettext, locale_of

SESSIONS_KEPT = 200
"""Open pages and programs; who comes back after so many others begins anew."""
TOO_LARGE = "The file is larger than {limit} MB. Use a part of it."
TOO_LARGE_ZIP = "The zip is larger than {limit} MB, more than an adapter of this model can take."


class BoundedForm(route_utils.GradioMultiPartParser):  # type: ignore[misc]  # Gradio's has no types
    """A form with files only, each of which may be as large as one of its kind can be.

    By itself Gradio has one limit for all files, and gathers in memory what is not a file.
    """

    largest_zip = MAX_FILE_BYTES
    """In bytes; what a zip with an adapter may have."""
    _arrived = 0

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        self._arrived = 0
        if self._current_part.file is None:
            self._refuse("Send a file first.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._arrived += end - start
        zipped = str(self._current_part.file.filename).lower().endswith(".zip")
        most = self.largest_zip if zipped else MAX_FILE_BYTES
        if self._arrived > most:
            self._refuse(TOO_LARGE_ZIP if zipped else TOO_LARGE, limit=most // 2**20)
        super().on_part_data(data, start, end)

    def _refuse(self, sentence: str, **fields: object) -> NoReturn:
        if self.upload_progress is not None:
            self.upload_progress.set_done(str(self.upload_id))
        request: Any = self  # has the headers that tell the language
        raise MultiPartException(gettext(locale_of(request), sentence, **fields))


async def refuse_address(url: str, cache_dir: str) -> NoReturn:
    """In place of Gradio's download of what stands at an address: of any size, through the memory."""
    sentence = "Send the file itself: an address in its place is not fetched."
    raise gr.Error(gettext(locale_of(LocalContext.request.get(None)), sentence), print_exception=False)


class _Forgetful(dict[int, Any]):
    def __setitem__(self, key: int, value: Any) -> None:
        """Keep nothing."""


def begin_session(self: SessionState, blocks: gr.Blocks) -> None:
    """In place of a copy of every component's configuration, 0.8 MB: only deep links read it, which we have not."""
    _begin_session(self, SimpleNamespace(default_config=blocks.default_config, blocks=()))
    self.config_values = _Forgetful()


async def end_call(self: Queue, event_id: str) -> None:
    """Let go of the session too, if it was made for this call alone, whose name it then has."""
    await _end_call(self, event_id)
    sessions = self.blocks.state_holder
    sessions.session_data.pop(event_id, None)
    sessions.time_last_used.pop(event_id, None)


_begin_session, _end_call = SessionState.__init__, Queue.reset_iterators


def bound_gradio(largest_zip: int) -> None:
    """Put all of them in the place of Gradio's own."""
    BoundedForm.largest_zip = largest_zip
    route_utils.GradioMultiPartParser = BoundedForm
    processing_utils.async_ssrf_protected_download = refuse_address
    SessionState.__init__ = begin_session
    SessionState._update_value_in_config = lambda *_: None
    Queue.reset_iterators = end_call
