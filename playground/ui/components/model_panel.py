"""Choosing the base model: a panel below the bar with what there is and what each needs; get it, use it, remove it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from playground.errors import InputError, ModelError
from playground.i18n.catalog import Gettext
from playground.protocol.model_choice import ModelChoice
from playground.sentence import N_
from playground.service.model_change import ModelChange
from playground.service.services import Services
from playground.threads import network, quick, slow
from playground.ui.components import model_facts, snippets
from playground.ui.components.basics import caption, ghost, head, primary, second, static_html
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import gettext_for, t

CLOCK_S = 1.0


@dataclass(frozen=True)
class ModelPanel:
    """`drawn` are the components that `_draw` returns updates for, in that order."""

    open: gr.Button
    panel: gr.Column
    close: gr.Button
    listed: gr.Radio
    found: gr.State
    """What the hub was asked for, in the place of what is known here."""
    query: gr.Textbox
    search: gr.Button
    folder: gr.Textbox
    use_folder: gr.Button
    key: gr.Textbox
    unlock: gr.Button
    use: gr.Button
    get: gr.Button
    stop: gr.Button
    forget: gr.Button
    asking: gr.Row
    sure: gr.Button
    keep: gr.Button
    while_training: gr.Checkbox
    clock: gr.Timer
    drawn: tuple[gr.blocks.Block, ...]


def button() -> gr.Button:
    """What opens the panel; call inside the bar."""
    return ghost("Models", elem_id="models", visible=False)  # until it is known who asks


def build(opener: gr.Button) -> ModelPanel:
    """Draw the panel; call below the bar."""
    with gr.Column(visible=False, elem_id="model-panel") as panel, gr.Row(elem_classes=["work", "full"]):
        with gr.Column(elem_classes=["card", "wide"]):
            rows, entries = _build_list()
        with gr.Column(elem_classes=["card", "scroll"], scale=1):
            drawn, actions = _build_page()
    found, clock = gr.State(), gr.Timer(CLOCK_S, active=False)
    return ModelPanel(
        open=opener,
        panel=panel,
        found=found,
        clock=clock,
        drawn=(entries["listed"], *drawn, *rows, clock),
        **entries,
        **actions,
    )


def _build_list() -> tuple[list[gr.Row], dict[str, Any]]:
    """Draw what there is to choose from, and other ways to name a model; returns the rows that not everybody sees."""
    with gr.Row(elem_classes="head"):
        head("Models")
        static_html("", "say")
        close = ghost("Close")
    with gr.Row(elem_classes=["foot", "asking"]) as searching:
        query = gr.Textbox(
            show_label=False,
            label=t("Search the Hugging Face hub"),
            placeholder=t("A name or id on the hub"),
            max_length=200,
            scale=1,
            elem_id="model-query",
        )
        search = second("Search")
    folder_row, folder, use_folder = _entry(N_("A folder or a GGUF file, here"), elem_id="model-folder")
    key_row, key, unlock = _entry(N_("The operator's key"), type="password", elem_id="operator-key")
    listed = gr.Radio([], label=t("Models"), show_label=False, container=False, interactive=True, elem_classes="stack")
    entries = {"close": close, "listed": listed, "query": query, "search": search, "folder": folder}
    return [searching, folder_row, key_row], entries | {"use_folder": use_folder, "key": key, "unlock": unlock}


def _build_page() -> tuple[list[gr.blocks.Block], dict[str, Any]]:
    """Draw what is known of the chosen model, and what can be done with it."""
    facts = gr.HTML("", padding=False, elem_id="model-facts")
    while_training = gr.Checkbox(label=t("Change it although my training goes on"), container=False, visible=False)
    static_html("", "grow")
    state = gr.HTML("", padding=False, elem_id="model-change")
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as asking:
        caption("Its files are removed from this machine. Remove it?")
        sure = gr.Button(t("Remove"), variant="stop", size="md", min_width=60)
        keep = second("Keep it")
    with gr.Row(elem_classes="foot"):
        forget, stop = ghost("Remove from this machine"), second("Stop")
        static_html("", "say")
        get = second("Only get it")
        use = primary("Use it")
    actions = {"use": use, "get": get, "stop": stop, "forget": forget, "asking": asking, "sure": sure, "keep": keep}
    drawn = [facts, while_training, state, asking, use, get, stop, forget]
    return drawn, actions | {"while_training": while_training}


def _entry(label: str, **options: Any) -> tuple[gr.Row, gr.Textbox, gr.Button]:
    """A row with something to type and a button."""
    with gr.Row(visible=False, elem_classes=["foot", "asking"]) as row:
        field = gr.Textbox(show_label=False, label=t(label), placeholder=t(label), scale=1, max_length=1000, **options)
        action_button = second("Use it")
    return row, field, action_button


def wire(services: Services, parts: ModelPanel, changed: gr.Button) -> None:
    """Bind the panel's events; `changed` is clicked by the browser once another model answers."""
    inputs = [parts.listed, parts.found, parts.key]

    @show_errors
    async def opened(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        return [gr.Column(visible=True), None, *await _drawn(services, request, None, None, key)]

    @show_errors
    async def chosen(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        return await _drawn(services, request, listed, found, key)

    @show_errors
    async def newest(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        return await _drawn(services, request, None, found, key)  # the one that answers from now on

    @errors_under("model-query")
    async def search(query: str, key: str, request: gr.Request) -> list[Any]:
        operator = services.owners.is_operator(request.headers, key)
        found = None
        if query.strip():
            found = list(await network.run(services.models.search, operator, query))
        return [found, *await _drawn(services, request, None, found, key)]

    parts.open.click(opened, inputs, [parts.panel, parts.found, *parts.drawn], **EVENT_OPTIONS)
    parts.close.click(lambda: gr.Column(visible=False), None, parts.panel, **EVENT_OPTIONS)
    parts.listed.input(chosen, inputs, list(parts.drawn), trigger_mode="always_last", **EVENT_OPTIONS)
    gr.on([parts.unlock.click, parts.key.submit], chosen, inputs, list(parts.drawn), **EVENT_OPTIONS)
    changed.click(newest, inputs, list(parts.drawn), **EVENT_OPTIONS)
    searched = [parts.found, *parts.drawn]
    gr.on([parts.search.click, parts.query.submit], search, [parts.query, parts.key], searched, **EVENT_OPTIONS)
    parts.clock.tick(chosen, inputs, list(parts.drawn), **EVENT_OPTIONS)
    _wire_actions(services, parts)


def _wire_actions(services: Services, parts: ModelPanel) -> None:
    """Get, use, stop and remove; whoever does it need not stay until it has ended."""
    inputs = [parts.listed, parts.found, parts.key]
    models = services.models

    @show_errors
    async def use(listed: Any, found: Any, key: str, although: bool, request: gr.Request) -> list[Any]:
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers, key)
        await network.run(models.use, owner, operator, listed, "auto", although)
        return await _drawn(services, request, listed, found, key)

    @errors_under("model-folder", kinds=(InputError, ModelError))
    async def use_folder(folder: str, found: Any, key: str, although: bool, request: gr.Request) -> list[Any]:
        return await use(folder.strip(), found, key, although, request)

    @show_errors
    async def get(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        await network.run(models.get, services.owners.is_operator(request.headers, key), listed)
        return await _drawn(services, request, listed, found, key)

    @show_errors
    async def stop(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        coming = models.change()
        wanted = coming.model if coming and not coming.ended else listed
        owner, operator = services.owners.owner(request.headers), services.owners.is_operator(request.headers, key)
        await quick.run(models.stop_download, owner, operator, wanted)
        return await _drawn(services, request, listed, found, key)

    @show_errors
    async def forget(listed: Any, found: Any, key: str, request: gr.Request) -> list[Any]:
        await slow.run(models.forget, services.owners.is_operator(request.headers, key), listed)
        return await _drawn(services, request, None, None, key)

    drawn = list(parts.drawn)
    parts.use.click(use, [*inputs, parts.while_training], drawn, **EVENT_OPTIONS)
    by_folder = [parts.folder, parts.found, parts.key, parts.while_training]
    gr.on([parts.use_folder.click, parts.folder.submit], use_folder, by_folder, drawn, **EVENT_OPTIONS)
    parts.get.click(get, inputs, drawn, **EVENT_OPTIONS)
    parts.stop.click(stop, inputs, drawn, **EVENT_OPTIONS)
    parts.forget.click(lambda: gr.Row(visible=True), None, parts.asking, **EVENT_OPTIONS)
    parts.keep.click(lambda: gr.Row(visible=False), None, parts.asking, **EVENT_OPTIONS)
    parts.sure.click(forget, inputs, drawn, **EVENT_OPTIONS)


async def _drawn(services: Services, request: gr.Request, chosen: Any, found: Any, key: str) -> list[Any]:
    return await slow.run(_draw, services, request, chosen, found, key)


def _draw(services: Services, request: gr.Request, chosen: Any, found: list[ModelChoice] | None, key: str) -> list[Any]:
    """Updates for `ModelPanel.drawn`: the list, what is known of the chosen one, and what can be done with it."""
    gettext, operator = gettext_for(request), services.owners.is_operator(request.headers, key)
    known = list(services.models.choices(operator)) if found is None else _renewed(services, operator, found)
    current = next((one for one in known if one.current), None)
    one = next((one for one in known if one.id == chosen), current or next(iter(known), None))
    change = services.models.change()
    coming = change is not None and not change.ended
    download = services.models.download(one.id) if one else None
    fetching = download is not None and download.phase in ("downloading", "checking")
    here = bool(one and one.present)
    value = one.id if one else None
    choices = [(model_facts.line(each, gettext), each.id) for each in known]
    training = bool(services.finetuning.active_owners() & {services.owners.owner(request.headers)})
    return [
        gr.Radio(choices=choices) if value == chosen else gr.Radio(choices=choices, value=value),
        model_facts.page(one, gettext) if one else _nothing(services, gettext, found),
        gr.Checkbox(visible=training and one is not None and not one.current),
        model_facts.progress(change, download, gettext),
        gr.Row(visible=False) if chosen is None else gr.skip(),
        gr.Button(
            gettext(N_("Use it") if here else N_("Get and use it")),
            visible=one is not None,
            interactive=one is not None and one.fits and not one.current and not coming,
        ),
        gr.Button(visible=operator and not here and one is not None and one.fits, interactive=not fetching),
        gr.Button(visible=_may_stop(operator, change, fetching)),
        gr.Button(visible=operator and here and one is not None and services.models.can_forget(one)),
        gr.Row(visible=operator and services.models.may_choose(operator)),
        gr.Row(visible=operator and services.models.may_choose(operator)),
        gr.Row(visible=not operator and services.models.asks_for_key()),
        gr.Timer(active=coming or fetching),
    ]


def _may_stop(operator: bool, change: ModelChange | None, fetching: bool) -> bool:
    """Whether there is something that may be stopped; whether it is somebody's own, the server sees to."""
    comes = change is not None and not change.ended and change.total_bytes > 0
    return comes or (operator and fetching)


def _renewed(services: Services, operator: bool, found: list[ModelChoice]) -> list[ModelChoice]:
    """What was found on the hub, with what has become of it since."""
    now = services.models.info.id
    return [
        one.model_copy(update={"current": one.id == now, "present": services.models.is_here(one.id)}) for one in found
    ]


NOTHING = N_("The hub knows no model of that name that could be used here.")
NOT_HERE = N_("The model of this page cannot be changed here.")


def _nothing(services: Services, gettext: Gettext, found: list[ModelChoice] | None) -> Markup:
    return snippets.caption(gettext(NOT_HERE if found is None else NOTHING))
