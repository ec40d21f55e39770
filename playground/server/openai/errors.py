"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}` with the status that tells
them whether to try again."""

import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError

from playground import telemetry
from playground.errors import (
    AdapterError,
    BusyError,
    EngineError,
    InputError,
    ModelError,
    PlaygroundError,
    TooLongError,
)
from playground.i18n.catalog import gettext, locale_of

log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
INTERNAL = "Something went wrong here. If it happens again, report the number {id}."

_KINDS: dict[type[PlaygroundError], tuple[int, str, str | None]] = {
    BusyError: (429, "rate_limit_error", "rate_limit_exceeded"),
    TooLongError: (400, "invalid_request_error", "context_length_exceeded"),
    AdapterError: (404, "invalid_request_error", "model_not_found"),
    EngineError: (500, "server_error", None),
    ModelError: (500, "server_error", None),
}


class UnknownKeyError(InputError):
    """A key that this server did not issue."""


class OpenAIRoute(APIRoute):
    """A route whose errors have that shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException:
                raise
            except Exception as error:
                status, told = as_openai(error, request)
                headers = {"retry-after": str(RETRY_AFTER_S)} if status == 429 else None
                return JSONResponse(told, status, headers=headers)

        return handle_or_tell


def as_openai(error: Exception, request: Request) -> tuple[int, dict[str, object]]:
    """The status, and what is sent; in the midst of a stream that alone."""
    telemetry.refused(error)
    locale = locale_of(request.headers)
    if not isinstance(error, PlaygroundError):
        error_id = secrets.token_hex(4)
        log.error("unexpected error %s", error_id, exc_info=error)
        return 500, _shape(gettext(locale, INTERNAL, id=error_id), "server_error", None, None)
    if isinstance(error, UnknownKeyError):
        return 401, _shape(gettext(locale, error.sentence), "authentication_error", None, "invalid_api_key")
    usual: tuple[int, str, str | None] = (400, "invalid_request_error", None)
    status, kind, code = next((told for one, told in _KINDS.items() if isinstance(error, one)), usual)
    return status, _shape(gettext(locale, error.sentence), kind, _param(error), code)


def _param(error: PlaygroundError) -> str | None:
    if isinstance(error, AdapterError):
        return "model"
    cause = error.__cause__
    if isinstance(cause, ValidationError) and (place := cause.errors(include_url=False)[0]["loc"]):
        return str(place[0])
    field = error.sentence.fields.get("field")
    return str(field) if field else None


def _shape(message: str, kind: str, param: str | None, code: str | None) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
