"""The kept corrections in the place of the chat: looked at, dropped, cleared and downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.service.corrections import Correction, Kept
from playground.service.services import Services
from playground.threads import quick
from playground.ui.components.basics import caption, ghost, head, second, static_html
from playground.ui.components.file_download import download_after, hidden_download
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for, t
from playground.ui.tabs.corrections import CorrectionsPanel, counted, with_marks

MAX_SHOWN_CHARS = 400
"""Characters of a question or an answer in the list."""


@dataclass(frozen=True)
class ListParts:
    view: gr.Column
    chosen: gr.Radio
    download: gr.Button
    fetch: gr.DownloadButton
    clear: gr.Button
    clearing: gr.Row
    sure: gr.Button
    spare: gr.Button
    drop: gr.Button
    back: gr.Button


def draw() -> ListParts:
    """Draw the list, which is not seen at first."""
    with gr.Column(visible=False, elem_classes=["grow", "stage", "kept-list"]) as view:
        with gr.Row(elem_classes=["head"]):
            head("Your corrections", "They stay after a training, until you clear them.")
            static_html("", "say")
            download, clear = ghost("Download"), ghost("Clear all")
            fetch = hidden_download()
        with gr.Row(visible=False, elem_classes=["foot", "asking"]) as clearing:
            caption("They cannot be brought back. Clear them all?")
            sure = gr.Button(t("Clear for good"), variant="stop", size="md", min_width=60)
            spare = second("Keep them")
        chosen = gr.Radio(
            [],
            label=t("Your corrections"),
            show_label=False,
            container=False,
            interactive=True,
            elem_id="corrections",
            elem_classes=["stack", "grow", "scroll"],
        )
        with gr.Row(elem_classes=["foot", "rule"]):
            back = second("Back to the chat")
            caption()
            drop = second("Drop the chosen one", interactive=False)
    return ListParts(view, chosen, download, fetch, clear, clearing, sure, spare, drop, back)


def wire(services: Services, note: CorrectionsPanel, parts: ListParts, chat: gr.Column, marked: list[Any]) -> None:
    """Bind the list to the note that opens it; `chat` makes room for it, `marked` are the conversation in it and its
    signatures, which tell what is kept."""
    kept, listed = note.kept, [parts.chosen, parts.drop, parts.clearing]
    stages = [chat, parts.view]

    @show_errors
    async def look(request: gr.Request) -> list[Any]:
        rows = await quick.run(kept.list, services.owners.owner(request.headers))
        return [*_stages(bool(rows)), *_listed(rows), *counted(gettext_for(request), rows)]

    @show_errors
    async def drop(chosen: Any, shown: Any, request: gr.Request) -> list[Any]:
        gettext = gettext_for(request)
        rows = await quick.run(kept.drop, services.owners.known_owner(request.headers), chosen)
        return [*_stages(bool(rows)), *_listed(rows), *counted(gettext, rows), *with_marks(gettext, shown, rows)]

    @show_errors
    async def clear(shown: Any, request: gr.Request) -> list[Any]:
        gettext = gettext_for(request)
        await quick.run(kept.clear, services.owners.known_owner(request.headers))
        return [*_stages(False), *_listed([]), *counted(gettext, []), *with_marks(gettext, shown, [])]

    @show_errors
    async def download(request: gr.Request) -> str:
        return str(await quick.run(kept.write_file, services.owners.known_owner(request.headers)))

    everything = [*stages, *listed, *note.drawn]
    note.look.click(look, None, everything, **EVENT_OPTIONS).success(None, js=in_browser("toTop"), **EVENT_OPTIONS)
    parts.drop.click(drop, [parts.chosen, marked[0]], [*everything, *marked], **EVENT_OPTIONS)
    parts.sure.click(clear, marked[0], [*everything, *marked], **EVENT_OPTIONS)
    parts.chosen.input(lambda: gr.Button(interactive=True), None, parts.drop, **EVENT_OPTIONS)
    parts.clear.click(lambda: gr.Row(visible=True), None, parts.clearing, **EVENT_OPTIONS)
    parts.spare.click(lambda: gr.Row(visible=False), None, parts.clearing, **EVENT_OPTIONS)
    parts.back.click(_shows(False), None, stages, **EVENT_OPTIONS)
    download_after(parts.download.click(download, None, parts.fetch, **EVENT_OPTIONS), parts.fetch)


def _shows(open: bool) -> Callable[[], list[gr.Column]]:
    return lambda: _stages(open)


def _stages(open: bool) -> list[gr.Column]:
    return [gr.Column(visible=not open), gr.Column(visible=open)]


def _listed(rows: Kept) -> list[Any]:
    choices = [(_line(row), row.id) for row in rows]
    return [gr.Radio(choices=choices, value=None), gr.Button(interactive=False), gr.Row(visible=False)]


def _line(row: Correction) -> str:
    """What was asked, and under it what should be answered."""
    return f"{_short(row.question)}\n{_short(row.answer)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_SHOWN_CHARS else line[: MAX_SHOWN_CHARS - 1] + "…"
