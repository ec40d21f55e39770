"""Teach by correcting: the note beside a chat that counts corrected answers, and the way from there to Fine-tune."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.messages import Message
from playground.service.corrections import FILE_NAME, Corrections, Kept
from playground.service.services import Services
from playground.tasks.inputs import check_text
from playground.threads import quick
from playground.training.jobs.events import FINISHED
from playground.ui.components.basics import head, owning_tab, second
from playground.ui.components.chat_history import (
    ChatEvents,
    answer_at,
    as_messages,
    as_turns,
    asked_before,
    marked,
    signatures,
)
from playground.ui.components.snippets import caption
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import review
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import CHECK, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for
from playground.ui.tabs import generate_controls

CHAT = "generate-chat"
"""The id of the chat that is corrected."""
ENOUGH = 8
"""So many corrections are worth a training."""


@dataclass(frozen=True)
class CorrectionsPanel:
    """`drawn` are the components that `counted` returns updates for, in that order; `prompt` is where the chat beside
    it is asked."""

    kept: Corrections
    box: gr.Column
    look: gr.Button
    teach: gr.Button
    prompt: gr.Textbox
    drawn: tuple[gr.blocks.Block, ...]
    chat: ChatEvents | None = None


def draw(services: Services, prompt: gr.Textbox) -> CorrectionsPanel:
    """Draw the note; it fills in when its tab opens."""
    with gr.Column(elem_classes=["note", "correcting"]) as box:
        head("Teach by correcting", "Change an answer with its pencil, and it becomes an example to learn from.")
        count = gr.HTML("", padding=False)
        with gr.Row(visible=False, elem_classes=["foot"]) as buttons:
            look = second("Look at them", elem_id="corrections-look")
            teach = second("Teach these", visible=False, elem_id="corrections-teach")
    return CorrectionsPanel(services.corrections, box, look, teach, prompt, (count, buttons, teach))


def counted(gettext: Gettext, kept: Kept) -> list[Any]:
    """Updates for `CorrectionsPanel.drawn`."""
    count, more = len(kept), ENOUGH - len(kept)
    line = (
        gettext("{kept} kept, {more} more to go.", kept=count, more=more)
        if more > 0
        else gettext("{kept} kept.", kept=count)
    )
    return [caption(line) if kept else "", gr.Row(visible=bool(kept)), gr.Button(visible=more <= 0)]


def with_marks(gettext: Gettext, shown: Any, kept: Kept) -> list[Any]:
    """Updates for a conversation and its signatures, in which what is kept looks kept."""
    turns = marked(as_turns(shown), {(row.question.strip(), row.answer.strip()) for row in kept})
    return [turns, signatures(CHAT, turns, None, gettext)]


def wire(services: Services, note: CorrectionsPanel, drawn: list[Any], controls: list[Any]) -> None:
    """Keep what is corrected in a chat, and mark it there; `drawn` are the chat and its signatures, `controls` those
    that say with which role it answered."""
    chat = drawn[0]

    @show_errors
    async def corrected(edit: gr.EditData, request: gr.Request, shown: Any, *asked_with: Any) -> AsyncIterator[Any]:
        turns, owner = as_turns(shown), services.owners.known_owner(request.headers)
        was, answer = _text(edit.previous_value), _text(edit.value)
        asked = asked_before(as_messages(shown), answer_at(turns, edit.index))
        role = generate_controls.read(asked_with).role
        system = [Message(role="system", content=check_text(role, "system"))] if role else []
        try:
            kept = await quick.run(note.kept.keep, owner, [*system, *asked], was, answer)
        except InputError:
            if not answer.strip():
                turns[edit.index]["content"] = was
                yield [turns, *[gr.skip()] * (1 + len(note.drawn))]
            raise
        gettext = gettext_for(request)
        yield [*with_marks(gettext, turns, kept), *counted(gettext, kept)]

    chat.edit(corrected, [chat, *controls], [*drawn, *note.drawn], **EVENT_OPTIONS)

    @show_errors
    async def opened(request: gr.Request) -> list[Any]:
        return counted(gettext_for(request), await quick.run(note.kept.list, services.owners.owner(request.headers)))

    tab = owning_tab()
    if tab is not None:
        tab.select(opened, None, list(note.drawn), **EVENT_OPTIONS)


def send_to_finetune(frame: FinetunePage, note: CorrectionsPanel, check: CheckParts) -> None:
    """Have "Teach these" open Fine-tune where it shows what was read, with the corrections as its file."""
    services = frame.services

    @show_errors
    async def teach(request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        state = await quick.run(services.finetuning.latest, owner, time.time())
        if state and state["state"] not in FINISHED:
            raise InputError("A training run of yours is still going on. When it is done, you can teach these.")
        path = await quick.run(services.corrections.write_file, owner)
        draft = Draft(path=str(path), file_name=FILE_NAME)
        draft, drawn = await review.read(services, draft, request)
        # A run whose end was not seen counts as taken up: else Fine-tune, once open, would turn to it.
        watched = state["job_id"] if state else ""
        return [gr.Tabs(selected="finetune"), open_step(CHECK), watched, None, gr.Timer(active=False), draft, *drawn]

    led = [frame.tabs, frame.steps, frame.job, frame.told, frame.clock, frame.draft, *check.drawn]
    note.teach.click(teach, None, led, **EVENT_OPTIONS)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
