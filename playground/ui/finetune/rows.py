"""Fine-tune, step 2: any row of the file as the model reads it, found by number, by words or from what was noticed."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.data.examples import Example
from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.protocol.client import in_thread
from playground.service.reading.rows import MAX_FOUND, MAX_VIEWS, RowView
from playground.service.services import Services
from playground.ui.components import snippets
from playground.ui.components.basics import ghost, head, static_html
from playground.ui.disconnect import while_there
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.finetune.lengths import beyond
from playground.ui.finetune.state import Draft, FinetunePage
from playground.ui.i18n import gettext_for, t
from playground.ui.reports import dataset
from playground.ui.reports.dataset import Lead
from playground.ui.templates import render

_BEHIND = 10
"""Rows before the one that is asked for that are read with it."""


@dataclass(frozen=True)
class RowParts:
    """`drawn` are the components that `shown` returns updates for, in that order."""

    looking: gr.Column
    bar: gr.Row
    find: gr.Textbox
    before: gr.Button
    place: gr.HTML
    after: gr.Button
    following: gr.Row
    followed: gr.HTML
    all: gr.Button
    example: gr.HTML
    actions: gr.Row
    note: gr.HTML
    change: gr.Button
    leave: gr.Button
    undo: gr.Button
    lead: gr.Button
    led: gr.JSON

    @property
    def drawn(self) -> tuple[gr.blocks.Block, ...]:
        return (
            *(self.bar, self.place, self.following, self.followed, self.example),
            *(self.actions, self.note, self.change, self.leave, self.undo),
        )


def build() -> RowParts:
    """Draw the row that is shown, and the ways to others."""
    head("As the model will read it")
    with gr.Column(elem_classes=["page", "looking"]) as looking:
        with gr.Row(visible=False, elem_classes=["leafing"]) as bar:
            find = gr.Textbox(
                label=t("Find a row"),
                placeholder=t("Find: a row's number, or words"),
                show_label=False,
                container=False,
                interactive=True,
                elem_id="once-find-row",
                max_lines=1,
                scale=1,
                min_width=0,
            )
            before = ghost("‹ Previous")
            place = gr.HTML("", padding=False, elem_classes="place")
            after = ghost("Next ›")
        with gr.Row(visible=False, elem_classes=["following"]) as following:
            followed = gr.HTML("", padding=False, elem_classes="say")
            back = ghost("All rows")
        example = gr.HTML("", padding=False, elem_classes="shown-row")
        with gr.Row(visible=False, elem_classes=["head", "acting"]) as actions:
            note = gr.HTML("", padding=False, elem_classes="say")
            undo, change, leave = ghost("Undo", visible=False), ghost("Change it"), ghost("Leave it out")
    lead = gr.Button(elem_id="row-lead", elem_classes="fetch")
    led = gr.JSON(visible=False)
    static_html("", "grow")
    return RowParts(
        *(looking, bar, find, before, place, after, following, followed, back, example),
        *(actions, note, change, leave, undo, lead, led),
    )


def wire(frame: FinetunePage, parts: RowParts) -> None:
    """Bind what shows other rows, and changes nothing of what would be learnt."""
    services = frame.services

    @show_errors
    async def leaf(draft: Draft, by: int, request: gr.Request) -> list[Any]:
        return await _to(services, draft, _beside(draft.leafed, draft.row, by), request)

    @show_errors
    async def go_to(led: Any, draft: Draft, request: gr.Request) -> list[Any]:
        if not isinstance(led, list) or not all(isinstance(number, int) for number in led) or len(led) != 2:
            raise InputError("Choose one of the lines first.")
        place, row = led
        if not 0 <= place < len(draft.leads):
            raise InputError("This line is not there any more.")
        lead = draft.leads[place]
        return await _to(services, replace(draft, followed=lead), row if row in lead.rows else lead.rows[0], request)

    @show_errors
    async def all_rows(draft: Draft, request: gr.Request) -> list[Any]:
        draft = replace(draft, followed=None)
        known = draft.row in draft.leafed or not draft.leafed
        return await _to(services, draft, draft.row if known else draft.leafed[0], request)

    outputs = [frame.draft, *parts.drawn]
    for button, by in ((parts.before, -1), (parts.after, 1)):
        button.click(leaf, [frame.draft, gr.State(by)], outputs, **EVENT_OPTIONS)
    parts.find.submit(_finding(services), [frame.draft, parts.find], outputs, **EVENT_OPTIONS)
    parts.all.click(all_rows, frame.draft, outputs, **EVENT_OPTIONS)
    followed = parts.lead.click(
        go_to,
        [parts.led, frame.draft],
        outputs,
        js=in_browser("takeLead"),
        trigger_mode="always_last",
        **EVENT_OPTIONS,
    )
    followed.success(None, js=in_browser("rowIntoView"), **EVENT_OPTIONS)


def _finding(services: Services) -> Callable[..., Any]:
    @errors_under("once-find-row")
    async def find(draft: Draft, words: Any, request: gr.Request) -> list[Any]:
        words = str(words or "").strip()
        if not words:
            return await _to(services, replace(draft, followed=None), draft.row, request)
        if words.isdecimal():
            return await _to(services, replace(draft, followed=None), int(words), request)
        rows, views = await while_there(
            services.datasets.find(services.owners.owner(request.headers), draft.file, words)
        )
        if not rows:
            raise InputError("No row holds these words. Look for fewer of them, or for a row's number.")
        title = gettext_for(request)("Rows with “{words}”", words=words)
        draft = replace(draft, followed=Lead(title, tuple(rows)), views={view.row: view for view in views})
        return await _to(services, draft, rows[0], request)

    return find


async def _to(services: Services, draft: Draft, row: int, request: gr.Request) -> list[Any]:
    draft = await turned_to(services, draft, row, request)
    return [draft, *await in_thread(lambda: shown(services, draft, gettext_for(request)))]


async def turned_to(services: Services, draft: Draft, row: int, request: gr.Request) -> Draft:
    """The draft with this row as the one that is shown; it is read, with those beside it, where it was not yet."""
    if row in draft.views:
        return replace(draft, row=row)
    beside = bisect_left(draft.leafed, row)
    numbers = [row, *draft.leafed[max(0, beside - _BEHIND) : beside + MAX_VIEWS]]
    owner = services.owners.owner(request.headers)
    views = await while_there(services.datasets.rows(owner, draft.file, list(dict.fromkeys(numbers))))
    return replace(draft, row=row, views={view.row: view for view in views})


def _beside(rows: Sequence[int], row: int, by: int) -> int:
    """The row before or after one, which need not be among them; round at the ends."""
    if not rows:
        return row
    place = bisect_right(rows, row) if by > 0 else bisect_left(rows, row) - 1
    return rows[place % len(rows)]


def shown(services: Services, draft: Draft, gettext: Gettext) -> list[Any]:
    """Updates for `RowParts.drawn`; the draft's row is among those that were read."""
    view = draft.views.get(draft.row)
    if view is None:
        return [gr.Row(visible=False), "", gr.Row(visible=False), "", "", *nothing_to_do()]
    followed = draft.followed.title if draft.followed else ""
    edited, left_out = view.row in draft.changes.edited, view.row in draft.changes.left_out
    note = gettext("Changed by you.") if edited and not left_out else ""
    if view.taught and view.row in draft.set_aside:
        note = f"{note} {gettext('Set aside: it is asked afterwards, and not learnt.')}".strip()
    return [
        gr.Row(visible=True),
        snippets.caption(_place(draft, gettext)),
        gr.Row(visible=bool(draft.followed)),
        snippets.caption(followed),
        _drawn(services, draft, view, gettext),
        gr.Row(visible=True),
        snippets.caption(note) if note else "",
        gr.Button(visible=not left_out),
        gr.Button(visible=view.taught),
        gr.Button(gettext("Take it back") if left_out else gettext("Undo the change"), visible=edited or left_out),
    ]


def nothing_to_do() -> list[Any]:
    return [gr.Row(visible=False), "", gr.Button(visible=False), gr.Button(visible=False), gr.Button(visible=False)]


def _place(draft: Draft, gettext: Gettext) -> str:
    """Which row it is, and which of those that are leafed through."""
    rows = draft.leafed
    place = bisect_left(rows, draft.row)
    if place == len(rows) or rows[place] != draft.row:
        return gettext("Row {row}", row=draft.row)
    fields = {"row": draft.row, "place": place + 1, "count": len(rows)}
    if draft.followed and len(rows) == MAX_FOUND:
        return gettext("Row {row} · {place} of the first {count}", **fields)
    return gettext("Row {row} · {place} of {count}", **fields)


def _drawn(services: Services, draft: Draft, view: RowView, gettext: Gettext) -> str:
    """A row as it is read, or with the reason why it is not taught."""
    why = ""
    if not view.taught:
        reasons = " ".join(gettext(reason) for reason in view.reasons)
        why = snippets.warning(f"{gettext('This row is not taught.')} {reasons}".strip())
    if view.example is None:
        return render("example", gettext, drawn=why + snippets.facts(view.cells), marked=False)
    limit = services.finetuning.plan(draft.rows).max_length
    try:
        read = services.datasets.preview(view.example, limit)
        pieces = [(text, learnt and view.taught) for text, learnt in _apart(view.example, read.pieces)]
        drawn: str = dataset.preview(gettext, pieces) + beyond(read, limit, gettext)
    except InputError as error:
        drawn = snippets.warning(gettext(error.sentence))
    learnt = view.taught and view.row not in draft.set_aside
    return render("example", gettext, drawn=why + drawn, marked=learnt)


def _apart(example: Example, pieces: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Where a template writes nothing that shows between the model's role and the first question, part the two."""
    role = example.messages[0]["content"] if example.messages and example.messages[0]["role"] == "system" else ""
    if not role or not pieces or not pieces[0][0].startswith(role):
        return pieces
    (first, learnt), *others = pieces
    return [(role, learnt), (first[len(role) :], learnt), *others]
