"""The endpoints that take or give a file: inspect, train, export and import."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from playground.errors import InputError
from playground.ui.api_shapes import adapter_as_api, as_text
from playground.ui.downloads import whole, zipped
from playground.ui.services import Services
from playground.ui.teaching import inspect_upload, start_training
from playground.ui.toasts import friendly

TEXTS = ("name", "format", "adapter", "target_modules", "lr_scheduler_type", "report_to")
SWITCHES = ("use_rslora", "completion_only_loss", "packing", "gradient_checkpointing")


def build(services: Services) -> None:
    """Each is a hidden button's event: a real `gr.File` refuses forged paths, which `gr.api` would let through."""
    _add(_inspect(services), "inspect_dataset")
    _add(_train(services), "train")
    _add(_import(services), "import_adapter")
    exported = gr.File(visible=False)
    button = gr.Button(visible=False)
    inputs: list[Any] = [Api(None, {"type": "string"}, "adapter"), Api(False, {"type": "boolean"}, "merged")]
    button.click(_export(services), inputs, exported, api_name="export_adapter", concurrency_limit=None)


def _inspect(services: Services) -> Callable[..., Any]:
    @friendly
    async def inspect_dataset(request: gr.Request, file: Any, format: Any = "auto") -> Any:
        inspection = await asyncio.to_thread(inspect_upload, services, _path(file), as_text(format, "format"))
        return inspection.to_dict()

    return inspect_dataset


def _train(services: Services) -> Callable[..., Any]:
    @friendly
    async def train(
        request: gr.Request,
        file: Any,
        name: Any,
        format: Any = "auto",
        epochs: Any = None,
        max_steps: Any = None,
        r: Any = None,
        lora_alpha: Any = None,
        learning_rate: Any = None,
        max_length: Any = None,
        probes: Any = None,
        lora_dropout: Any = None,
        target_modules: Any = None,
        use_rslora: Any = None,
        per_device_train_batch_size: Any = None,
        gradient_accumulation_steps: Any = None,
        lr_scheduler_type: Any = None,
        warmup_ratio: Any = None,
        weight_decay: Any = None,
        completion_only_loss: Any = None,
        packing: Any = None,
        gradient_checkpointing: Any = None,
        neftune_noise_alpha: Any = None,
        early_stopping_patience: Any = None,
        seed: Any = None,
        report_to: Any = None,
    ) -> AsyncIterator[Any]:
        owner = services.known_owner(request)
        path = _path(file)
        wishes = {
            "epochs": epochs,
            "max_steps": max_steps,
            "r": r,
            "lora_alpha": lora_alpha,
            "learning_rate": learning_rate,
            "max_length": max_length,
            "lora_dropout": lora_dropout,
            "target_modules": target_modules,
            "use_rslora": use_rslora,
            "per_device_train_batch_size": per_device_train_batch_size,
            "gradient_accumulation_steps": gradient_accumulation_steps,
            "lr_scheduler_type": lr_scheduler_type,
            "warmup_ratio": warmup_ratio,
            "weight_decay": weight_decay,
            "completion_only_loss": completion_only_loss,
            "packing": packing,
            "gradient_checkpointing": gradient_checkpointing,
            "neftune_noise_alpha": neftune_noise_alpha,
            "early_stopping_patience": early_stopping_patience,
            "seed": seed,
            "report_to": report_to,
        }
        given = {field: value for field, value in wishes.items() if value is not None}
        job_id = await asyncio.to_thread(
            start_training,
            services,
            owner,
            path,
            file_name=path.name,
            name=as_text(name, "name"),
            format=as_text(format, "format"),
            probes=_as_probes(probes),
            **given,
        )
        async for state in services.jobs.follow(owner, job_id):
            yield dict(state)

    return train


def _export(services: Services) -> Callable[..., Any]:
    @friendly
    async def export_adapter(request: gr.Request, adapter: Any, merged: Any = False) -> AsyncIterator[Any]:
        owner, adapter = services.owner(request), as_text(adapter, "adapter")
        if not isinstance(merged, bool):
            raise InputError("merged must be true or false.")
        if not merged:
            yield await asyncio.to_thread(zipped, services, owner, adapter)
            return
        async with aclosing(whole(services, owner, adapter)) as shares:
            async for share in shares:  # between two of them Gradio sees whether the visitor has left
                yield share if isinstance(share, str) else None

    return export_adapter


def _import(services: Services) -> Callable[..., Any]:
    @friendly
    async def import_adapter(request: gr.Request, file: Any, name: Any) -> Any:
        owner = services.known_owner(request)
        card = await asyncio.to_thread(services.adopt, owner, as_text(name, "name"), _path(file))
        return adapter_as_api(card)

    return import_adapter


def _add(function: Callable[..., Any], api_name: str) -> None:
    """A hidden button's event whose first input is a real `gr.File`, the others plain values."""
    kinds: dict[str, dict[str, Any]] = {"probes": {"type": "array", "items": {"type": "string"}}}
    inputs: list[Any] = [gr.File(visible=False)]
    for parameter in list(inspect.signature(function).parameters.values())[2:]:
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        kind = "string" if parameter.name in TEXTS else "boolean" if parameter.name in SWITCHES else "number"
        schema = kinds.get(parameter.name, {"type": kind})
        inputs.append(Api(default, schema, parameter.name))
    gr.Button(visible=False).click(
        function, inputs, Api(None, {"type": "object"}, "result"), api_name=api_name, concurrency_limit=None
    )


def _path(file: Any) -> Path:
    if not isinstance(file, str) or not file:
        raise InputError("Send a file first.")
    return Path(file)


def _as_probes(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(probe, str) for probe in value):
        raise InputError("probes must be a list of texts.")
    return value
