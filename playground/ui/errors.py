"""Errors become one sentence in the visitor's language, on the page and from the API alike."""

import functools
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import gradio as gr
from markupsafe import Markup

from playground import telemetry
from playground.errors import DataError, InputError, PlaygroundError
from playground.i18n.catalog import gettext, locale_of

log = logging.getLogger(__name__)
Handler = TypeVar("Handler", bound=Callable[..., Any])
UNDER = Markup('<span class="told-under at-{field}">{sentence}</span>')
"""A toast that `static/field_errors.js` puts under the field of this id, where that is in view. Of
a toast Gradio keeps the classes alone."""


def show_errors(handler: Handler, tell: Callable[[Exception, tuple[Any, ...]], gr.Error] | None = None) -> Handler:
    """Wrap an async handler or async generator: its `PlaygroundError`s are told, any other error is logged."""
    told = tell or toast
    wrapped: Any
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def streaming(*args: Any) -> AsyncIterator[Any]:
            results = handler(*args)
            try:
                async for result in results:
                    yield result
            except Exception as error:
                raise told(error, args) from error
            finally:
                await results.aclose()

        wrapped = streaming
    else:

        @functools.wraps(handler)
        async def plain(*args: Any) -> Any:
            try:
                return await handler(*args)
            except Exception as error:
                raise told(error, args) from error

        wrapped = plain
    return wrapped  # type: ignore[no-any-return]


def errors_under(
    field: str = "",
    fields: Mapping[str, str] | None = None,
    kinds: tuple[type[PlaygroundError], ...] = (InputError, DataError),
) -> Callable[[Handler], Handler]:
    """As `show_errors`, for a handler of the page: what a visitor gave wrongly is told under its field.

    `fields` are the components' ids by the names of the values; `field` is where errors stand that name no value.
    """

    def tell(error: Exception, args: tuple[Any, ...]) -> gr.Error:
        told = toast(error, args)
        if isinstance(error, kinds) and (place := (fields or {}).get(error.about) if error.about else field):
            told.message = UNDER.format(field=place, sentence=told.message)
        return told

    return functools.partial(show_errors, tell=tell)


def toast(error: Exception, args: tuple[Any, ...]) -> gr.Error:
    """What is told of an error to whoever made the request among `args`."""
    if isinstance(error, gr.Error):
        return error
    request = next((arg for arg in args if isinstance(arg, gr.Request)), None)
    locale = locale_of(request.headers if request else {})
    telemetry.refused(error)
    if isinstance(error, PlaygroundError):
        sentence = gettext(locale, error.sentence)
    else:
        error_id = secrets.token_hex(4)
        log.error("unexpected error %s", error_id, exc_info=error)
        sentence = gettext(
            locale, "Something went wrong here. If it happens again, report the number {id}.", id=error_id
        )
    return gr.Error(sentence, title=gettext(locale, "That did not work"), duration=12, print_exception=False)
