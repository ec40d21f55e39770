"""Question answering: the answer, how sure the model is, and where in the passage it stands."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import gradio as gr
from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.service.services import Services
from playground.tasks.answer import TASK
from playground.tasks.outputs import QuestionAnsweringOutput
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost, head, html
from playground.ui.components.compare import answers, split
from playground.ui.components.examples import chips
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.errors import errors_under
from playground.ui.events import in_browser
from playground.ui.i18n import gettext_for, t
from playground.ui.templates import render


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
                ghost("Copy").click(None, js=in_browser("copy", "#answer-result .big"))
            result = split(choice, _nothing, "answer-result", "beside", copied=".big")
            with gr.Row(elem_classes=["foot", "rule"]):
                caption("If the passage does not say, you will read so here.")

    @errors_under("answer-context", {"question": "answer-question", "context": "answer-context"})
    async def answer(request: gr.Request, question: str, context: str, *who: Any) -> AsyncIterator[Any]:
        gettext = gettext_for(request)

        def ask(client: SamplingClient) -> AsyncIterator[QuestionAnsweringOutput]:
            return TASK.ask(client, question=question, context=context)

        async for found in answers(services, request, who, ask, task=TASK.name):
            yield found.drawn(partial(_drawn, gettext, context, taught=found.taught))

    inputs = [question, context, *choice.inputs]
    wire([buttons[0].click, question.submit], buttons, answer, inputs, result.outputs)
    chips(TASK.examples, [context, question], ["context", "question"], buttons[0])


def _nothing(elem_id: str) -> gr.HTML:
    return html('<div class="nothing quiet">%s</div>', TASK.empty, classes=("grow", "scroll"), elem_id=elem_id)


def _drawn(gettext: Gettext, context: str, result: QuestionAnsweringOutput, taught: bool) -> Markup:
    found = result.start is not None and result.end is not None
    start, end = (result.start, result.end) if found else (0, 0)
    return render(
        "evidence",
        gettext,
        found=found,
        taught=taught,
        answer=result.answer,
        sure=f"{result.confidence:.0%}",
        before=context[:start],
        words=context[start:end],
        after=context[end:],
        others=[(span.text, f"{span.confidence:.0%}") for span in result.others],
    )
