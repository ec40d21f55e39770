"""Errors become one sentence in the visitor's language, on the page and from the API alike."""

import functools
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import gradio as gr

from playground import telemetry
from playground.errors import PlaygroundError
from playground.i18n.catalog import gettext, locale_of

log = logging.getLogger(__name__)
Handler = TypeVar("Handler", bound=Callable[..., Any])


def show_errors(handler: Handler) -> Handler:
    """Wrap an async handler or async generator: its `PlaygroundError`s are told, any other error is logged."""
    wrapped: Any
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def streaming(*args: Any) -> AsyncIterator[Any]:
            results = handler(*args)
            try:
                async for result in results:
                    yield result
            except Exception as error:
                raise toast(error, args) from error
            finally:
                await results.aclose()

        wrapped = streaming
    else:

        @functools.wraps(handler)
        async def plain(*args: Any) -> Any:
            try:
                return await handler(*args)
            except Exception as error:
                raise toast(error, args) from error

        wrapped = plain
    return wrapped  # type: ignore[no-any-return]


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
