"""Which model is loaded, told to every open page as briefly as it can be: each of them asks every two seconds."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from playground.i18n.catalog import gettext, locale_of
from playground.server.owner import services_of

router = APIRouter()


@router.get("/model/state")
async def model_state(request: Request) -> JSONResponse:
    """`generation` grows with each change; `line` tells of the one that goes on, "" for none."""
    models = services_of(request).models
    change = models.change()
    line = gettext(locale_of(request.headers), change.line) if change and not change.ended else ""
    return JSONResponse({"generation": models.generation, "line": line}, headers={"cache-control": "no-store"})
