"""Fine-tune, step 2: a row changed or left out in place. The file stays as it is; the draft has what is taught."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.data.chat import assistant, user
from playground.data.selection import RowChanges
from playground.errors import DataError, InputError
from playground.i18n.catalog import Gettext
from playground.protocol.messages import Message
from playground.sentence import N_
from playground.service.reading.dataset import UnmatchedError
from playground.service.reading.rows import RowView
from playground.tasks.registry import dataset_formats
from playground.ui.components import snippets
from playground.ui.components.basics import second
from playground.ui.disconnect import while_there
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune.rows import RowParts
from playground.ui.finetune.state import Draft, FinetunePage
from playground.ui.i18n import gettext_for, t

MAX_TURNS = 12
"""Of a conversation that can be changed here: the last ones."""
_LABELS = {"system": N_("The role of the model"), "user": N_("What is asked"), "assistant": N_("The answer")}
_ONLY_READ = N_("An earlier answer, which is only read")
_TEXT = N_("The text")
Reread = Callable[[Draft, gr.Request], Awaitable[list[Any]]]
"""Reads the draft's file again: the draft with what was found, and updates for all that the step shows."""


@dataclass(frozen=True)
class WritingParts:
    panel: gr.Column
    more: gr.HTML
    texts: tuple[gr.Textbox, ...]
    cancel: gr.Button
    keep: gr.Button


def build() -> WritingParts:
    """Draw the boxes for a row's turns, hidden until one is to be changed."""
    with gr.Column(visible=False, elem_classes=["page", "writing"]) as panel:
        more = gr.HTML("", padding=False, visible=False)
        texts = tuple(
            gr.Textbox(label=t(_TEXT), lines=2, max_lines=12, interactive=True, visible=False) for _ in range(MAX_TURNS)
        )
        with gr.Row(elem_classes=["foot"]):
            cancel = second("Leave it as it was")
            keep = second("Keep the change")
    return WritingParts(panel, more, texts, cancel, keep)


def wire(frame: FinetunePage, rows: RowParts, parts: WritingParts, reread: Reread, drawn: Sequence[Any]) -> None:
    """Bind changing, leaving out and taking back; each reads the file again, so that all that is shown follows."""

    services = frame.services

    @show_errors
    async def change(draft: Draft, request: gr.Request) -> list[Any]:
        owner = services.owners.owner(request.headers)
        view = (await while_there(services.datasets.rows(owner, draft.file, [draft.row])))[0]
        written = _written(draft, view)
        gettext, boxes = gettext_for(request), _boxes(written)
        told = gettext("The last {count} turns can be changed here; those before stay as they are.", count=len(boxes))
        more = gr.HTML(snippets.caption(told), visible=not isinstance(written, str) and len(written) > len(boxes))
        return [replace(draft, writing=(draft.row, written)), *open_writing(True), more, *_filled(boxes, gettext)]

    @show_errors
    async def keep(request: gr.Request, draft: Draft, *texts: Any) -> list[Any]:
        if draft.writing is None:
            raise InputError("Choose a row to change first.")
        row, written = draft.writing
        said = [str(text or "") for text in texts]
        if isinstance(written, str):
            now: tuple[Message, ...] | str = said[0]
        else:
            count = min(MAX_TURNS, len(written))
            turns = zip(written[-count:], said, strict=False)
            now = (*written[:-count], *(Message(**{**message, "content": text}) for message, text in turns))
        same = now == written and row not in draft.changes.left_out
        changes = draft.changes if same else draft.changes.edit(row, now)
        return await _changed(reread, replace(draft, writing=None), row, changes, request)

    @show_errors
    async def cancel(draft: Draft) -> list[Any]:
        return [replace(draft, writing=None), *open_writing(False)]

    stage = [rows.looking, parts.panel]
    everything = [frame.draft, *drawn]
    opened = [frame.draft, *stage, parts.more, *parts.texts]
    rows.change.click(change, frame.draft, opened, **EVENT_OPTIONS)
    parts.cancel.click(cancel, frame.draft, [frame.draft, *stage], **EVENT_OPTIONS)
    parts.keep.click(keep, [frame.draft, *parts.texts], everything, **EVENT_OPTIONS)
    _wire_leaving(rows, reread, frame.draft, everything)


def _wire_leaving(rows: RowParts, reread: Reread, draft_state: gr.State, everything: list[Any]) -> None:
    @show_errors
    async def leave(draft: Draft, request: gr.Request) -> list[Any]:
        return await _changed(reread, draft, draft.row, draft.changes.leave_out(draft.row), request)

    @show_errors
    async def undo(draft: Draft, request: gr.Request) -> list[Any]:
        return await _changed(reread, draft, draft.row, draft.changes.undo(draft.row), request)

    rows.leave.click(leave, draft_state, everything, **EVENT_OPTIONS)
    rows.undo.click(undo, draft_state, everything, **EVENT_OPTIONS)


async def _changed(reread: Reread, draft: Draft, row: int, changes: RowChanges, request: gr.Request) -> list[Any]:
    plain = changes.to_plain()
    RowChanges.read(plain["left_out"], plain["edited"])  # not more than can be kept
    try:
        return await reread(replace(draft, changes=changes, row=row), request)
    except UnmatchedError as error:  # nothing could be taught then: better said than shown
        raise DataError(error.sentence) from error


def _written(draft: Draft, view: RowView) -> tuple[Message, ...] | str:
    """What stands in the row as it would be taught; of one that nothing can be made of, its cells as the question."""
    if view.example is None:
        cells = "\n".join(text for name, text in view.cells if text.strip() and name in draft.columns.values())
        return cells if dataset_formats()[draft.format].to_messages is None else (user(cells), assistant(""))
    if not view.whole:
        raise InputError("This row is too long to be changed here. Change it in the file.")
    return view.example.messages if view.example.messages is not None else view.example.text or ""


def _boxes(written: tuple[Message, ...] | str) -> list[tuple[str, str]]:
    """What stands in each box, and what it is."""
    if isinstance(written, str):
        return [(_TEXT, written)]
    return [
        (_ONLY_READ if message.get("weight") == 0 else _LABELS[message["role"]], message["content"])
        for message in written[-MAX_TURNS:]
    ]


def _filled(boxes: list[tuple[str, str]], gettext: Gettext) -> list[gr.Textbox]:
    filled = [gr.Textbox(text, label=gettext(label), visible=True) for label, text in boxes]
    return [*filled, *[gr.Textbox("", visible=False)] * (MAX_TURNS - len(filled))]


def open_writing(writing: bool) -> list[gr.Column]:
    """Updates for the row that is shown, and for the boxes in its place."""
    return [gr.Column(visible=not writing), gr.Column(visible=writing)]
