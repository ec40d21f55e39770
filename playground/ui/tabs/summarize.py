"""Summarize: a text or a file on the left, its summary on the right, read in parts where it is long."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.sentence import N_
from playground.service.services import Services
from playground.tasks.outputs import TextOutput
from playground.tasks.summarize import OWN_SENTENCES, SHORT_ALREADY, TASK
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost, head
from playground.ui.components.compare import ComparedOutput, answers, split
from playground.ui.components.examples import chips
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.errors import errors_under
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for, t

MAX_TEXT_FILE_BYTES = 2_000_000
EXTRACT = N_("The text's own best sentences, word for word: {name} is too small to write a summary.")
ONE_SENTENCE = N_("The text is short already: a single sentence.")
COMPARED = N_("From {before} words to {base} and {after}")
COMPARED_EXTRACT = N_("From {before} words to {base} and {after}. The base model's are the text's own sentences.")


def build(services: Services, choice: AdapterPicker) -> None:
    """Draw the tab and bind its events."""
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                head("Text")
                caption()
                opened = gr.UploadButton(
                    t("Open a file"), file_types=[".txt", ".md"], size="sm", min_width=0, elem_classes=["ghost"]
                )
            text = _text(t("Text to summarize"), "summarize-text", placeholder=t("Paste a text…"))
            with gr.Row(elem_classes=["foot", "rule"]):
                caption()
                length = gr.Radio(
                    [(t("Short"), "short"), (t("Medium"), "medium"), (t("Long"), "long")],
                    value="medium",
                    label=t("Length"),
                    show_label=False,
                    container=False,
                    interactive=True,
                    elem_id="summarize-length",
                    elem_classes=["seg"],
                )
                buttons = run_and_stop_buttons("Summarize", "summarize")
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head", "alone"]):
                head("Summary")
                caption()
                ghost("Copy").click(None, js=in_browser("copy", "#summarize-result textarea"))
            result = split(choice, _summary, "summarize-result", copied="textarea")
            with gr.Row(elem_classes=["foot", "rule"]):
                line = caption()
                again = ghost("Again")

    @errors_under("summarize-text", {"text": "summarize-text", "length": "summarize-length"})
    async def summarize(request: gr.Request, text: str, length: str, *who: Any) -> AsyncIterator[Any]:
        gettext = gettext_for(request)

        def ask(client: SamplingClient) -> AsyncIterator[TextOutput]:
            return TASK.ask(client, text=text, length=length)

        async for found in answers(services, request, who, ask, task=TASK.name):
            below = _below(gettext, services.models.info.name, text, found)
            yield [*found.drawn(lambda one: one.to_text()), snippets.caption(below)]

    inputs = [text, length, *choice.inputs]
    wire([buttons[0].click, again.click], buttons, summarize, inputs, [*result.outputs, line])
    opened.upload(_read, opened, text, **EVENT_OPTIONS)
    chips(TASK.examples, [text], ["text"], buttons[0])


def _summary(elem_id: str) -> gr.Textbox:
    return _text(t("Summary"), elem_id, interactive=False, placeholder=t(TASK.empty))


def _text(label: Any, elem_id: str, **options: Any) -> gr.Textbox:
    return gr.Textbox(
        label=label,
        show_label=False,
        container=False,
        lines=6,
        elem_id=elem_id,
        elem_classes=["fill"],
        **options,
    )


@errors_under("summarize-text")
async def _read(path: Any, request: gr.Request) -> str:
    file = Path(str(path))
    if file.stat().st_size > MAX_TEXT_FILE_BYTES:
        raise InputError("{name} is larger than 2 MB. Open a shorter text.", name=file.name)
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("{name} is not a text in UTF-8. Save it as plain text first.", name=file.name) from error


def _below(gettext: Gettext, model: str, text: str, found: ComparedOutput[TextOutput]) -> str:
    """The line under the summaries: how far reading is, what they are, or how long."""
    base, own = found.base, found.own
    reading = next((one for one in (own, base) if one and one.parts > 1), None)
    if reading:
        return gettext("Part {part} of {parts}", part=reading.part, parts=reading.parts)
    if not own or (found.comparing and not (base and base.finished)):
        return ""
    before = _words(text)
    if base:
        compared = COMPARED_EXTRACT if base.note in (OWN_SENTENCES, SHORT_ALREADY) else COMPARED
        return gettext(compared, before=before, base=_words(base.text), after=_words(own.text)) if own.finished else ""
    if own.note == SHORT_ALREADY:
        return gettext(ONE_SENTENCE)
    if own.note == OWN_SENTENCES:
        return gettext(EXTRACT, name=model)
    return gettext("From {before} words to {after}", before=before, after=_words(own.text)) if own.finished else ""


def _words(text: str) -> int:
    """Words; in texts written without spaces, characters."""
    words = len(text.split())
    return words if words > len(text) // 20 else len(text)
