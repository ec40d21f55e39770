"""Question answering: the answer, how sure the model is, and where in the passage it stands."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.service.services import Services
from playground.tasks.answer import TASK
from playground.tasks.base import QuestionAnsweringOutput, Span
from playground.ui.components.basics import caption, ghost, head, html
from playground.ui.components.compare import AdapterPicker, answers, split
from playground.ui.errors import show_errors
from playground.ui.events import chips, copy_from, run_and_stop_buttons, wire
from playground.ui.i18n import gettext_for, t
from playground.ui.reports.dataset import safe


def build(services: Services, choice: AdapterPicker) -> None:
    """Draw the tab and bind its events."""
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                head("Passage")
                caption("The answer is looked for here, and nowhere else.")
            context = gr.Textbox(
                label=t("Passage"),
                show_label=False,
                container=False,
                lines=8,
                placeholder=t("Paste the passage that holds the answer…"),
                elem_id="answer-context",
                elem_classes=["fill"],
            )
            with gr.Row(elem_classes=["composer"]):
                question = gr.Textbox(
                    label=t("Question"),
                    show_label=False,
                    container=False,
                    lines=1,
                    placeholder=t("Ask about the passage…"),
                    elem_id="answer-question",
                )
                buttons = run_and_stop_buttons("Ask", "answer")
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head", "alone"]):
                head("Answer")
                caption()
                ghost("Copy").click(None, js=copy_from("#answer-result .big"))
            result = split(choice, _nothing, "answer-result", "beside", copied=".big")
            with gr.Row(elem_classes=["foot", "rule"]):
                caption("If the passage does not say, you will read so here.")

    @show_errors
    async def answer(request: gr.Request, question: str, context: str, *who: Any) -> AsyncIterator[Any]:
        speak = gettext_for(request)

        def ask(client: SamplingClient) -> AsyncIterator[QuestionAnsweringOutput]:
            return TASK.run(client, question=question, context=context)

        async for found in answers(services, request, who, ask):
            yield found.drawn(lambda one: _drawn(speak, context, one))

    inputs = [question, context, *choice.inputs]
    wire([buttons[0].click, question.submit], buttons, answer, inputs, result.outputs)
    chips(TASK.examples, [context, question], ["context", "question"])


def _nothing(elem_id: str) -> gr.HTML:
    return html('<div class="nothing quiet">%s</div>', TASK.empty, classes=("grow", "scroll"), elem_id=elem_id)


def _drawn(speak: Gettext, context: str, result: QuestionAnsweringOutput) -> str:
    sure = f"{result.confidence:.0%}"
    if result.start is None or result.end is None:
        said = speak("{sure} sure.", sure=sure)
        top = f'<div class="big">{safe(speak("The passage does not say."))}</div><div class="quiet">{safe(said)}</div>'
        evidence = safe(context)
    else:
        said = speak("{sure} sure. Taken word for word from the passage:", sure=sure)
        top = f'<div class="big">{safe(result.answer)}</div><div class="quiet">{safe(said)}</div>'
        before, words, after = context[: result.start], context[result.start : result.end], context[result.end :]
        evidence = f"{safe(before)}<mark>{safe(words)}</mark>{safe(after)}"
    others = "".join(_other(span) for span in result.others)
    if others:
        others = (
            f'<div class="quiet">{safe(speak("Other places it considered"))}</div><table class="tbl">{others}</table>'
        )
    return f'{top}<div class="evidence" dir="auto">{evidence}</div>{others}'


def _other(span: Span) -> str:
    share = f"{span.confidence:.0%}"
    bar = f'<div class="track"><i class="b" style="width:{share}"></i></div>'
    return f'<tr><td>{safe(span.text)}</td><td class="scale-column">{bar}</td><td class="num">{share}</td></tr>'
