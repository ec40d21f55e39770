"""The endpoints that take or give a file: inspect, train, export and import."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api

from playground.data.selection import RowChanges
from playground.data.table import MAX_ROWS
from playground.errors import InputError
from playground.service.reading.dataset import DatasetFile
from playground.service.reading.hub import ROWS, HubChoice, facts_as_api
from playground.service.services import Services
from playground.threads import slow
from playground.training.config import TrainingConfig
from playground.training.setting import settings
from playground.ui.api.shapes import adapter_as_api, as_text
from playground.ui.disconnect import while_there
from playground.ui.errors import show_errors

HUB_PARTS = ("dataset", "configuration", "split")
DATASET_SCHEMAS: dict[str, dict[str, Any]] = {
    "columns": {"type": "object", "additionalProperties": {"type": "string"}},
    "repairs": {"type": "array", "items": {"type": "string"}},
    "left_out": {"type": "array", "items": {"type": "number"}},
    "edited": {"type": "object"},
    "offset": {"type": "number"},
    **{part: {"type": "string"} for part in HUB_PARTS},
    "rows": {"type": "number"},
}
"""How a file is read, in JSON."""


def wishes(config_class: type[TrainingConfig]) -> list[str]:
    """What a run may be told beside its file and name, those asked for most first; what is left out suits the model."""
    advanced = {name: setting.advanced for name, setting in settings(config_class).items()}
    first = [name for name in advanced if not advanced[name]]
    return [
        *first,
        "probes",
        *(name for name in advanced if advanced[name]),
        "repairs",
        "columns",
        "left_out",
        "edited",
        *HUB_PARTS,
        "rows",
    ]


def schemas(config_class: type[TrainingConfig]) -> dict[str, dict[str, Any]]:
    """The kind of each of them in JSON."""
    kinds = {name: facts["type"] for name, facts in config_class.model_json_schema()["properties"].items()}
    known = {name: {"type": "number" if kind == "integer" else kind} for name, kind in kinds.items()}
    return known | DATASET_SCHEMAS | {"probes": {"type": "array", "items": {"type": "string"}}}


def build(services: Services, config_class: type[TrainingConfig] = TrainingConfig) -> None:
    """Each is a hidden button's event: a real `gr.File` refuses forged paths, which `gr.api` would let through."""
    _add(_inspect(services), "inspect_dataset", DATASET_SCHEMAS)
    _add(_train(services, config_class), "train", schemas(config_class))
    _add(_import(services), "import_adapter", {"anyway": {"type": "boolean"}})
    told = "What a set of the Hugging Face hub holds: its configurations and splits, with rows, bytes and licence."
    gr.api(_facts(services), api_name="dataset_facts", api_description=told, concurrency_limit=None)
    exported = gr.File(visible=False)
    button = gr.Button(visible=False)
    inputs: list[Any] = [Api(None, {"type": "string"}, "adapter"), Api(False, {"type": "boolean"}, "merged")]
    button.click(_export(services), inputs, exported, api_name="export_adapter", concurrency_limit=None)


def _inspect(services: Services) -> Callable[..., Any]:
    @show_errors
    async def inspect_dataset(
        request: gr.Request,
        file: Any,
        format: Any = "auto",
        columns: Any = None,
        repairs: Any = None,
        offset: Any = 0,
        left_out: Any = None,
        edited: Any = None,
        dataset: Any = "",
        configuration: Any = "",
        split: Any = "",
        rows: Any = ROWS,
    ) -> Any:
        format, place = as_text(format, "format"), _as_offset(offset)
        columns, repairs = _as_columns(columns or {}), _as_repairs(repairs or [])
        changes = RowChanges.read(left_out or [], edited or {})
        owner = services.owners.owner(request.headers)
        choice = _choice(file, dataset, configuration, split, rows)
        source = await while_there(_source(services, owner, file, choice))
        wanted = replace(source, format=format, columns=columns, repairs=repairs, changes=changes)
        return await while_there(services.datasets.describe(owner, wanted, place))

    return inspect_dataset


def _facts(services: Services) -> Callable[..., Any]:
    @show_errors
    async def dataset_facts(request: gr.Request, dataset: str) -> dict[str, Any]:
        services.owners.known_owner(request.headers)
        return facts_as_api(await services.hub.facts(HubChoice(as_text(dataset, "dataset"))))

    return dataset_facts


def _train(services: Services, config_class: type[TrainingConfig]) -> Callable[..., Any]:
    names = wishes(config_class)

    @show_errors
    async def train(request: gr.Request, file: Any, name: Any, format: Any, *values: Any) -> AsyncIterator[Any]:
        owner = services.owners.known_owner(request.headers)
        given = {wish: value for wish, value in zip(names, values, strict=True) if value is not None}
        name, repairs = as_text(name, "name"), _as_repairs(given.pop("repairs", []))
        columns = _as_columns(given.pop("columns", {}))
        changes = RowChanges.read(given.pop("left_out", []), given.pop("edited", {}))
        format, rows = as_text(format, "format"), given.pop("rows", ROWS)
        dataset, configuration, split = (given.pop(part, "") for part in HUB_PARTS)
        choice = _choice(file, dataset, configuration, split, rows)
        source = await while_there(_source(services, owner, file, choice))
        wanted = replace(source, format=format, columns=columns, repairs=repairs, changes=changes)
        starting = services.finetuning.start(owner, wanted, name, probes=given.pop("probes", ()), overrides=given)
        job_id = await while_there(starting)
        async for state in services.finetuning.follow(owner, job_id):
            yield dict(state)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    *known, format, _ = inspect.signature(train).parameters.values()
    wished = [inspect.Parameter(wish, kind, default=None) for wish in names]
    train.__signature__ = inspect.Signature([*known, format.replace(default="auto"), *wished])  # type: ignore[attr-defined]
    return train


def _export(services: Services) -> Callable[..., Any]:
    @show_errors
    async def export_adapter(request: gr.Request, adapter: Any, merged: Any = False) -> AsyncIterator[Any]:
        owner, adapter = services.owners.owner(request.headers), as_text(adapter, "adapter")
        if not isinstance(merged, bool):
            raise InputError("merged must be true or false.")
        if not merged:
            yield await slow.run(services.downloads.zipped, owner, adapter)
            return
        async with aclosing(services.downloads.whole(owner, adapter)) as shares:
            async for share in shares:  # between two of them Gradio sees whether the visitor has left
                yield share if isinstance(share, str) else None

    return export_adapter


def _import(services: Services) -> Callable[..., Any]:
    @show_errors
    async def import_adapter(request: gr.Request, file: Any, name: Any, anyway: Any = False) -> Any:
        owner, name, path = services.owners.known_owner(request.headers), as_text(name, "name"), _path(file)
        if not isinstance(anyway, bool):
            raise InputError("anyway must be true or false.")
        card = await while_there(services.adapters.import_adapter(owner, name, path, anyway))
        note = services.adapters.note(card)
        return adapter_as_api(card) | {"problems": [str(note)] if note else []}

    return import_adapter


def _add(function: Callable[..., Any], api_name: str, schemas: Mapping[str, dict[str, Any]] | None = None) -> None:
    """A hidden button's event whose first input is a real `gr.File`, the others plain values: text, if not told."""
    known = schemas or {}
    inputs: list[Any] = [gr.File(visible=False)]
    for parameter in list(inspect.signature(function).parameters.values())[2:]:
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        inputs.append(Api(default, known.get(parameter.name, {"type": "string"}), parameter.name))
    gr.Button(visible=False).click(
        function, inputs, Api(None, {"type": "object"}, "result"), api_name=api_name, concurrency_limit=None
    )


def _choice(file: Any, dataset: Any, configuration: Any, split: Any, rows: Any) -> HubChoice | None:
    """Which set of the hub stands in the place of a file; None where a file is there."""
    if dataset in ("", None):
        return None
    if file:
        raise InputError("Send a file or name a set of the hub, not both.")
    if isinstance(rows, bool) or not isinstance(rows, int):
        raise InputError("rows must be a whole number from 2 to {limit}.", limit=f"{MAX_ROWS:,}")
    for name, value in zip(HUB_PARTS, (dataset, configuration, split), strict=True):
        if not isinstance(value, str):
            raise InputError("{name} must be text.", name=name)
    return HubChoice(dataset, configuration, split, rows)


async def _source(services: Services, owner: str, file: Any, choice: HubChoice | None) -> DatasetFile:
    if choice is None:
        path = _path(file)
        return DatasetFile(path, path.name)
    return (await services.hub.fetch(owner, choice))[0]


def _path(file: Any) -> Path:
    if not isinstance(file, str) or not file:
        raise InputError("Send a file first.")
    return Path(file)


def _as_repairs(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(kind, str) for kind in value):
        raise InputError("repairs must be a list of names, as /inspect_dataset tells them.")
    return value


def _as_columns(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise InputError('columns must name the file\'s columns, as in {"prompt": "pregunta"}.')
    return value


def _as_offset(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError("offset must be a whole number from 0 on.")
    return value
