"""`/v1/models`: the loaded base model and the caller's adapters of it, each a model to whoever calls."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request

from playground.adapters.info import AdapterInfo
from playground.errors import AdapterError
from playground.protocol.messages import BASE
from playground.server.openai.answering import owner_of
from playground.server.openai.errors import OpenAIRoute
from playground.server.owner import services_of

router = APIRouter(route_class=OpenAIRoute)

OWNED_BY = "llm-playground"


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """Those that the caller may ask, the base first."""
    return {"object": "list", "data": _models(request)}


@router.get("/v1/models/{model:path}")
async def model(request: Request, model: str) -> dict[str, Any]:
    """One of them, by its id or name; raises `AdapterError`."""
    found = next((one for one in _models(request) if model in (one["id"], one["name"])), None)
    if found is None:
        raise AdapterError("There is no model '{model}' here. /v1/models lists those that there are.", model=model)
    return found


def _models(request: Request) -> list[dict[str, Any]]:
    services, owner = services_of(request), owner_of(request)
    info = services.models.info
    base = {"id": BASE, "object": "model", "created": 0, "owned_by": OWNED_BY, "name": info.name, "root": info.id}
    return [base, *(_adapter(one, info.id) for one in services.adapters.list(owner) if services.adapters.fits(one))]


def _adapter(adapter: AdapterInfo, root: str) -> dict[str, Any]:
    """`parent` as vLLM tells it of its LoRA modules."""
    return {
        "id": adapter.id,
        "object": "model",
        "created": _unix(adapter.created),
        "owned_by": OWNED_BY,
        "name": adapter.name,
        "root": root,
        "parent": BASE,
    }


def _unix(created: str) -> int:
    """Seconds since 1970; 0 where it is not known."""
    try:
        return int(datetime.fromisoformat(created).timestamp())
    except ValueError:
        return 0
