"""What goes out with an adapter as its `README.md`: what it is, what was measured, and how it was made.

Its words are in `model_card.md.jinja`; here is gathered what they are said of. Nothing of the owner or of this server's
disk stands in it, and no rows of the examples: they may be private.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from playground.adapters.info import AdapterInfo

_RUN = {
    "rows": "Examples learnt from",
    "held_out_rows": "Examples set aside",
    "truncated_rows": "Examples cut short",
    "skipped_rows": "Examples left out",
    "learnt_tokens": "Tokens learnt, each time round",
    "steps": "Steps",
    "best_step": "Best step",
    "step": "Step of this adapter",
    "seconds": "Seconds of training",
    "quantization": "Precision of the base model in training",
    "held_out_loss_before": "Loss on the examples set aside, base model",
    "held_out_loss_after": "Loss on the examples set aside, adapter",
    "data_sha256": "Fingerprint of the examples (SHA-256)",
}
"""Facts of a training run that are told, in this order."""


Row = list[object]


def model_card(info: AdapterInfo, base_id: str = "", *, merged: bool = False) -> str:
    """Write the card in Markdown, with the front matter that PEFT and the Hugging Face hub read.

    `base_id` is what others know the base model by; `merged` is for the whole model, the adapter worked into it.
    """
    base = base_id or info.base_model
    return _template().render(
        info=info,
        base=base,
        merged=merged,
        verdict=_verdict(info),
        metrics=_metrics(info),
        tasks=_tasks(info),
        worse=_worse(info),
        labels=_labels(info),
        confusion=_confusion(info),
        scores=_list_of(info.source.get("scores")),
        data=_list_of(info.source.get("data")),
        run=_run(info, base),
        settings=_values(info.source.get("settings")),
        versions=_values(info.source.get("versions")),
    )


@cache
def _template() -> Template:
    markdown = Environment(  # noqa: S701 - Markdown: whatever a visitor may have named passes `cell`
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    markdown.filters |= {"cell": _cell, "json": partial(json.dumps, ensure_ascii=False)}
    markdown.globals["table"] = _table
    return markdown.get_template("model_card.md.jinja")


def _verdict(info: AdapterInfo) -> str:
    return " ".join(filter(None, (_sentence(part) for part in _list(info.report, "verdict"))))


def _sentence(part: Mapping[str, Any]) -> str:
    """A sentence of the verdict; "" for one that lacks a field, which another version may have written."""
    try:
        return str(part["template"]).format(**part.get("fields", {}))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return ""


def _metrics(info: AdapterInfo) -> list[Row]:
    rows = [
        [
            found.get("name"),
            _figure(found.get("base")),
            _figure(found.get("adapter")),
            f"{_figure(found['low'])} to {_figure(found['high'])}" if _both(found, "low", "high") else "",
            found.get("rows"),
        ]
        for found in _list(info.report, "measures")
    ]
    facts = info.metrics
    if not rows and _both(facts, "score_before", "score_after"):
        scores = [_figure(facts["score_before"]), _figure(facts["score_after"])]
        rows = [[facts.get("measure"), *scores, "", facts.get("measured_rows")]]
    return rows


def _tasks(info: AdapterInfo) -> list[Row]:
    return [
        [
            skill.get("task"),
            skill.get("measure"),
            _figure(skill.get("base")),
            _figure(skill.get("adapter")),
            skill.get("rows"),
        ]
        for skill in _list(info.report, "skills")
    ]


def _worse(info: AdapterInfo) -> list[str]:
    return [str(skill.get("task")) for skill in _list(info.report, "skills") if skill.get("worse")]


def _labels(info: AdapterInfo) -> list[object]:
    found = info.report.get("confusion")
    return _list_of(found.get("labels")) if isinstance(found, dict) else []


def _confusion(info: AdapterInfo) -> list[tuple[str, list[Row]]]:
    """Whose answers, and their rows: each wanted label, and how often each was said."""
    found, labels = info.report.get("confusion"), _labels(info)
    if not isinstance(found, dict):
        return []
    drawn = []
    for who in ("base", "adapter"):
        counts = [row for row in _list_of(found.get(who)) if isinstance(row, list)]
        if rows := [[label, *row] for label, row in zip(labels, counts, strict=False)]:
            drawn.append((who, rows))
    return drawn


def _run(info: AdapterInfo, base: str) -> list[Row]:
    chosen = {name: value for name, value in info.report.items() if name in ("step", "best_step")}
    facts = {**info.source, **info.metrics, **chosen}
    rows: list[Row] = [
        [name, _figure(facts[key])] for key, name in _RUN.items() if isinstance(facts.get(key), int | float | str)
    ]
    rows.insert(0, ["Base model", base])
    if info.base_fingerprint:
        rows.append(["Fingerprint of the base model (SHA-256)", info.base_fingerprint])
    if info.receipt:
        moved = f"the largest change of a logit with it was {info.receipt.max_logit_change:.3g}"
        off = "the same bits as before" if info.receipt.base_unchanged else "NOT as before"
        rows.append(["Receipt of the switch", f"{moved}; switched off, the model gave {off}"])
    return rows


def _values(found: object) -> list[Row]:
    """Names and values; a text that may be a path of the server is left out."""
    if not isinstance(found, dict):
        return []
    told = {name: value for name, value in found.items() if not (isinstance(value, str) and re.search(r"[/\\]", value))}
    return [[name, _figure(value)] for name, value in told.items() if isinstance(value, int | float | str | list)]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    """Text that stays in its cell, whatever a visitor has named things."""
    text = " ".join(str("" if value is None else value).split())
    return re.sub(r"([|<>`\[\]*])", r"\\\1", text).encode("utf-8", "replace").decode()


def _figure(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else value


def _both(facts: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(facts.get(name), int | float) for name in names)


def _list(report: Mapping[str, Any], name: str) -> Iterable[dict[str, Any]]:
    return [part for part in _list_of(report.get(name)) if isinstance(part, dict)]


def _list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
