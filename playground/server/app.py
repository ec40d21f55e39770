"""The web application: what stands before every request, and the routes of ours. The page is mounted on it."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from playground.openid import OpenIdClient
from playground.server import files, health, model_state, own_key, sign_in, terms
from playground.server.errors import add_error_handlers
from playground.server.middleware.access_log import AccessLogMiddleware
from playground.server.middleware.body_limits import BodyLimitMiddleware
from playground.server.middleware.browser_defences import BrowserDefencesMiddleware
from playground.server.middleware.open_requests import OpenRequestsMiddleware
from playground.server.middleware.open_routes import OpenRoutesMiddleware
from playground.server.middleware.own_pages import KnownHostsMiddleware, OwnConfigMiddleware, OwnPagesMiddleware
from playground.server.middleware.owner_cookie import OwnerCookieMiddleware
from playground.server.middleware.password import PasswordMiddleware
from playground.server.openai import chat, completions, models
from playground.service.services import Services
from playground.settings import LOOPBACK


def create_app(
    services: Services,
    hosts: Sequence[str] = LOOPBACK,
    password: str = "",
    trusted_proxies: int = 0,
    access_log: bool = False,
    openid: OpenIdClient | None = None,
) -> FastAPI:
    """An application without a page. In local mode it answers by the names in `hosts` alone, and to the password."""
    public = services.owners.mode == "public"
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.state.openid = _provider(openid)
    # From the innermost outwards.
    app.add_middleware(OwnConfigMiddleware)
    app.add_middleware(OwnerCookieMiddleware, owners=services.owners)
    app.add_middleware(
        BodyLimitMiddleware, owners=services.owners, uploads=services.uploads, trusted_proxies=trusted_proxies
    )
    app.add_middleware(CORSMiddleware)  # allows no other site anything; Gradio's own, which would, gives way to it
    app.add_middleware(OpenRoutesMiddleware)
    if password:
        app.add_middleware(PasswordMiddleware, password=password)
    app.add_middleware(OwnPagesMiddleware)
    app.add_middleware(KnownHostsMiddleware, hosts=("*",) if public else hosts)
    app.add_middleware(OpenRequestsMiddleware, trusted_proxies=trusted_proxies)
    app.add_middleware(BrowserDefencesMiddleware, framed_by_hub=public)
    if access_log:
        app.add_middleware(AccessLogMiddleware, trusted_proxies=trusted_proxies)
    add_error_handlers(app)
    app.include_router(model_state.router)
    app.include_router(files.router)
    app.include_router(health.router)
    app.include_router(terms.router)
    app.include_router(own_key.router)
    app.include_router(sign_in.router)
    for part in (models, chat, completions):
        app.include_router(part.router)
    return app


def _provider(openid: OpenIdClient | None) -> object:
    if openid is None:
        return None
    from playground.server.openid_provider import OpenIdProvider

    return OpenIdProvider(openid)
