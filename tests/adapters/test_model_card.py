"""The card that goes out with an adapter tells what was measured, and nothing of whom or where."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from playground.adapters.info import AdapterInfo
from playground.adapters.model_card import model_card
from playground.protocol.engine import SwapReceipt

REPORT: dict[str, Any] = {
    "verdict": [
        {"template": "Best at step {step}; after that it memorized.", "fields": {"step": 120}},
        {"template": "It got worse at {task}.", "fields": {"task": "translating"}},
        {"template": "A later version wrote {something}.", "fields": {}},
    ],
    "measures": [{"name": "accuracy", "base": 0.45, "adapter": 0.775, "low": 0.2, "high": 0.45, "rows": 40}],
    "confusion": {"labels": ["good", "bad|no"], "base": [[9, 11], [8, 12]], "adapter": [[18, 2], [3, 17]]},
    "rows": [{"row": 7, "asked": "My private question?", "wanted": "x", "base": "y", "adapter": "z", "gain": 1.0}],
    "skills": [
        {"task": "translate", "measure": "chrF", "base": 31.5, "adapter": 22.25, "rows": 12, "worse": True},
        {"task": "answer", "measure": "F1", "base": 0.5, "adapter": 0.5, "rows": 12, "worse": False},
    ],
    "best_step": 120,
    "step": 80,
}
SOURCE: dict[str, object] = {
    "rows": 150,
    "held_out_rows": 40,
    "data_sha256": "c0ffee" * 10,
    "steps": 200,
    "seconds": 41.5,
    "job_id": "secret-job",
    "settings": {"r": 16, "learning_rate": 2e-4, "target_modules": "all-linear", "report_to": "/home/ann/runs"},
    "versions": {"torch": "2.13.0", "peft": "0.21.2"},
}


@pytest.fixture
def card(tmp_path: Path) -> AdapterInfo:
    return AdapterInfo(
        id="a-0123456789abcdef",
        name="Pirate | <b>talk</b>",
        folder=tmp_path,
        base_model="Starter",
        base_fingerprint="feed" * 16,
        created="2026-03-04T05:06:07+00:00",
        visibility="private",
        metrics={},
        source=SOURCE,
        receipt=SwapReceipt(max_logit_change=3.25, base_unchanged=True, load_s=0.1),
        report=REPORT,
    )


def _front(text: str) -> dict[str, Any]:
    front: dict[str, Any] = yaml.safe_load(text.split("---")[1])
    return front


def test_everything_that_was_measured(card: AdapterInfo) -> None:
    """Defends the verdict, figures with their intervals, skills, confusion, data, settings, versions and receipt."""
    told = model_card(card)
    for piece in (
        "Best at step 120; after that it memorized. It got worse at translating.",
        "| accuracy | 0.45 | 0.775 | 0.2 to 0.45 | 40 |",
        "It got worse at: translate.",
        "| translate | chrF | 31.5 | 22.25 | 12 |",
        "| good | 18 | 2 |",
        "| bad\\|no | 3 | 17 |",
        "| Examples learnt from | 150 |",
        "c0ffee" * 10,
        "| Best step | 120 |",
        "| Step of this adapter | 80 |",
        "| learning_rate | 0.0002 |",
        "| torch | 2.13.0 |",
        "3.25; switched off, the model gave the same bits as before",
    ):
        assert piece in told
    assert "# Pirate \\| \\<b\\>talk\\</b\\>" in told


def test_the_whole_card(card: AdapterInfo) -> None:
    """Defends every line end and empty line, which Markdown reads."""
    info = card.model_copy(update={"source": {**SOURCE, "quantization": "4-bit"}})
    assert model_card(info, "someone/tiny") == (Path(__file__).parent / "whole_card.md").read_text(encoding="utf-8")


def test_nothing_of_whom_or_where(card: AdapterInfo, tmp_path: Path) -> None:
    """Defends the owner, the server's disk and the rows of the examples."""
    for merged in (False, True):
        told = model_card(card, merged=merged)
        for secret in (str(tmp_path), "/home/ann", "secret-job", "private question", card.id):
            assert secret not in told


def test_front_matter_that_the_hub_reads(card: AdapterInfo) -> None:
    """Defends how PEFT and the hub find the base model."""
    front = _front(model_card(card, "someone/tiny"))
    assert (front["base_model"], front["library_name"]) == ("someone/tiny", "peft")
    assert front["base_fingerprint"] == card.base_fingerprint
    whole = _front(model_card(card, "someone/tiny", merged=True))
    assert (whole["library_name"], whole["base_model_relation"]) == ("transformers", "finetune")
    assert _front(model_card(card.model_copy(update={"base_model": 'a: "b" # c'})))["base_model"] == 'a: "b" # c'


@pytest.mark.parametrize("name", [*REPORT, None])
@pytest.mark.parametrize("value", [None, 5, "text", [], [5], {}, [{}]])
def test_reports_of_other_versions(card: AdapterInfo, name: str | None, value: object) -> None:
    """Defends the download from a report that lacks a part or shapes it otherwise."""
    report = {**REPORT, name: value} if name else {}
    told = model_card(card.model_copy(update={"report": report}))
    assert "## How to use it" in told
    assert "None" not in told


def test_an_imported_one_says_so(card: AdapterInfo) -> None:
    told = model_card(card.model_copy(update={"source": {"imported": True}, "report": {}, "receipt": None}))
    assert "brought to the LLM Playground" in told
    assert "## Settings" not in told
    assert "## What was measured" not in told
