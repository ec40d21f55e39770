"""Errors of the routes of ours: JSON with one sentence in the caller's language."""

import logging
import secrets

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from playground import telemetry
from playground.errors import BusyError, EngineError, ModelError, PlaygroundError
from playground.i18n.catalog import gettext, locale_of

log = logging.getLogger(__name__)

BUSY, BROKEN, WRONG = 503, 500, 400


def add_error_handlers(app: FastAPI) -> None:
    """Every error ends as `{"error": {"message": …, "type": …}}`, as programs know it from OpenAI's API."""
    app.add_exception_handler(PlaygroundError, _known)
    app.add_exception_handler(Exception, _unknown)


async def _known(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, PlaygroundError):
        raise error
    telemetry.refused(error)
    status = BUSY if isinstance(error, BusyError) else BROKEN if isinstance(error, EngineError | ModelError) else WRONG
    return _as_json(status, gettext(locale_of(request.headers), error.sentence), type(error).__name__)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    telemetry.refused(error)
    error_id = secrets.token_hex(4)
    log.error("unexpected error %s", error_id, exc_info=error)
    sentence = "Something went wrong here. If it happens again, report the number {id}."
    return _as_json(BROKEN, gettext(locale_of(request.headers), sentence, id=error_id), "InternalError")


def _as_json(status: int, message: str, kind: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": kind}}, status)
