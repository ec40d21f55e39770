"""What Gradio would take in without a bound, refused where it does so."""

from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils, route_utils
from gradio.context import LocalContext
from starlette.formparsers import MultiPartException

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.service.quota import Quota

TOO_LARGE = N_("The file is larger than {limit} MB. Use a part of it.")
TOO_LARGE_ZIP = N_("The zip is larger than {limit} MB, more than an adapter of this model can take.")


class BoundedForm(route_utils.GradioMultiPartParser):  # type: ignore[misc]  # Gradio's has no types
    """A form with files only, each of which may be as large as one of its kind can be.

    By itself Gradio has one limit for all files, and gathers in memory what is not a file.
    """

    limits: Quota
    """Asked at each file, since the model may have changed."""
    _arrived = 0

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        self._arrived = 0
        if self._current_part.file is None:
            self._refuse("Send a file first.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._arrived += end - start
        zipped = str(self._current_part.file.filename).lower().endswith(".zip")
        most = self.limits.max_zip_bytes() if zipped else self.limits.max_dataset_bytes()
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


def patch_gradio(limits: Quota) -> None:
    """Put both in the place of Gradio's own."""
    BoundedForm.limits = limits
    route_utils.GradioMultiPartParser = BoundedForm
    processing_utils.async_ssrf_protected_download = refuse_address
