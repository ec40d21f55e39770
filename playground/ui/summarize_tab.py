"""Summarize: a text or a file on the left, its summary on the right, read in parts where it is long."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.tasks.summarize import OWN_SENTENCES, TASK
from playground.ui.parts import ghost, head, quiet
from playground.ui.running import EVENT, chips, copy_from, go_and_stop, paced, wire
from playground.ui.services import Services
from playground.ui.teach_html import quiet as small_print
from playground.ui.texts import locale_of, say, t
from playground.ui.toasts import friendly

LARGEST_FILE_BYTES = 2_000_000
EXTRACT = "The text's own best sentences, word for word: {name} is too small to write a summary."


def build(services: Services, picker: gr.Dropdown) -> None:
    """Draw the tab and bind its events."""
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                head("Text")
                quiet()
                opened = gr.UploadButton(
                    t("Open a file"), file_types=[".txt", ".md"], size="sm", min_width=0, elem_classes=["ghost"]
                )
            text = _text("Text to summarize", "summarize-text", placeholder=t("Paste a text…"))
            with gr.Row(elem_classes=["foot", "rule"]):
                quiet()
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
                buttons = go_and_stop("Summarize", "summarize")
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                head("Summary")
                quiet()
                ghost("Copy").click(None, js=copy_from("#summarize-result textarea"))
            result = _text("Summary", "summarize-result", interactive=False, placeholder=t(TASK.empty))
            with gr.Row(elem_classes=["foot", "rule"]):
                line = quiet()
                again = ghost("Again")

    @friendly
    async def summarize(request: gr.Request, text: str, length: str, adapter: Any) -> AsyncIterator[Any]:
        voice = await services.voice(services.owner(request), adapter)
        locale = locale_of(request)
        async for found in paced(TASK.run(services.live, voice, text=text, length=length)):
            if found.parts > 1:
                below = say(locale, "Part {part} of {parts}", part=found.part, parts=found.parts)
            elif found.note == OWN_SENTENCES:
                below = say(locale, EXTRACT, name=services.base.name)
            elif found.finished:
                sizes = {"before": _words(text), "after": _words(found.text)}
                below = say(locale, "From {before} words to {after}", **sizes)
            else:
                below = ""
            yield found.text, small_print(below)

    wire([buttons[0].click, again.click], buttons, summarize, [text, length, picker], [result, line])
    opened.upload(_read, opened, text, **EVENT)
    chips(TASK.examples, [text], ["text"])


def _text(label: str, elem_id: str, **options: Any) -> gr.Textbox:
    return gr.Textbox(
        label=t(label),
        show_label=False,
        container=False,
        lines=6,
        elem_id=elem_id,
        elem_classes=["fill"],
        **options,
    )


@friendly
async def _read(path: Any, request: gr.Request) -> str:
    file = Path(str(path))
    if file.stat().st_size > LARGEST_FILE_BYTES:
        raise InputError("{name} is larger than 2 MB. Open a shorter text.", name=file.name)
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("{name} is not a text in UTF-8. Save it as plain text first.", name=file.name) from error


def _words(text: str) -> int:
    """Words; in texts written without spaces, characters."""
    words = len(text.split())
    return words if words > len(text) // 20 else len(text)
