"""The public API: every tab from code, through `gradio_client` or plain HTTP.

Text endpoints hang on `gr.api`, which passes values through unchecked, so whoever receives them checks: the tasks
their texts, the engine its sampling. Endpoints that take a file hang on a real `gr.File`, which refuses forged paths.
"""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import gradio as gr

from playground.protocol.messages import BASE
from playground.protocol.sampling import SamplingParams
from playground.service.owners import ADDRESS_HEADER
from playground.service.services import Services
from playground.tasks.base import Task
from playground.tasks.registry import all_tasks
from playground.threads import quick, slow
from playground.ui.api import files as api_files
from playground.ui.api import models as api_models
from playground.ui.api import yours as api_yours
from playground.ui.api.shapes import adapter_as_api, as_text
from playground.ui.errors import show_errors

GENERATE = (
    "Continue a chat; streams the whole answer so far. With thinking, a model that can thinks first, within "
    "max_new_tokens, and its thoughts are no part of the answer."
)
HAPPEN = (
    *("train", "stop_job", "resume_job", "import_adapter", "delete_adapter"),
    *("use_model", "get_model", "stop_download", "forget_model"),
)
"""Do something, also where nobody reads the answer; what only tells something waits for its reader."""


def build(services: Services) -> None:
    """Add every endpoint to the page that is being built."""
    _add_generate(services)
    for task in all_tasks().values():
        if task.name != "generate":
            _add(_task_endpoint(services, task), task.name, f"{task.title}, by the base model or an adapter.")
    _add_adapter_endpoints(services)
    _add_job_endpoints(services)
    api_files.build(services)
    api_models.build(services)
    api_yours.build(services)


def _add(function: Callable[..., Any], name: str, description: str) -> None:
    gr.api(function, api_name=name, api_description=description, concurrency_limit=None)


def _add_generate(services: Services) -> None:
    @show_errors
    async def generate(
        request: gr.Request,
        prompt: str,
        adapter: str = BASE,
        system: str = "",
        max_new_tokens: int = 256,
        temperature: float = 0.7,
        top_p: float = 0.9,
        top_k: int = 50,
        repetition_penalty: float = 1.0,
        seed: int = -1,
        strength: float = 1.0,
        thinking: bool = False,
    ) -> AsyncIterator[str]:
        params = SamplingParams(max_new_tokens, temperature, top_p, top_k, repetition_penalty, seed)
        owner, task = services.owners.owner(request.headers), all_tasks()["generate"]
        given = {"prompt": prompt, "system": system, "params": params, "thinking": thinking}
        async with aclosing(services.generation.run(owner, task, adapter, strength, **given)) as results:
            async for result in results:
                yield result.to_api()

    _add(_returning(generate, str), "generate", GENERATE)


def _task_endpoint(services: Services, task: Task[Any]) -> Callable[..., Any]:
    """An endpoint with the task's own fields as parameters, then `adapter` and `strength`."""
    fields = {name: task.Inputs.model_fields[name] for name in task.Inputs.asked()}

    @show_errors
    async def endpoint(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        *inputs, adapter, strength = values
        owner, given = services.owners.owner(request.headers), dict(zip(fields, inputs, strict=True))
        async with aclosing(services.generation.run(owner, task, adapter, strength, **given)) as results:
            async for result in results:
                yield result.to_api()

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", kind, annotation=gr.Request)]
    for name, field in fields.items():
        default = inspect.Parameter.empty if field.is_required() else field.default
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=str))
    for name, value in (("adapter", BASE), ("strength", 1.0)):
        parameters.append(inspect.Parameter(name, kind, default=value, annotation=type(value)))
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    endpoint.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return _returning(endpoint, str if task.Output.streams_text else dict)


def _returning(function: Callable[..., Any], kind: type) -> Callable[..., Any]:
    """Declare what the endpoint returns, which Gradio reads off the signature."""
    signature = inspect.signature(function)
    function.__signature__ = signature.replace(return_annotation=kind)  # type: ignore[attr-defined]
    function.__annotations__ = {**function.__annotations__, "return": kind}
    return function


def _add_adapter_endpoints(services: Services) -> None:
    @show_errors
    async def adapters(request: gr.Request) -> list[dict[str, Any]]:
        return [adapter_as_api(card) for card in services.adapters.list(services.owners.owner(request.headers))]

    @show_errors
    async def delete_adapter(request: gr.Request, adapter: str) -> str:
        card = await slow.run(
            services.adapters.delete_adapter, services.owners.known_owner(request.headers), as_text(adapter, "adapter")
        )
        return f"Deleted {card.name}."

    @show_errors
    async def status(request: gr.Request) -> dict[str, Any]:
        return services.models.status()

    @show_errors
    async def new_key(request: gr.Request) -> str:
        return services.owners.issue(request.headers.get(ADDRESS_HEADER, ""))

    _add(adapters, "adapters", "The adapters that you may use.")
    _add(delete_adapter, "delete_adapter", "Delete one of your adapters, by id or name.")
    _add(status, "status", "What is loaded, where, in which precision, and how busy it is.")
    _add(new_key, "new_key", "A key that makes you somebody here: send it in the header x-playground-key.")


def _add_job_endpoints(services: Services) -> None:
    @show_errors
    async def jobs(request: gr.Request) -> list[dict[str, Any]]:
        states = await quick.run(services.finetuning.list, services.owners.owner(request.headers))
        return [dict(state) for state in states]

    @show_errors
    async def stop_job(request: gr.Request, job_id: str) -> dict[str, Any]:
        owner = services.owners.known_owner(request.headers)
        await quick.run(services.finetuning.stop, owner, as_text(job_id, "job_id"))
        return dict(await quick.run(services.finetuning.state, owner, job_id))

    @show_errors
    async def resume_job(request: gr.Request, job_id: str) -> dict[str, Any]:
        owner = services.owners.known_owner(request.headers)
        await quick.run(services.finetuning.resume, owner, as_text(job_id, "job_id"))
        return dict(await quick.run(services.finetuning.state, owner, job_id))

    _add(jobs, "jobs", "Your training runs, the newest first.")
    _add(stop_job, "stop_job", "Stop a run and keep what it learnt.")
    _add(resume_job, "resume_job", "Go on with a run that was interrupted.")
