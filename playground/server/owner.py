"""Who asks: an owner for the routes of ours, out of a request's headers."""

from typing import Annotated

from fastapi import Depends, Request

from playground.service.services import Services


def services_of(request: Request) -> Services:
    """What `create_app` was given."""
    services: Services = request.app.state.services
    return services


def _owner(request: Request) -> str:
    return services_of(request).owners.owner(request.headers)


def _known_owner(request: Request) -> str:
    return services_of(request).owners.known_owner(request.headers)


Owner = Annotated[str, Depends(_owner)]
"""A parameter of a route: who asks; a stranger has a name for this one request."""
KnownOwner = Annotated[str, Depends(_known_owner)]
"""As `Owner`, for what is kept; a stranger is refused."""
