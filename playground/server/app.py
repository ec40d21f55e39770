"""The web application: what stands before every request, and the routes of ours. The page is mounted on it."""

from fastapi import FastAPI

from playground.server import files, model_state
from playground.server.errors import add_error_handlers
from playground.server.middleware.body_limits import BodyLimitMiddleware
from playground.server.middleware.open_routes import OpenRoutesMiddleware
from playground.server.middleware.owner_cookie import OwnerCookieMiddleware
from playground.service.services import Services


def create_app(services: Services) -> FastAPI:
    """An application without a page."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = services
    app.add_middleware(OwnerCookieMiddleware, owners=services.owners)
    app.add_middleware(BodyLimitMiddleware, owners=services.owners, uploads=services.uploads)
    app.add_middleware(OpenRoutesMiddleware)
    add_error_handlers(app)
    app.include_router(model_state.router)
    app.include_router(files.router)
    return app
