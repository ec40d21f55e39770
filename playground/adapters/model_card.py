"""What goes out with an adapter as its `README.md`: what it is, what was measured, and how it was made.

Nothing of the owner or of this server's disk stands in it, and no rows of the examples: they may be private.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from playground.adapters.info import AdapterInfo
from playground.sentence import Sentence

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


def model_card(card: AdapterInfo, base_id: str = "", *, merged: bool = False) -> str:
    """Write the card in Markdown, with the front matter that PEFT and the Hugging Face hub read.

    `base_id` is what others know the base model by; `merged` is for the whole model, the adapter worked into it.
    """
    base = base_id or card.base_model
    sections = [
        _front(card, base, merged),
        f"# {_cell(card.name)}",
        _about(card, base, merged),
        _verdict(card),
        _section("What was measured", _measures(card)),
        _section("Other skills", _skills(card)),
        _section("Confusion", _confusion(card)),
        _section("How it was made", _run(card, base)),
        _section("Settings", _values(card.source.get("settings"))),
        _section("Versions", _values(card.source.get("versions"))),
        _section("How to use it", _usage(base, merged)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _front(card: AdapterInfo, base: str, merged: bool) -> str:
    head = {
        "base_model": base,
        "base_model_relation": "finetune" if merged else "adapter",
        "library_name": "transformers" if merged else "peft",
        "pipeline_tag": "text-generation",
        "base_fingerprint": "" if merged else card.base_fingerprint,
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items() if value]
    return "\n".join(["---", *lines, "tags: [lora, llm-playground]", "---"])


def _about(card: AdapterInfo, base: str, merged: bool) -> str:
    taught = "brought to" if card.source.get("imported") else "made with"
    if merged:
        return (
            f"The model `{base}` with a LoRA adapter worked into its weights, {taught} the LLM Playground on "
            f"{card.created[:10]}. What the base model's licence asks for holds for it too.{_precision(card)}"
        )
    return f"A LoRA adapter for `{base}`, {taught} the LLM Playground on {card.created[:10]}.{_precision(card)}"


def _precision(card: AdapterInfo) -> str:
    """A warning where it was taught on rounded weights."""
    found = card.source.get("quantization")
    if found not in ("4-bit", "8-bit"):
        return ""
    return f" It was taught and measured on the base model in {found}; in another precision its words differ."


def _verdict(card: AdapterInfo) -> str:
    return " ".join(filter(None, (_sentence(part) for part in _list(card.report, "verdict"))))


def _sentence(part: Mapping[str, Any]) -> str:
    """A sentence of the verdict; "" for one that lacks a field, which another version may have written."""
    try:
        return str(Sentence.from_plain(part))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        return ""


def _measures(card: AdapterInfo) -> str:
    rows = [
        [
            found.get("name"),
            _figure(found.get("base")),
            _figure(found.get("adapter")),
            f"{_figure(found['low'])} to {_figure(found['high'])}" if _both(found, "low", "high") else "",
            found.get("rows"),
        ]
        for found in _list(card.report, "measures")
    ]
    facts = card.metrics
    if not rows and _both(facts, "score_before", "score_after"):
        scores = [_figure(facts["score_before"]), _figure(facts["score_after"])]
        rows = [[facts.get("measure"), *scores, "", facts.get("measured_rows")]]
    return _table(["Measure", "Base", "Adapter", "Adapter minus base (95% interval)", "Rows"], rows)


def _skills(card: AdapterInfo) -> str:
    skills = _list(card.report, "skills")
    worse = [str(skill.get("task")) for skill in skills if skill.get("worse")]
    line = f"It got worse at: {', '.join(map(_cell, worse))}." if worse else "No other skill got worse."
    rows = [
        [
            skill.get("task"),
            skill.get("measure"),
            _figure(skill.get("base")),
            _figure(skill.get("adapter")),
            skill.get("rows"),
        ]
        for skill in skills
    ]
    return f"{line}\n\n{_table(['Task', 'Measure', 'Base', 'Adapter', 'Rows'], rows)}" if rows else ""


def _confusion(card: AdapterInfo) -> str:
    found = card.report.get("confusion")
    if not isinstance(found, dict):
        return ""
    labels = _list_of(found.get("labels"))
    drawn = []
    for who in ("base", "adapter"):
        counts = [row for row in _list_of(found.get(who)) if isinstance(row, list)]
        rows = [[label, *row] for label, row in zip(labels, counts, strict=False)]
        if rows:
            drawn.append(_table([f"Should be ↓, {who} says →", *labels], rows))
    return "\n\n".join(drawn)


def _run(card: AdapterInfo, base: str) -> str:
    chosen = {name: value for name, value in card.report.items() if name in ("step", "best_step")}
    facts = {**card.source, **card.metrics, **chosen}
    rows = [[name, _figure(facts[key])] for key, name in _RUN.items() if isinstance(facts.get(key), int | float | str)]
    rows.insert(0, ["Base model", base])
    if card.base_fingerprint:
        rows.append(["Fingerprint of the base model (SHA-256)", card.base_fingerprint])
    if card.receipt:
        moved = f"the largest change of a logit with it was {card.receipt.max_logit_change:.3g}"
        off = "the same bits as before" if card.receipt.base_unchanged else "NOT as before"
        rows.append(["Receipt of the switch", f"{moved}; switched off, the model gave {off}"])
    return _table(["Fact", "Value"], rows)


def _values(found: object) -> str:
    """Names and values; a text that may be a path of the server is left out."""
    if not isinstance(found, dict):
        return ""
    told = {name: value for name, value in found.items() if not (isinstance(value, str) and re.search(r"[/\\]", value))}
    rows = [[name, _figure(value)] for name, value in told.items() if isinstance(value, int | float | str | list)]
    return _table(["Name", "Value"], rows)


def _usage(base: str, merged: bool) -> str:
    if merged:
        lines = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'tokenizer = AutoTokenizer.from_pretrained("this folder")',
            'model = AutoModelForCausalLM.from_pretrained("this folder")',
        ]
        return "\n".join(["```python", *lines, "```"])
    whole = json.dumps(base if "/" in base else "folder of the base model", ensure_ascii=False)
    lines = [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM",
        "",
        f"base = AutoModelForCausalLM.from_pretrained({whole})",
        'model = PeftModel.from_pretrained(base, "this folder")',
    ]
    code = "\n".join(["```python", *lines, "```"])
    return f"{code}\n\nOr import the zip in an LLM Playground that runs the same base model."


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
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
