"""Fine-tune, step 1: a small table that is written or pasted on the page, and becomes a file like one that is sent."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.service.reading.pasted import MAX_CHARS, Rows, as_csv, check_size
from playground.service.services import Services
from playground.threads import quick
from playground.ui.components.basics import caption, ghost, head, primary, second, static_html
from playground.ui.components.file_download import download_after, hidden_download
from playground.ui.disconnect import while_there
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import review
from playground.ui.finetune.state import CHECK, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t

MAX_NAME_CHARS = 60
_NAME = "my_examples"
_LEAST_SHOWN = 8


@dataclass(frozen=True)
class TableParts:
    panel: gr.Column
    grid: gr.Dataframe
    pasted: gr.Textbox
    put: gr.Button
    empty: gr.Button
    emptying: gr.Row
    sure: gr.Button
    spare: gr.Button
    name: gr.Textbox
    back: gr.Button
    download: gr.Button
    fetch: gr.DownloadButton
    save: gr.Button


def build() -> TableParts:
    """Draw the table, hidden until somebody wants to make one."""
    with gr.Column(visible=False, elem_classes="stage") as panel:
        with gr.Row(elem_classes=["work", "full", "ft"]):
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                with gr.Row(elem_classes="head"):
                    head(
                        "Make a small table", "A question and its answer in each row; without answers, texts to learn."
                    )
                    static_html("", "say")
                    empty = ghost("Empty it")
                with gr.Row(visible=False, elem_classes=["foot", "asking"]) as emptying:
                    caption("What stands in it cannot be brought back. Empty it?")
                    sure = gr.Button(t("Empty the table"), variant="stop", size="md", min_width=60)
                    spare = second("Keep it")
                grid = _draw_grid()
            with gr.Column(elem_classes=["card", "wide"]):
                head(
                    "Or paste",
                    "Rows of a spreadsheet, lines with a comma between question and answer, blocks that begin with Q: "
                    "and A:, or texts with an empty line between.",
                )
                pasted = gr.Textbox(
                    label=t("What you paste"),
                    placeholder="Q: …\nA: …",
                    show_label=False,
                    lines=8,
                    max_lines=16,
                    max_length=MAX_CHARS,
                    elem_id="made-paste",
                    interactive=True,
                )
                put = second("Put it into the table", elem_id="put-pasted")
                static_html("", "grow")
                name = gr.Textbox(_NAME, label=t("Name of the file"), max_length=MAX_NAME_CHARS, interactive=True)
        with gr.Row(elem_classes="foot"):
            back = second("Back")
            caption("What you write is kept. It stays on this server and only you can see it.")
            download = second("Download")
            fetch = hidden_download()
            save = primary("Save and check")
    return TableParts(
        *(panel, grid, pasted, put, empty, emptying, sure, spare, name, back, download, fetch, save),
    )


def _draw_grid() -> gr.Dataframe:
    return gr.Dataframe(
        _padded([]),
        headers=["question", "answer"],
        column_count=2,
        column_widths=["46%", "46%"],
        datatype="str",
        type="array",
        interactive=True,
        wrap=True,
        show_row_numbers=True,
        buttons=[],
        elem_id="made-table",
    )


def wire(frame: FinetunePage, parts: TableParts, bringing: gr.Column, make: gr.Button, shown: list[Any]) -> None:
    """Bind the table; `bringing` is what makes room for it, `shown` what a file that was read changes."""
    services = frame.services

    @show_errors
    async def open_table(request: gr.Request) -> list[Any]:
        rows = await quick.run(services.drafts.typed, services.owners.owner(request.headers))
        return [gr.Column(visible=False), gr.Column(visible=True), _grid(rows, gettext_for(request))]

    @errors_under("made-table")
    async def typed(value: Any, request: gr.Request) -> None:
        await _keep(services, _rows(value), request)

    @errors_under("made-paste")
    async def put(text: Any, value: Any, request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        rows = [*_rows(value), *await while_there(services.datasets.read_pasted(owner, str(text or "")))]
        await _keep(services, rows, request)
        return [_grid(rows, gettext_for(request)), ""]

    @show_errors
    async def emptied(request: gr.Request) -> list[Any]:
        await _keep(services, [], request)
        return [gr.Row(visible=False), _grid([], gettext_for(request))]

    stage = [bringing, parts.panel]
    make.click(open_table, None, [*stage, parts.grid], **EVENT_OPTIONS)
    parts.back.click(lambda: [gr.Column(visible=True), gr.Column(visible=False)], None, stage, **EVENT_OPTIONS)
    parts.grid.change(typed, parts.grid, None, trigger_mode="always_last", **EVENT_OPTIONS)
    parts.put.click(put, [parts.pasted, parts.grid], [parts.grid, parts.pasted], **EVENT_OPTIONS)
    parts.empty.click(lambda: gr.Row(visible=True), None, parts.emptying, **EVENT_OPTIONS)
    parts.spare.click(lambda: gr.Row(visible=False), None, parts.emptying, **EVENT_OPTIONS)
    parts.sure.click(emptied, None, [parts.emptying, parts.grid], **EVENT_OPTIONS)
    given = [parts.grid, parts.name]
    download_after(parts.download.click(_downloading(services), given, parts.fetch, **EVENT_OPTIONS), parts.fetch)
    parts.save.click(_saving(services), given, [frame.steps, *shown], **EVENT_OPTIONS)


def _downloading(services: Services) -> Callable[..., Any]:
    @errors_under("made-table")
    async def download(value: Any, name: Any, request: gr.Request) -> str:
        return str(await _file(services, value, name, request))

    return download


def _saving(services: Services) -> Callable[..., Any]:
    @errors_under("made-table")
    async def save(value: Any, name: Any, request: gr.Request) -> list[Any]:
        path = await _file(services, value, name, request)
        draft, drawn = await review.read(services, Draft(path=str(path), file_name=path.name), request)
        return [open_step(CHECK), draft, *drawn]

    return save


async def _file(services: Services, value: Any, name: Any, request: gr.Request) -> Path:
    owner, content = services.owners.known_owner(request.headers), as_csv(_rows(value))
    return await services.uploads.add(owner, services.owners.address(owner), _file_name(name), content)


async def _keep(services: Services, rows: Rows, request: gr.Request) -> None:
    check_size(rows)
    await quick.run(services.drafts.keep_typed, services.owners.known_owner(request.headers), rows)


def _file_name(name: Any) -> str:
    """What a person calls the file, with nothing in it that means something in a path."""
    letters = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in str(name or ""))
    return f"{' '.join(letters.split())[:MAX_NAME_CHARS] or _NAME}.csv"


def _rows(value: Any) -> Rows:
    """What stands in the grid, without the rows in which nothing does."""
    rows = [[str(cell if cell is not None else "") for cell in [*row, "", ""][:2]] for row in value or []]
    return [row for row in rows if any(cell.strip() for cell in row)]


def _padded(rows: Rows) -> Rows:
    return [*rows, *[["", ""]] * max(1, _LEAST_SHOWN - len(rows))]


def _grid(rows: Rows, gettext: Gettext) -> gr.Dataframe:
    return gr.Dataframe(_padded(rows), headers=[gettext("question"), gettext("answer")])
