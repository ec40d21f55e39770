"""Signing in with an OpenID provider: there, back again, and out. Of what the provider knows, the account's id and name
are read, and no token of its is kept."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from playground.errors import BusyError, InputError
from playground.i18n.catalog import gettext, locale_of
from playground.server.cookies import cookie, is_https
from playground.server.owner import services_of
from playground.service.owners import ACCOUNT_COOKIE, ADDRESS_HEADER
from playground.service.visitors.accounts import ACCOUNT_KEPT_S

if TYPE_CHECKING:
    from playground.server.openid_provider import OpenIdProvider

router = APIRouter()

ATTEMPT_COOKIE, ATTEMPT_PATH = "playground_sign_in", "/login"
"""Where a browser keeps what it has begun."""


@router.get("/login")
async def login(request: Request) -> Response:
    """Lead to the provider, from the one name that it sends visitors back to."""
    provider, host = _provider(request), request.headers.get("host", "")
    here, known = f"{'https' if is_https(request.scope) else 'http'}://{host}", provider.client.host
    if known and host != known and "moved" not in request.query_params:  # once: a proxy may call it otherwise
        return RedirectResponse(f"https://{known}/login?moved", 303)
    try:
        provider.count(request.headers.get(ADDRESS_HEADER, ""))
        url, kept = await provider.begin(f"https://{known}/login/callback" if known else f"{here}/login/callback")
    except (InputError, BusyError) as error:
        return _told(request, error)
    answer = RedirectResponse(url, 303)
    answer.headers.append("set-cookie", _attempt(request, kept, provider.attempt_s))
    return answer


@router.get("/login/callback")
async def callback(request: Request) -> Response:
    """Take who comes back from the provider, and open the page; what was begun is over, however it ends."""
    provider, accounts = _provider(request), services_of(request).owners.accounts
    kept, asked = request.cookies.get(ATTEMPT_COOKIE, ""), request.query_params
    try:
        provider.count(request.headers.get(ADDRESS_HEADER, ""))
        issuer, subject, name = await provider.finish(kept, asked.get("state", ""), asked.get("code", ""))
    except (InputError, BusyError) as error:
        answer = _told(request, error)
    else:
        token = accounts.issue(issuer, subject, name)
        answer = RedirectResponse("../", 303)  # the page, and never an address that somebody has sent
        signed = cookie(request.scope, ACCOUNT_COOKIE, token, ACCOUNT_KEPT_S, reach="shared")
        answer.headers.append("set-cookie", signed)
    answer.headers.append("set-cookie", _attempt(request, "", 0))
    return answer


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Forget the account in this browser, which then has its key again."""
    _provider(request)
    answer = RedirectResponse("./", 303)
    answer.headers.append("set-cookie", cookie(request.scope, ACCOUNT_COOKIE, "", 0, reach="shared"))
    return answer


def _provider(request: Request) -> "OpenIdProvider":
    found: OpenIdProvider | None = request.app.state.openid
    if found is None:
        raise HTTPException(404)
    return found


def _attempt(request: Request, kept: str, max_age_s: int) -> str:
    return cookie(request.scope, ATTEMPT_COOKIE, kept, max_age_s, ATTEMPT_PATH, "own")


def _told(request: Request, error: InputError | BusyError) -> Response:
    status = 429 if isinstance(error, BusyError) else 400
    return PlainTextResponse(gettext(locale_of(request.headers), error.sentence), status)
