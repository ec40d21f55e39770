"""The endpoints that tell which base models there are, fetch them, and change to one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, get_args

import gradio as gr

from playground.errors import InputError
from playground.protocol.model import Quantization
from playground.protocol.model_choice import ModelChoice
from playground.service.model_change import FOLLOW_S, ModelChange
from playground.service.services import Services
from playground.threads import network, quick, slow
from playground.ui.api.shapes import as_text, change_as_api, choice_as_api
from playground.ui.errors import show_errors
from playground.ui.i18n import gettext_for


def build(services: Services) -> None:
    """Add them to the page that is being built."""
    for endpoint, told in (
        (_models(services), "The base models that you may choose, from small to large."),
        (_search(services), "Models of the Hugging Face hub by name or id; for the operator."),
        (_use(services), "Change to a model, fetching it if need be; streams where that stands."),
        (_get(services), "Fetch a model without changing to it; streams how far it is."),
        (_stop(services), "Stop fetching a model; what is there stays for later."),
        (_forget(services), "Remove a model's files from this machine; for the operator."),
    ):
        gr.api(endpoint, api_name=endpoint.__name__, api_description=told, concurrency_limit=None)


def _models(services: Services) -> Any:
    @show_errors
    async def models(request: gr.Request) -> list[dict[str, Any]]:
        found = await network.run(services.models.choices, services.owners.is_operator(request.headers))
        return [choice_as_api(one) for one in found]

    return models


def _search(services: Services) -> Any:
    @show_errors
    async def search_models(request: gr.Request, query: str) -> list[dict[str, Any]]:
        operator = services.owners.is_operator(request.headers)
        found: list[ModelChoice] = list(await network.run(services.models.search, operator, as_text(query, "query")))
        return [choice_as_api(one) for one in found]

    return search_models


def _use(services: Services) -> Any:
    @show_errors
    async def use_model(
        request: gr.Request, model: str, quantization: str = "auto", while_training: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        if quantization not in get_args(Quantization):
            raise InputError("quantization must be one of: {allowed}.", allowed=", ".join(get_args(Quantization)))
        if not isinstance(while_training, bool):
            raise InputError("while_training must be true or false.")
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers)
        wanted: Quantization = quantization  # type: ignore[assignment]  # just checked
        await network.run(services.models.use, owner, operator, as_text(model, "model"), wanted, while_training)
        gettext = gettext_for(request)
        async for change in services.models.follow():
            yield change_as_api(change, gettext)

    return use_model


def _get(services: Services) -> Any:
    @show_errors
    async def get_model(request: gr.Request, model: str) -> AsyncIterator[dict[str, Any]]:
        operator, gettext = services.owners.is_operator(request.headers), gettext_for(request)
        found = await network.run(services.models.get, operator, as_text(model, "model"))
        seen: ModelChange | None = None
        while seen is None or not seen.ended:
            state = services.models.download(found)
            if state is None:
                return
            now = ModelChange.of_download(found, state)
            if now != seen:
                yield change_as_api(now, gettext)
            seen = now
            await asyncio.sleep(FOLLOW_S)

    return get_model


def _stop(services: Services) -> Any:
    @show_errors
    async def stop_download(request: gr.Request, model: str) -> str:
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers)
        await quick.run(services.models.stop_download, owner, operator, as_text(model, "model"))
        return f"Stopped fetching {model}."

    return stop_download


def _forget(services: Services) -> Any:
    @show_errors
    async def forget_model(request: gr.Request, model: str) -> str:
        operator = services.owners.is_operator(request.headers)
        await slow.run(services.models.forget, operator, as_text(model, "model"))
        return f"Removed {model}."

    return forget_model
