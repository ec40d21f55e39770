"""Sentiment: one verdict for each line, as bars for the first and a table of all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr
from markupsafe import Markup

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.sentence import N_
from playground.service.services import Services
from playground.tasks.inputs import check_text
from playground.tasks.outputs import ClassificationOutput
from playground.tasks.sentiment import TASK
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost, head, html
from playground.ui.components.compare import ComparedOutput, answers
from playground.ui.components.examples import chips
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.errors import errors_under
from playground.ui.events import in_browser
from playground.ui.i18n import gettext_for, t
from playground.ui.templates import render

MAX_LINES = 200
UNDECIDED = 0.55
"""A likelier label below this is no verdict."""

Judged = list[tuple[str, ClassificationOutput]]
"""Lines with their verdicts, as far as they are judged."""


def build(services: Services, choice: AdapterPicker) -> None:
    """Draw the tab and bind its events."""
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=4):
            with gr.Row(elem_classes=["head"]):
                head("Text")
                caption("One, or many: one on each line.")
            text = gr.Textbox(
                label=t("Texts"),
                show_label=False,
                container=False,
                lines=8,
                placeholder=t("One text, or many: one on each line…"),
                elem_id="sentiment-text",
                elem_classes=["fill"],
            )
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                buttons = run_and_stop_buttons("Judge the mood", "sentiment")
        with gr.Column(elem_classes=["card"], scale=5):
            with gr.Row(elem_classes=["head"]):
                head("Mood")
                caption()
                copied = ("#sentiment-result .tbl", "#sentiment-result .verdict-word")
                ghost("Copy as table").click(None, js=in_browser("copy", *copied))
            verdicts = html(
                '<div class="nothing quiet">%s</div>',
                TASK.empty,
                classes=("grow", "scroll"),
                elem_id="sentiment-result",
            )
            with gr.Row(elem_classes=["foot", "rule"]):
                line = caption("The figures are the model's own.")

    wire([buttons[0].click], buttons, _judging(services), [text, *choice.inputs], [verdicts, line])
    chips(TASK.examples, [text], ["text"], buttons[0])


def _judging(services: Services) -> Callable[..., AsyncIterator[Any]]:
    """Judge one line after the other, and redraw the verdicts after each."""

    @errors_under("sentiment-text", {"text": "sentiment-text"})
    async def judge(request: gr.Request, text: str, *who: Any) -> AsyncIterator[Any]:
        lines = [line.strip() for line in check_text(text).splitlines() if line.strip()]
        if len(lines) > MAX_LINES:
            raise InputError("That is {lines} lines. Judge at most {most} at once.", lines=len(lines), most=MAX_LINES)
        gettext = gettext_for(request)

        async def ask(client: SamplingClient) -> AsyncIterator[Judged]:
            found: Judged = []
            for line in lines:
                async for result in TASK.ask(client, text=line):
                    found = [*found, (line, result)]
                    yield found
                await asyncio.sleep(0)

        async for both in answers(services, request, who, ask, task=TASK.name):
            if both.comparing:
                yield _compared(gettext, lines, both), snippets.caption(_agreement(gettext, both))
            else:
                own = both.own or []
                yield _verdicts(gettext, own, both.taught), snippets.caption(_count(gettext, own))

    return judge


def _verdicts(gettext: Gettext, found: Judged, taught: bool) -> Markup:
    """Bars for the chosen line, at first the first, and a table of all where there are more."""
    rows = [{"line": line, "judged": [_judged(result)]} for line, result in found]
    return render("moods", gettext, many=len(rows) > 1, sides=[], rows=rows, taught=taught)


def _compared(gettext: Gettext, lines: list[str], both: ComparedOutput[Judged]) -> Markup:
    """As `_verdicts`, with the base model's verdicts beside, and both on one scale."""
    found = (both.base or [], both.own or [])
    rows = [
        {"line": line, "judged": [_judged(side[place][1]) if place < len(side) else None for side in found]}
        for place, line in enumerate(lines[: max(map(len, found))])
    ]
    sides = [(gettext("Base model"), False), (both.name, True)]
    return render("moods", gettext, many=len(lines) > 1, sides=sides, rows=rows, taught=True)


def _judged(result: ClassificationOutput) -> dict[str, Any]:
    """A verdict as it is drawn; its place on the scale is between negative and positive."""
    return {
        "mood": _mood(result),
        "sure": f"{result.confidences[0][1]:.0%}",
        "shares": [(label, f"{share:.0%}") for label, share in result.confidences],
        "place": f"{6 + 88 * dict(result.confidences)['positive']:.0f}%",
    }


def _agreement(gettext: Gettext, both: ComparedOutput[Judged]) -> str:
    judged = list(zip(both.base or [], both.own or [], strict=False))
    same = sum(_mood(base) == _mood(own) for (_, base), (_, own) in judged)
    return gettext("They agree on {same} of {lines}. The figures are the models' own.", same=same, lines=len(judged))


def _mood(result: ClassificationOutput) -> str:
    return result.label if result.confidences[0][1] >= UNDECIDED else N_("undecided")


def _count(gettext: Gettext, found: Judged) -> str:
    moods = [_mood(result) for _, result in found]
    counts = {mood: moods.count(mood) for mood in ("positive", "negative", "undecided")}
    return gettext(
        "{positive} positive, {negative} negative, {undecided} undecided. The figures are the model's own.", **counts
    )
