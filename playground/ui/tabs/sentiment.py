"""Sentiment: one verdict for each line, as bars for the first and a table of all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.sentence import N_
from playground.service.services import Services
from playground.tasks.base import ClassificationOutput, check_text
from playground.tasks.sentiment import TASK
from playground.ui.components.basics import caption, ghost, head, html
from playground.ui.components.compare import AdapterPicker, ComparedOutput, answers, title
from playground.ui.errors import show_errors
from playground.ui.events import chips, copy_from, run_and_stop_buttons, wire
from playground.ui.i18n import gettext_for, t
from playground.ui.reports.dataset import caption as small_print
from playground.ui.reports.dataset import safe

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
                ghost("Copy as table").click(
                    None, js=copy_from("#sentiment-result .tbl", "#sentiment-result .verdict-word")
                )
            verdicts = html(
                '<div class="nothing quiet">%s</div>',
                TASK.empty,
                classes=("grow", "scroll"),
                elem_id="sentiment-result",
            )
            with gr.Row(elem_classes=["foot", "rule"]):
                line = caption("The figures are the model's own.")

    @show_errors
    async def judge(request: gr.Request, text: str, *who: Any) -> AsyncIterator[Any]:
        lines = [line.strip() for line in check_text(text).splitlines() if line.strip()]
        if len(lines) > MAX_LINES:
            raise InputError("That is {lines} lines. Judge at most {most} at once.", lines=len(lines), most=MAX_LINES)
        speak = gettext_for(request)

        async def ask(client: SamplingClient) -> AsyncIterator[Judged]:
            found: Judged = []
            for line in lines:
                async for result in TASK.run(client, text=line):
                    found = [*found, (line, result)]
                    yield found
                await asyncio.sleep(0)

        async for both in answers(services, request, who, ask):
            if both.comparing:
                yield _compared(speak, lines, both), small_print(_agreement(speak, both))
            else:
                own = both.own or []
                yield _verdicts(speak, own), small_print(_count(speak, own))

    wire([buttons[0].click], buttons, judge, [text, *choice.inputs], [verdicts, line])
    chips(TASK.examples, [text], ["text"])


def _verdicts(speak: Gettext, found: Judged) -> str:
    first, result = found[0]
    top = _bars(speak, result)
    if len(found) == 1:
        return top
    titles = "".join(f"<th>{safe(speak(heading))}</th>" for heading in ("Text", "Mood"))
    rows = "".join(_row(speak, line, one) for line, one in found)
    sure = f'<th class="num">{safe(speak("sure"))}</th>'
    intro = small_print(speak("Line 1: {line}", line=first))
    return f'{intro}{top}<table class="tbl"><tr>{titles}{_scale_title(speak)}{sure}</tr>{rows}</table>'


def _bars(speak: Gettext, result: ClassificationOutput) -> str:
    bars = "".join(
        f'<div class="share"><div class="track"><i class="{"b" if place else ""}" style="width:{share:.0%}"></i></div>'
        f"<span>{safe(speak(label))}</span><b>{share:.0%}</b></div>"
        for place, (label, share) in enumerate(result.confidences)
    )
    return f'<div class="big verdict-word">{safe(speak(_mood(result)))}</div>{bars}'


def _scale_title(speak: Gettext) -> str:
    return f'<th class="scale-column">− {safe(speak("to"))} +</th>'


def _row(speak: Gettext, line: str, result: ClassificationOutput) -> str:
    return (
        f"<tr><td>{safe(line)}</td><td>{safe(speak(_mood(result)))}</td>{_scale(_dot(result))}"
        f'<td class="num">{result.confidences[0][1]:.0%}</td></tr>'
    )


def _scale(dots: str) -> str:
    return f'<td class="scale-column"><div class="scale">{dots}</div></td>'


def _dot(result: ClassificationOutput, kind: str = "") -> str:
    """Where between negative and positive it stands."""
    place = 6 + 88 * dict(result.confidences)["positive"]
    return f'<i class="{kind}" style="left:{place:.0f}%"></i>'


def _compared(speak: Gettext, lines: list[str], both: ComparedOutput[Judged]) -> str:
    """As `_verdicts`, with the base model's verdicts beside, and both on one scale."""
    names = (title(speak("Base model"), False), title(both.name, True))
    sides = (both.base or [], both.own or [])
    tops = (
        f"<div>{name}{_bars(speak, side[0][1]) if side else ''}</div>" for name, side in zip(names, sides, strict=True)
    )
    top = f'<div class="pair">{"".join(tops)}</div>'
    if len(lines) == 1:
        return top
    titles = "".join(f"<th>{name}</th>" for name in (safe(speak("Text")), *names))
    intro = small_print(speak("Line 1: {line}", line=lines[0]))
    rows = ""
    for place, line in enumerate(lines[: max(map(len, sides))]):
        base, own = (side[place][1] if place < len(side) else None for side in sides)
        dots = (_dot(base, "b") if base else "") + (_dot(own) if own else "")
        moods = "".join(f"<td>{_surely(speak, one)}</td>" for one in (base, own))
        rows += f"<tr><td>{safe(line)}</td>{moods}{_scale(dots)}</tr>"
    return f'{intro}{top}<table class="tbl"><tr>{titles}{_scale_title(speak)}</tr>{rows}</table>'


def _surely(speak: Gettext, result: ClassificationOutput | None) -> str:
    if result is None:
        return ""
    return f'{safe(speak(_mood(result)))} <span class="quiet">{result.confidences[0][1]:.0%}</span>'


def _agreement(speak: Gettext, both: ComparedOutput[Judged]) -> str:
    judged = list(zip(both.base or [], both.own or [], strict=False))
    same = sum(_mood(base) == _mood(own) for (_, base), (_, own) in judged)
    return speak("They agree on {same} of {lines}. The figures are the models' own.", same=same, lines=len(judged))


def _mood(result: ClassificationOutput) -> str:
    return result.label if result.confidences[0][1] >= UNDECIDED else N_("undecided")


def _count(speak: Gettext, found: Judged) -> str:
    moods = [_mood(result) for _, result in found]
    counts = {mood: moods.count(mood) for mood in ("positive", "negative", "undecided")}
    return speak(
        "{positive} positive, {negative} negative, {undecided} undecided. The figures are the model's own.", **counts
    )
