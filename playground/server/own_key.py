"""A visitor's own key: shown to whoever holds it, and taken from another device, where it lies in the same cookie."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from playground.i18n.catalog import gettext, locale_of
from playground.sentence import N_
from playground.server.cookies import cookie
from playground.server.owner import services_of
from playground.service.owners import COOKIE, KEY_KEPT_S, Owners
from playground.threads import slow

router = APIRouter()

TAKEN = N_("This browser has that key now: what you see is what belongs to it.")
MOVED = N_("What belonged to that key is your account's now.")


@router.post("/key/show")
async def show(request: Request) -> JSONResponse:
    """The caller's key. Nobody else's page may ask for it, and nothing keeps it on the way."""
    return JSONResponse({"key": _owners(request).own_key(request.headers)}, headers={"cache-control": "no-store"})


@router.post("/key")
async def enter(request: Request) -> JSONResponse:
    """Put the key that is sent, as `{"key": …}`, into the caller's cookie; to an account goes what belongs to it."""
    owners = _owners(request)
    try:
        given = (await request.json())["key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        given = None
    key = owners.check_key(given)
    if account := owners.account(request.headers):
        belongings = services_of(request).belongings
        await slow.run(belongings.take_over, owners.key_owner(key), account.owner)
        return JSONResponse({"message": gettext(locale_of(request.headers), MOVED)})
    answer = JSONResponse({"message": gettext(locale_of(request.headers), TAKEN)})
    answer.headers.append("set-cookie", cookie(request.scope, COOKIE, key, KEY_KEPT_S))
    return answer


def _owners(request: Request) -> Owners:
    owners = services_of(request).owners
    if owners.mode == "local":
        raise HTTPException(404)
    return owners
