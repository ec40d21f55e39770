"""Sentiment: one verdict for each line, as bars for the first and a table of all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.tasks.base import LabelResult, check_text
from playground.tasks.sentiment import TASK
from playground.ui.parts import ghost, head, html, quiet
from playground.ui.running import chips, copy_from, go_and_stop, paced, wire
from playground.ui.services import Services
from playground.ui.teach_html import Say, safe
from playground.ui.teach_html import quiet as small_print
from playground.ui.texts import locale_of, say, t
from playground.ui.toasts import friendly

MOST_LINES = 200
UNDECIDED = 0.55
"""A likelier label below this is no verdict."""


def build(services: Services, picker: gr.Dropdown) -> None:
    """Draw the tab and bind its events."""
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=4):
            with gr.Row(elem_classes=["head"]):
                head("Text")
                quiet("One, or many: one on each line.")
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
                quiet()
                buttons = go_and_stop("Judge the mood", "sentiment")
        with gr.Column(elem_classes=["card"], scale=5):
            with gr.Row(elem_classes=["head"]):
                head("Mood")
                quiet()
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
                line = quiet("The figures are the model's own.")

    @friendly
    async def judge(request: gr.Request, text: str, adapter: Any) -> AsyncIterator[Any]:
        lines = [line.strip() for line in check_text(text).splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise InputError("That is {lines} lines. Judge at most {most} at once.", lines=len(lines), most=MOST_LINES)
        voice = await services.voice(services.owner(request), adapter)
        locale = locale_of(request)

        def speak(template: str, **fields: object) -> str:
            return say(locale, template, **fields)

        async def so_far() -> AsyncIterator[list[tuple[str, LabelResult]]]:
            found: list[tuple[str, LabelResult]] = []
            for line in lines:
                async for result in TASK.run(services.live, voice, text=line):
                    found.append((line, result))
                    yield found
                await asyncio.sleep(0)

        async for found in paced(so_far()):
            yield _verdicts(speak, found), small_print(_count(speak, found))

    wire([buttons[0].click], buttons, judge, [text, picker], [verdicts, line])
    chips(TASK.examples, [text], ["text"])


def _verdicts(speak: Say, found: list[tuple[str, LabelResult]]) -> str:
    first, result = found[0]
    bars = "".join(
        f'<div class="share"><div class="track"><i class="{"b" if place else ""}" style="width:{share:.0%}"></i></div>'
        f"<span>{safe(speak(label))}</span><b>{share:.0%}</b></div>"
        for place, (label, share) in enumerate(result.confidences)
    )
    top = f'<div class="big verdict-word">{safe(speak(_mood(result)))}</div>{bars}'
    if len(found) == 1:
        return top
    titles = "".join(f"<th>{safe(speak(title))}</th>" for title in ("Text", "Mood"))
    rows = "".join(_row(speak, line, one) for line, one in found)
    scale = f'<th class="scale-column">− {safe(speak("to"))} +</th><th class="num">{safe(speak("sure"))}</th>'
    intro = small_print(speak("Line 1: {line}", line=first))
    return f'{intro}{top}<table class="tbl"><tr>{titles}{scale}</tr>{rows}</table>'


def _row(speak: Say, line: str, result: LabelResult) -> str:
    shares = dict(result.confidences)
    place = 6 + 88 * shares["positive"]
    return (
        f"<tr><td>{safe(line)}</td><td>{safe(speak(_mood(result)))}</td>"
        f'<td class="scale-column"><div class="scale"><i style="left:{place:.0f}%"></i></div></td>'
        f'<td class="num">{result.confidences[0][1]:.0%}</td></tr>'
    )


def _mood(result: LabelResult) -> str:
    return result.label if result.confidences[0][1] >= UNDECIDED else "undecided"


def _count(speak: Say, found: list[tuple[str, LabelResult]]) -> str:
    moods = [_mood(result) for _, result in found]
    counts = {mood: moods.count(mood) for mood in ("positive", "negative", "undecided")}
    return speak(
        "{positive} positive, {negative} negative, {undecided} undecided. The figures are the model's own.", **counts
    )
