"""Fine-tune, step 2: what was recognised in the file, correctable by hand, and the examples as the model reads them."""

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.data.column_mapping import AUTO, NOTHING_KNOWN
from playground.data.examples import Example
from playground.data.formats import PROMPT_COMPLETION
from playground.i18n.catalog import Gettext
from playground.protocol.client import in_thread
from playground.sentence import N_
from playground.service.datasets import PreparedDataset
from playground.service.reading.dataset import UnmatchedError
from playground.service.reading.rows import RowView
from playground.service.services import Services
from playground.tasks.registry import dataset_formats
from playground.threads import quick
from playground.ui.components import snippets
from playground.ui.components.basics import ghost, primary, second
from playground.ui.components.defaults import Defaults
from playground.ui.disconnect import while_there
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import columns, row_writing, rows
from playground.ui.finetune.row_writing import WritingParts
from playground.ui.finetune.rows import RowParts
from playground.ui.finetune.state import BRING, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t
from playground.ui.reports import dataset
from playground.ui.reports.dataset import Lead

MAX_PREVIEWED_ROWS = 200


@dataclass(frozen=True)
class CheckParts:
    """`drawn` are the components that `read` returns updates for, in that order."""

    format: gr.Dropdown
    roles: tuple[gr.Dropdown, ...]
    more: gr.Button
    """Asks for the columns that few files have."""
    columns: Defaults
    repairs: gr.CheckboxGroup
    rows: RowParts
    writing: WritingParts
    back: gr.Button
    next: gr.Button
    drawn: tuple[gr.blocks.Block, ...]


def build() -> CheckParts:
    """Draw the step."""
    with gr.Row(elem_classes=["work", "full", "ft"]):
        with gr.Column(elem_classes=["card", "wide", "scroll"]):
            found = gr.HTML("", padding=False)
            names = [(t(format.title), format.name) for format in dataset_formats().values()]
            format = gr.Dropdown(names, label=t("Read as"), interactive=True, filterable=False, elem_classes="pill")
            roles = columns.build()
            more = ghost("More columns", visible=False)
            repairs = gr.CheckboxGroup(
                [], label=t("Small repairs, if you agree"), interactive=True, visible=False, elem_classes="plain"
            )
            lengths = gr.HTML("", padding=False)
        with gr.Column(elem_classes=["card", "scroll"], scale=1):
            shown = rows.build()
            writing = row_writing.build()
            changes = gr.HTML("", padding=False)
    with gr.Row(elem_classes="foot"):
        back = second("Back")
        line = gr.HTML("", padding=False, elem_classes="say")
        following = primary("Next: teach")
    stage = (shown.looking, writing.panel)
    drawn = (found, format, *roles, more, repairs, lengths, *shown.drawn, changes, line, following, *stage)
    return CheckParts(format, roles, more, Defaults(roles), repairs, shown, writing, back, following, drawn)


def wire(frame: FinetunePage, parts: CheckParts) -> None:
    """Bind the step: every correction reads the file again, so that what is shown is what would be learnt."""
    services = frame.services

    @show_errors
    async def format_chosen(draft: Draft, format: Any, request: gr.Request) -> list[Any]:
        read_anew = replace(_as(draft, str(format)), columns={}, repairs=None, row=0)
        draft, *drawn = await _again(services, read_anew, request)
        return [draft, *keeping(parts.format, drawn)]

    @show_errors
    async def roles_chosen(request: gr.Request, draft: Draft, *chosen: Any) -> list[Any]:
        draft, *drawn = await _again(services, columns.chosen(replace(draft, row=0), chosen), request)
        labelled = dict(zip(parts.roles, columns.labelled(draft, gettext_for(request)), strict=True))
        kept = [labelled.get(part, new) for part, new in zip(parts.drawn, drawn, strict=True)]
        values = dict(zip(parts.roles, columns.values(draft), strict=True))
        return [draft, *keeping(parts.format, kept), *parts.columns.offer(values, chosen)]

    @show_errors
    async def repairs_chosen(draft: Draft, kinds: Any, request: gr.Request) -> list[Any]:
        draft, *drawn = await _again(services, replace(draft, repairs=tuple(kinds or ()), row=0), request)
        return [draft, *keeping(parts.repairs, drawn)]

    def keeping(chosen: gr.components.Component, drawn: list[Any]) -> list[Any]:
        """What was chosen in stays as it is: another choice may have been made meanwhile."""
        return [gr.skip() if part is chosen else new for part, new in zip(parts.drawn, drawn, strict=True)]

    shown = [frame.draft, *parts.drawn]
    parts.format.input(format_chosen, [frame.draft, parts.format], shown, trigger_mode="always_last", **EVENT_OPTIONS)
    chosen = gr.on(
        [role.input for role in parts.roles],
        roles_chosen,
        [frame.draft, *parts.roles],
        [*shown, *parts.columns.outputs],
        trigger_mode="always_last",
        **EVENT_OPTIONS,
    )
    parts.columns.adopt(chosen)
    parts.repairs.input(
        repairs_chosen, [frame.draft, parts.repairs], shown, trigger_mode="always_last", **EVENT_OPTIONS
    )
    _wire_looking(frame, parts)
    parts.back.click(lambda: open_step(BRING), None, frame.steps, **EVENT_OPTIONS)


def _wire_looking(frame: FinetunePage, parts: CheckParts) -> None:
    """What shows more, or changes single rows."""
    services = frame.services

    @show_errors
    async def more_asked(draft: Draft, request: gr.Request) -> list[Any]:
        draft = replace(draft, asks_all=True)
        return [draft, gr.Button(visible=False), *columns.updates(draft, gettext_for(request))]

    async def reread(draft: Draft, request: gr.Request) -> list[Any]:
        draft, drawn = await read(services, draft, request, teachable=True)
        return [draft, *drawn]

    parts.more.click(more_asked, frame.draft, [frame.draft, parts.more, *parts.roles], **EVENT_OPTIONS)
    rows.wire(frame, parts.rows)
    row_writing.wire(frame, parts.rows, parts.writing, reread, parts.drawn)


async def read(
    services: Services, draft: Draft, request: gr.Request, teachable: bool = False
) -> tuple[Draft, list[Any]]:
    """Read the draft's file; returns the draft with what was found, and updates for `CheckParts.drawn`.

    A file whose columns are not recognised is shown too, to be matched by hand, unless it must be `teachable`. Raises
    `DataError` for one that cannot be read at all. What was read is kept for the next visit.
    """
    try:
        draft, drawn = await _read(services, draft, request)
    except UnmatchedError as error:
        if teachable:
            raise
        format = error.format or (PROMPT_COMPLETION.name if draft.format == AUTO else draft.format)
        known = tuple(dict.fromkeys([*error.table.columns, *error.columns.values()]))
        draft = replace(draft, format=format, known=known, learned=0, rows=0, held_out=0)
        draft = replace(draft, columns=dict(error.columns) or draft.columns)
        draft = replace(draft, taught=(), row=0, views={}, leads=(), followed=None)
        drawn = _unmatched(draft, error, gettext_for(request))
    if owner := services.owners.identify(request.headers):
        await quick.run(services.drafts.keep, owner, draft.file)
    return draft, drawn


async def _read(services: Services, draft: Draft, request: gr.Request) -> tuple[Draft, list[Any]]:
    """As `read`, but raises `UnmatchedError`. The row that is shown stays, if there is one."""
    owner, gettext = services.owners.owner(request.headers), gettext_for(request)
    prepared = await while_there(services.datasets.prepare(owner, draft.file, num_shown=MAX_PREVIEWED_ROWS))
    draft = _found(draft, prepared)
    if draft.row:
        draft = await rows.turned_to(services, draft, draft.row, request)
    else:
        draft = replace(draft, row=draft.taught[0])
    return await in_thread(lambda: _matched(services, draft, prepared, gettext))


async def _again(services: Services, draft: Draft, request: gr.Request) -> list[Any]:
    draft, drawn = await read(services, draft, request)
    return [draft, *drawn]


def _as(draft: Draft, format: str) -> Draft:
    """The draft as read in another format; a row that was written as a text is no conversation, nor the reverse."""
    formats = dataset_formats()
    if (formats[draft.format].to_messages is None) == (formats[format].to_messages is None):
        return replace(draft, format=format)
    return replace(draft, format=format, changes=replace(draft.changes, edited={}))


def _found(draft: Draft, prepared: PreparedDataset) -> Draft:
    found, reading = prepared.findings, prepared.reading
    return replace(
        draft,
        format=found.format,
        columns=dict(found.mapping.columns),
        known=tuple(dict.fromkeys([*found.columns, *found.mapping.columns.values()])),
        repairs=found.made,
        taught=reading.usable,
        set_aside=frozenset(reading.held_out),
        views={example.row: RowView(example.row, example) for example in reading.shown},
        followed=None,
        learned=prepared.num_train,
        rows=prepared.rows,
        held_out=prepared.num_held_out,
        probe=question(reading.first_asked),
    )


def _matched(services: Services, draft: Draft, prepared: PreparedDataset, gettext: Gettext) -> tuple[Draft, list[Any]]:
    found, reading = prepared.findings, prepared.reading
    values = services.finetuning.plan(draft.rows)
    told = N_("{count} examples, read as {format}")
    if draft.usable < found.rows:
        told = N_("{usable} of {count} examples can be used, read as {format}")
    summary = gettext(told, usable=draft.usable, count=found.rows, format=gettext(found.mapping.format.title))
    choices = [(gettext(repair.sentence), repair.kind) for repair in found.repairs]
    kept = [repair for repair in found.repairs if repair.kind in found.made]
    leads: list[Lead] = []
    fit = services.datasets.lengths(reading.measured, values.max_length, prepared.usable)
    lengths = dataset.lengths(gettext, fit, leads)
    noticed = dataset.repair_table(gettext, kept, leads) + dataset.problems(gettext, found.problems, leads)
    return replace(draft, leads=tuple(leads)), [
        snippets.title(draft.file_name, summary),
        gr.Dropdown(value=draft.format),
        *columns.updates(draft, gettext),
        gr.Button(visible=columns.has_more(draft)),
        gr.CheckboxGroup(choices=choices, value=[repair.kind for repair in kept], visible=bool(choices)),
        lengths,
        *rows.shown(services, draft, gettext),
        noticed,
        snippets.caption(_set_aside(draft, gettext)),
        gr.Button(interactive=True),
        *_stage(draft),
    ]


def _unmatched(draft: Draft, error: UnmatchedError, gettext: Gettext) -> list[Any]:
    table, why = error.table, gettext(error.sentence)
    if error.sentence.msgid == NOTHING_KNOWN:  # a name to choose from a list need not be changed in the file
        why = gettext("No column has a name that is known here. Choose which is which; below is how the file begins.")
    return [
        snippets.title(draft.file_name, gettext(unusable(draft))),
        gr.Dropdown(value=draft.format),
        *columns.updates(draft, gettext),
        gr.Button(visible=columns.has_more(draft)),
        # Repairs that somebody unticked stay on offer: to make them again may be what helps.
        gr.skip() if draft.repairs is not None else gr.CheckboxGroup(choices=[], value=[], visible=False),
        "",
        *(gr.Row(visible=False), "", gr.Row(visible=False), "", snippets.warning(why), *rows.nothing_to_do()),
        dataset.first_rows(gettext, table) + dataset.problems(gettext, table.problems, None),
        "",
        gr.Button(interactive=False),
        *_stage(draft),
    ]


def unusable(draft: Draft) -> str:
    """What is to be done with a file of which nothing can be taught yet."""
    asked = [column for column in dataset_formats()[draft.format].columns if column.required]
    if all(column.name in draft.columns for column in asked):
        return N_("It cannot be taught yet.")
    return N_("Say which column is which.")


def _stage(draft: Draft) -> list[Any]:
    """What is being written in the boxes stays there, whatever else is chosen meanwhile."""
    return row_writing.open_writing(False) if draft.writing is None else [gr.skip(), gr.skip()]


def _set_aside(draft: Draft, gettext: Gettext) -> str:
    if not draft.held_out:
        return gettext("With fewer than 10 examples none is set aside, so nothing will be measured afterwards.")
    return gettext(
        "{held_out} of the {usable} are set aside: they will show afterwards what it really learnt.",
        held_out=draft.held_out,
        usable=draft.usable,
    )


def question(example: Example) -> str:
    """What a person asks in an example: the last words before the answer; "" for a plain text."""
    asked = [message["content"] for message in (example.messages or ())[:-1] if message["role"] == "user"]
    return asked[-1] if asked else ""
