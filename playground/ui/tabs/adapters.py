"""The Adapters tab: what the model has been taught, where it comes from, and rename, download, delete, use."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from playground.adapters.info import MAX_NAME_CHARS, check_name
from playground.errors import AdapterError, InputError
from playground.protocol.messages import BASE
from playground.sentence import N_
from playground.service.services import Services
from playground.threads import quick, slow
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import picked
from playground.ui.components.basics import caption, ghost, head, owning_tab, primary, second, static_html
from playground.ui.components.file_download import download_after, hidden_download
from playground.ui.disconnect import while_there
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import gettext_for, t
from playground.ui.tabs import adapter_base, adapter_details


@dataclass(frozen=True)
class Parts:
    """`drawn` are the components that `_draw` returns updates for, in that order."""

    chosen: gr.Radio
    bring: gr.UploadButton
    rename: gr.Button
    download: gr.Button
    fetch: gr.DownloadButton
    delete: gr.Button
    renaming: gr.Row
    name: gr.Textbox
    save: gr.Button
    keep_name: gr.Button
    deleting: gr.Row
    sure: gr.Button
    keep: gr.Button
    taking: gr.Row
    share: gr.HTML
    alone: gr.Button
    whole: gr.Button
    leave: gr.Button
    use: gr.Button
    base: adapter_base.OtherBase
    drawn: tuple[gr.blocks.Block, ...]


NAME_FIELD, IMPORT = "once-adapter-name", "adapters-import"


def build(services: Services, picker: gr.Dropdown, changed: gr.Button) -> None:
    """Draw the tab and bind its events; call inside its `gr.Tab`. `changed` is clicked after a change of the model."""
    with gr.Row(elem_classes=["work", "full", "adapters"]):
        with gr.Column(elem_classes=["card", "wide"]):
            with gr.Row(elem_classes="head"):
                head("Your adapters")
                static_html("", "say")
                bring = gr.UploadButton(
                    t("Import"),
                    file_types=[".zip"],
                    size="sm",
                    elem_id=IMPORT,
                    elem_classes="ghost",
                    min_width=0,
                    variant="secondary",
                )
            caption(
                "An adapter is what the model learnt from your examples: a small file laid over it. The model itself "
                "never changes."
            )
            chosen = gr.Radio(
                [], label=t("Your adapters"), show_label=False, container=False, interactive=True, elem_classes="stack"
            )
        with gr.Column(elem_classes=["card", "scroll"], scale=1):
            empty = gr.HTML(t(_EMPTY), padding=False, elem_classes=["grow", "nothing"])
            with gr.Column(visible=False, elem_classes=["grow", "page"]) as page:
                parts = _build_page(chosen, bring, empty, page)
    _wire_changes(services, picker, parts, changed)
    _wire_use(services, picker, parts)
    redraw = partial(_draw, services)
    adapter_base.wire(services, parts.base, parts.chosen, picker, parts.drawn, redraw)
    _wire_download(services, parts)


_EMPTY = N_(
    '<div class="big">Nothing taught yet.</div><div class="quiet"><a href="#finetune">Start in Fine-tune.</a></div>'
)


def _build_page(chosen: gr.Radio, bring: gr.UploadButton, empty: gr.HTML, page: gr.Column) -> Parts:
    """Draw what is known of the chosen adapter, and what can be done with it."""
    with gr.Row(elem_classes="head"):
        title = gr.HTML("", padding=False, elem_classes="say")
        rename, download, delete = ghost("Rename"), ghost("Download"), ghost("Delete")
        fetch = hidden_download()
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as renaming:
        name = gr.Textbox(
            label=t("Name of the adapter"), show_label=False, max_length=MAX_NAME_CHARS, scale=1, elem_id=NAME_FIELD
        )
        save, keep_name = second("Save"), second("Cancel")
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as deleting:
        caption("It cannot be brought back. Delete it?")
        sure = gr.Button(t("Delete for good"), variant="stop", size="md", min_width=60)
        keep = second("Keep it")
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as taking:
        share = static_html("", "say")
        alone, whole_model, leave = second("Adapter"), second("Whole model"), second("Cancel")
    facts = gr.HTML("", padding=False)
    static_html("", "grow")
    with gr.Row(elem_classes=["foot", "rule"]) as using:
        caption("Everyone chooses for themselves: using it here changes only what you see.")
        use = primary("Use it")
    base = adapter_base.build()
    drawn = (chosen, empty, page, title, facts, renaming, deleting, taking, using, rename, delete, *base.drawn)
    return Parts(
        chosen,
        bring,
        rename,
        download,
        fetch,
        delete,
        renaming,
        name,
        save,
        keep_name,
        deleting,
        sure,
        keep,
        taking,
        share,
        alone,
        whole_model,
        leave,
        use,
        base,
        drawn,
    )


def _draw(services: Services, request: gr.Request, adapter: str | None, seen: str | None = None) -> list[Any]:
    """Updates for `Parts.drawn`: the list as it is now, and the page of the adapter, or of the first.

    What was `seen` to be chosen in the list is not chosen anew: another may be by now.
    """
    owner, gettext = services.owners.owner(request.headers), gettext_for(request)
    cards = services.adapters.list(owner)
    card = next((card for card in cards if card.id == adapter), next(iter(cards), None))
    choices = [(adapter_details.line(services, card, request.headers, gettext), card.id) for card in cards]
    shown = card.id if card else None
    fits = card is not None and services.adapters.fits(card)
    return [
        gr.Radio(choices=choices) if shown == seen else gr.Radio(choices=choices, value=shown),
        gr.HTML(visible=card is None),
        gr.Column(visible=card is not None),
        adapter_details.title(services, card, gettext) if card else "",
        adapter_details.page(services, owner, card, request.headers, gettext) if card else "",
        *(gr.Row(visible=False) for _ in range(3)),
        gr.Row(visible=fits),
        *(gr.Button(visible=card is not None and not card.task) for _ in range(2)),
        *adapter_base.draw(services, request, card),
    ]


def _wire_changes(services: Services, picker: gr.Dropdown, parts: Parts, changed: gr.Button) -> None:
    """What changes the list: opening the tab, another model, importing, renaming, deleting."""

    @show_errors
    async def opened(chosen: str | None, request: gr.Request) -> list[Any]:
        return await quick.run(_draw, services, request, chosen, chosen)

    @errors_under(IMPORT, kinds=(InputError, AdapterError))
    async def bring(path: Any, request: gr.Request) -> list[Any]:
        if not isinstance(path, str) or not path:
            raise InputError("Send a file first.")
        owner = services.owners.known_owner(request.headers)
        card = await while_there(services.adapters.import_adapter(owner, _name_of(path), Path(path)))
        return [picked(services, owner), *_draw(services, request, card.id)]

    @errors_under(NAME_FIELD, {"name": NAME_FIELD}, kinds=(InputError, AdapterError))
    async def rename(adapter: str | None, name: str, request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        card = services.adapters.rename(owner, _one(adapter), name)
        return [picked(services, owner), *_draw(services, request, card.id)]

    @show_errors
    async def delete(adapter: str | None, current: str, request: gr.Request) -> list[Any]:
        owner = services.owners.known_owner(request.headers)
        card = await slow.run(services.adapters.delete_adapter, owner, _one(adapter))
        return [picked(services, owner, BASE if current == card.id else None), *_draw(services, request, None)]

    listed = [picker, *parts.drawn]
    tab = owning_tab()
    triggers = [changed.click, *([tab.select] if tab is not None else [])]
    gr.on(triggers, opened, parts.chosen, list(parts.drawn), **EVENT_OPTIONS)
    parts.chosen.input(opened, parts.chosen, list(parts.drawn), trigger_mode="always_last", **EVENT_OPTIONS)
    parts.bring.upload(bring, parts.bring, listed, **EVENT_OPTIONS)
    gr.on([parts.save.click, parts.name.submit], rename, [parts.chosen, parts.name], listed, **EVENT_OPTIONS)
    parts.sure.click(delete, [parts.chosen, picker], listed, **EVENT_OPTIONS)


def _wire_use(services: Services, picker: gr.Dropdown, parts: Parts) -> None:
    """What only opens, closes or fetches something, and choosing the adapter for the whole page."""

    @show_errors
    async def ask_name(adapter: str | None, request: gr.Request) -> list[Any]:
        card = services.adapters.get(services.owners.owner(request.headers), _one(adapter))
        return [*_rows("renaming"), card.name]

    @show_errors
    async def use(adapter: str | None, request: gr.Request) -> gr.Dropdown:
        owner = services.owners.owner(request.headers)
        client = await services.adapters.client(owner, _one(adapter))
        gettext = gettext_for(request)
        gr.Info(gettext("It answers in every tab now."), duration=4, title=gettext("Done"))
        return picked(services, owner, client.adapter)

    rows = [parts.renaming, parts.deleting, parts.taking]
    parts.rename.click(ask_name, parts.chosen, [*rows, parts.name], **EVENT_OPTIONS)
    parts.delete.click(lambda: _rows("deleting"), None, rows, **EVENT_OPTIONS)
    for button in (parts.keep_name, parts.keep):
        button.click(lambda: _rows(""), None, rows, **EVENT_OPTIONS)
    parts.use.click(use, parts.chosen, picker, **EVENT_OPTIONS)


def _wire_download(services: Services, parts: Parts) -> None:
    """Ask whether to take the adapter or the whole model; the latter takes a while and can be cancelled."""

    @show_errors
    async def ask_what(adapter: str | None, request: gr.Request) -> list[Any]:
        card = services.adapters.get(services.owners.owner(request.headers), _one(adapter))
        small, large = await quick.run(services.downloads.sizes, card)
        mergeable = services.adapters.fits(card)
        line = N_("Adapter: {small} MB. Whole model: {large} MB.") if mergeable else N_("Adapter: {small} MB.")
        told = gettext_for(request)(line, small=f"{small / 1e6:.1f}", large=f"{large / 1e6:,.0f}")
        return [*_rows("taking"), snippets.caption(told), gr.Button(visible=True), gr.Button(visible=mergeable)]

    @show_errors
    async def download(adapter: str | None, request: gr.Request) -> list[Any]:
        path = await slow.run(services.downloads.zipped, services.owners.owner(request.headers), _one(adapter))
        return [path, *_rows("")]

    @show_errors
    async def make(adapter: str | None, request: gr.Request) -> AsyncIterator[list[Any]]:
        gettext = gettext_for(request)
        buttons = _buttons(False)
        async with aclosing(services.downloads.whole(services.owners.owner(request.headers), _one(adapter))) as shares:
            async for share in shares:
                if isinstance(share, str):
                    yield [gr.skip(), *_buttons(True), share, *_rows("")]
                    return
                told = gettext("Putting the whole model together: {percent} %", percent=min(99, round(100 * share)))
                if share == 0:
                    told = gettext("Getting ready to put the whole model together…")
                yield [snippets.caption(told), *buttons, gr.skip(), *(gr.skip() for _ in rows)]
                buttons = [gr.skip() for _ in buttons]  # a late share must not hide what was opened anew after a cancel

    rows, choices = [parts.renaming, parts.deleting, parts.taking], [parts.alone, parts.whole]
    parts.download.click(ask_what, parts.chosen, [*rows, parts.share, *choices], **EVENT_OPTIONS)
    download_after(parts.alone.click(download, parts.chosen, [parts.fetch, *rows], **EVENT_OPTIONS), parts.fetch)
    making = parts.whole.click(make, parts.chosen, [parts.share, *choices, parts.fetch, *rows], **EVENT_OPTIONS)
    download_after(making, parts.fetch)
    making.failure(lambda: _rows(""), None, rows, **EVENT_OPTIONS)
    parts.leave.click(lambda: _rows(""), None, rows, cancels=[making], **EVENT_OPTIONS)


def _rows(open_one: str) -> list[gr.Row]:
    """Open one of the rows that ask something, or none."""
    return [gr.Row(visible=name == open_one) for name in ("renaming", "deleting", "taking")]


def _buttons(visible: bool) -> list[gr.Button]:
    return [gr.Button(visible=visible) for _ in range(2)]


def _one(adapter: str | None) -> str:
    if not adapter:
        raise AdapterError("Choose an adapter first.")
    return str(adapter)


def _name_of(path: str) -> str:
    """A name for an imported adapter: its file's, where that can be one."""
    try:
        return check_name(Path(path).stem.replace("_", " ").replace("-", " ")[:MAX_NAME_CHARS])
    except AdapterError:
        return "Imported"
