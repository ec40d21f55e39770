"""What Gradio would take in without a bound, refused where it does so."""

from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils, route_utils
from gradio.context import LocalContext
from starlette.formparsers import MultiPartException

from playground.data.table import MAX_FILE_BYTES
from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_

TOO_LARGE = N_("The file is larger than {limit} MB. Use a part of it.")
TOO_LARGE_ZIP = N_("The zip is larger than {limit} MB, more than an adapter of this model can take.")


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
        raise MultiPartException(gettext(locale_of(request.headers), sentence, **fields))


async def refuse_address(url: str, cache_dir: str) -> NoReturn:
    """In place of Gradio's download of what stands at an address: of any size, through the memory."""
    sentence = N_("Send the file itself: an address in its place is not fetched.")
    request = LocalContext.request.get(None)
    raise gr.Error(gettext(locale_of(request.headers if request else {}), sentence), print_exception=False)


def bound_gradio(largest_zip: int) -> None:
    """Put both in the place of Gradio's own."""
    BoundedForm.largest_zip = largest_zip
    route_utils.GradioMultiPartParser = BoundedForm
    processing_utils.async_ssrf_protected_download = refuse_address
