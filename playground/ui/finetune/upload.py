"""Fine-tune, step 1: bring a file of examples, or take one of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import DataError, InputError
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.datasets import READY_FILES, DatasetService
from playground.ui.components import snippets
from playground.ui.components.basics import caption, head, note, primary, second, static_html
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import from_hub, made_table, review
from playground.ui.finetune.made_table import TableParts
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import CHECK, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t

READY = (
    ("pirate_talk.csv", N_("Talk like a pirate\nQuestions, answered the pirate way")),
    ("sort_messages.csv", N_("Sort messages\nMessages, each with its topic")),
    ("polite_replies.jsonl", N_("Polite replies\nComplaints, answered with warmth")),
)

SAMPLE = N_(
    '<table class="tbl"><tr><th>question</th><th>answer</th></tr>'
    "<tr><td>Can I change my order?</td><td>Gladly! Until it ships, you can change it under My orders.</td></tr>"
    "<tr><td>My parcel is late.</td><td>I am sorry. Tell me its number, and I will look at once.</td></tr></table>"
)


ADAPTER = (
    "An adapter is what the model learnt from your examples: a small file laid over it. The model itself never changes."
)


@dataclass(frozen=True)
class BringParts:
    bringing: gr.Column
    file: gr.File
    refused: gr.HTML
    ready: tuple[tuple[str, gr.Button], ...]
    make: gr.Button
    hub: from_hub.HubParts
    line: gr.HTML
    next: gr.Button
    table: TableParts


def build() -> BringParts:
    """Draw the step."""
    table = made_table.build()
    with gr.Column(elem_classes="stage") as bringing:
        return _draw(bringing, table)


def _draw(bringing: gr.Column, table: TableParts) -> BringParts:
    with gr.Row(elem_classes=["work", "full", "ft"]):
        with gr.Column(elem_classes="card", scale=1):
            head(
                "Bring examples of what it should learn",
                "A question with the answer that you would like to read, many times over. Twenty already show; a "
                "hundred or two work well.",
            )
            file = gr.File(
                label=t("Examples"),
                show_label=False,
                container=False,
                file_types=list(DatasetService.suffixes),
                elem_classes=["grow", "drop"],
                height=220,
            )
            refused = gr.HTML("", padding=False, visible=False)
            with gr.Row(elem_classes="foot"):
                caption("No file at hand? Start with one of ours:")
                make = second("Make a small table")
            with gr.Row(elem_classes="three"):
                ready = tuple((name, gr.Button(t(text), elem_classes="pick3", min_width=0)) for name, text in READY)
            hub = from_hub.build()
        with gr.Column(elem_classes=["card", "wide"]):
            head(
                "What a file looks like",
                "A table with two columns is enough. Names do not matter, you can match them in the next step.",
            )
            gr.HTML(t(SAMPLE), padding=False)
            caption(
                "Also fine: text and label, source and translation, passage and summary, whole chats, or plain text to "
                "learn a style from. As CSV, TSV, Excel, JSON, JSONL, Parquet or TXT, up to 50 MB."
            )
            static_html("", "grow")
            note("Your file stays on this server and only you can see it.")
    with gr.Row(elem_classes="foot"):
        line = caption(ADAPTER)
        following = primary("Next: check them", interactive=False)
    return BringParts(bringing, file, refused, ready, make, hub, line, following, table)


def wire(frame: FinetunePage, parts: BringParts, check: CheckParts) -> None:
    """Bind the step: a file is read at once, Next opens what was found in it."""

    @show_errors
    async def received(path: Any, request: gr.Request) -> list[Any]:
        if not isinstance(path, str) or not path:
            raise InputError("Send a file first.")
        draft = Draft(path=path, file_name=Path(path).name)
        gettext = gettext_for(request)
        try:
            draft, drawn = await review.read(frame.services, draft, request)
        except DataError as error:
            why = snippets.warning(gettext(error.sentence))
            return [None, gr.HTML(why, visible=True), *without(gettext), *[gr.skip()] * len(check.drawn)]
        told = gettext(review.unusable(draft))
        if draft.usable:
            told = gettext("{name}: {count} examples can be used.", name=draft.file_name, count=draft.usable)
        line = snippets.caption(told)
        return [gr.skip(), gr.HTML("", visible=False), line, gr.Button(interactive=True), draft, *drawn]

    @show_errors
    async def removed(request: gr.Request) -> list[Any]:
        return [gr.HTML("", visible=False), *without(gettext_for(request))]

    def without(gettext: Gettext) -> list[Any]:
        return [snippets.caption(gettext(ADAPTER)), gr.Button(interactive=False), Draft()]

    shown = [frame.draft, *check.drawn]
    stage = [parts.refused, parts.line, parts.next]
    parts.file.upload(received, parts.file, [parts.file, *stage, *shown], **EVENT_OPTIONS)
    parts.file.clear(removed, None, [*stage, frame.draft], **EVENT_OPTIONS)
    parts.next.click(lambda: open_step(CHECK), None, frame.steps, **EVENT_OPTIONS)
    from_hub.wire(frame, parts.hub, check)
    for name, button in parts.ready:
        button.click(_taking(frame, name), None, [frame.steps, *shown], **EVENT_OPTIONS)
    made_table.wire(frame, parts.table, parts.bringing, parts.make, shown)


def _taking(frame: FinetunePage, name: str) -> Callable[..., Any]:
    @show_errors
    async def take(request: gr.Request) -> list[Any]:
        draft = Draft(path=str(READY_FILES / name), file_name=name)
        draft, drawn = await review.read(frame.services, draft, request)
        return [open_step(CHECK), draft, *drawn]

    return take
