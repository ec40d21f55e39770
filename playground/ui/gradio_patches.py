"""What Gradio would take in or keep without a bound, refused or let go where it does so."""

import logging
from types import SimpleNamespace
from typing import Any, NoReturn

import gradio as gr
from gradio import processing_utils, route_utils, routes
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.utils import get_function_params
from gradio_client import utils as client_utils
from starlette.formparsers import MultiPartException

from playground.errors import InputError
from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.service.quota import Quota
from playground.ui.errors import toast

log = logging.getLogger(__name__)

MAX_FILES_AT_ONCE = 20
NO_FIT = N_("What was sent does not fit this page. Load it anew and try again.")
TOO_MANY = N_("Send at most {most} files at once.")
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
        if self._current_files > MAX_FILES_AT_ONCE:
            self._refuse(TOO_MANY, most=MAX_FILES_AT_ONCE)
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


class Named:
    """The values of a call that gives them by the names of parameters, until it is known what those are."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values


def named_values(_: object, __: object, values: dict[str, Any]) -> list[Any]:
    """In place of Gradio's placing of them, which ends in a bare "Internal Server Error" for a name too many."""
    return [Named(values)]


def completed(endpoint: BlockFunction, given: list[Any]) -> list[Any]:
    """A value for each parameter, the defaults where none is given; raises `InputError`."""
    parameters = get_function_params(endpoint.fn)
    names = [name for name, *_ in parameters]
    called = f"/{endpoint.api_name}"
    if len(given) == 1 and isinstance(given[0], Named):
        values = given[0].values
        for name in values:
            if name not in names:
                raise InputError(
                    "{endpoint} has no parameter '{name}'. It takes: {known}.",
                    endpoint=called,
                    name=name[:40],
                    known=", ".join(names) or "–",
                )
    elif len(given) > len(names):
        raise InputError(
            "{endpoint} takes at most {most} values, but was sent {count}. Leave out the last ones.",
            endpoint=called,
            most=len(names),
            count=len(given),
        )
    else:
        values = dict(zip(names, given, strict=False))
    for name, has_default, *_ in parameters:
        if name not in values and not has_default:
            raise InputError("{name} is missing. Send a value for it.", name=name)
    return [values.get(name, default) for name, _, default, _ in parameters]


def wrong_file(endpoint: BlockFunction, given: list[Any]) -> InputError | None:
    """What to say when Gradio could not take the values in: a file where none may be, or none where one must be."""
    places = list(zip(get_function_params(endpoint.fn), endpoint.inputs, given, strict=True))
    for (name, *_), block, value in places:
        if not isinstance(block, gr.File) and _holds_file(value):
            return InputError("{name} cannot be a file. Send its value itself.", name=name)
    for (name, *_), block, _ in places:
        if isinstance(block, gr.File):
            return InputError(
                "{name} must be a file that was sent to /gradio_api/upload, named by its path.", name=name
            )
    return None


def _holds_file(value: Any) -> bool:
    found: list[Any] = []
    client_utils.traverse(value, found.append, client_utils.is_file_obj_with_meta)
    return bool(found)


async def take_values(
    self: gr.Blocks, endpoint: BlockFunction, given: list[Any], *state: Any, **options: Any
) -> list[Any]:
    """Before Gradio takes a public endpoint's values in: it wants all of them, and shows its insides if one is not."""
    request = (LocalContext.request.get(None),)
    if endpoint.api_visibility != "public":
        try:
            return await _take_values(self, endpoint, given, *state, **options)  # type: ignore[no-any-return]
        except gr.Error:
            raise
        except Exception as error:  # of the page's own events only what somebody else has written does not fit
            log.debug("an event's values do not fit", exc_info=error)
            raise toast(InputError(NO_FIT), request) from error
    try:
        given[:] = completed(endpoint, given)
        return await _take_values(self, endpoint, given, *state, **options)  # type: ignore[no-any-return]
    except gr.Error:
        raise
    except ValueError as error:
        raise toast(wrong_file(endpoint, given) or error, request) from error
    except Exception as error:
        raise toast(error, request) from error


async def process(self: gr.Blocks, *call: Any, request: gr.Request | None = None, **options: Any) -> dict[str, Any]:
    """Tell who asks before the values are taken in; by itself Gradio does so after."""
    LocalContext.request.set(request)
    return await _process(self, *call, request=request, **options)  # type: ignore[no-any-return]


_take_values, _process = gr.Blocks.preprocess_data, gr.Blocks.process_api


def patch_gradio(limits: Quota) -> None:
    """Put all of them in the place of Gradio's own."""
    BoundedForm.limits = limits
    route_utils.GradioMultiPartParser = BoundedForm
    processing_utils.async_ssrf_protected_download = refuse_address
    gr.Blocks.preprocess_data = take_values
    gr.Blocks.process_api = process
    routes.client_utils = SimpleNamespace(**{**vars(client_utils), "construct_args": named_values})
