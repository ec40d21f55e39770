"""Below the adapters: all runs with their settings and what came of them, and the curves of two over each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.sentence import N_, Sentence
from playground.service.services import Services
from playground.threads import quick
from playground.training.jobs.events import FINISHED
from playground.training.jobs.state import JobState
from playground.ui.components.basics import head
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import curve_view
from playground.ui.finetune.progress import ASIDE, SEEN, run_of
from playground.ui.i18n import gettext_for, t
from playground.ui.local_time import local_time
from playground.ui.reports import verdict
from playground.ui.reports.run import duration
from playground.ui.tabs.adapter_details import scored
from playground.ui.templates import render

MAX_RUNS = 50
NONE = ""


def build(services: Services, tab: gr.Tab | None) -> None:
    """Draw it, and fill it in when the tab opens."""
    with gr.Column(elem_id="runs", visible=False) as box:
        head("Training runs", "Each with its settings and what came of it, newest first.")
        table = gr.HTML("", padding=False, elem_classes="sideways")
        with gr.Row(elem_classes=["foot", "runs-foot"]):
            first = _choice(N_("Curve of"), "runs-first")
            other = _choice(N_("over that of"), "runs-other")
        legend = gr.HTML("", padding=False)
        view = curve_view.build("runs-curve")

    @show_errors
    async def opened(one: str, two: str, scale: str, request: gr.Request) -> list[Any]:
        owner, gettext = services.owners.owner(request.headers), gettext_for(request)
        states = (await quick.run(services.finetuning.list, owner))[:MAX_RUNS]
        if not states:
            return [gr.Column(visible=False), "", *[gr.skip()] * 5]
        rows = await quick.run(_rows, services, owner, states, request.headers, gettext)
        one, two = _still_there(states, one, two)
        menus = _menus(states, one, two, request.headers, gettext)
        table = render("runs", gettext, rows=rows)
        return [gr.Column(visible=True), table, *menus, *drawn(owner, one, two, scale, gettext)]

    @show_errors
    async def chosen(one: str, two: str, scale: str, request: gr.Request) -> list[Any]:
        return drawn(services.owners.owner(request.headers), one, two, scale, gettext_for(request))

    @show_errors
    async def scaled(one: str, two: str, scale: str, request: gr.Request) -> Any:
        return drawn(services.owners.owner(request.headers), one, two, scale, gettext_for(request))[-1]

    def drawn(owner: str, one: str, two: str, scale: str, gettext: Gettext) -> list[Any]:
        jobs = [job for job in dict.fromkeys((one, two)) if job]
        runs = [run_of(services, owner, services.finetuning.state(owner, job)) for job in jobs]
        names = [run.name for run in runs] if len(runs) > 1 else ()
        told = render("legend", gettext, held_out=gettext(ASIDE), trained=gettext(SEEN), runs=names)
        return [told, *curve_view.draw(gettext, runs, scale)]

    given, shown = [first, other, view.scale], [legend, *view.drawn]
    if tab is not None:
        tab.select(opened, given, [box, table, first, other, *shown], **EVENT_OPTIONS)
    gr.on([first.input, other.input], chosen, given, shown, trigger_mode="always_last", **EVENT_OPTIONS)
    view.wire(scaled, [first, other])


def _still_there(states: Sequence[JobState], one: str, two: str) -> tuple[str, str]:
    """The chosen runs, else the newest one, and none over it."""
    known = {state["job_id"] for state in states}
    return one if one in known else states[0]["job_id"], two if two in known else NONE


def _menus(
    states: Sequence[JobState], one: str, two: str, headers: Mapping[str, str], gettext: Gettext
) -> list[gr.Dropdown]:
    names = [(f"{state['name']} · {local_time(headers, state['created'])}", state["job_id"]) for state in states]
    without = [(gettext("none"), NONE), *names]
    return [gr.Dropdown(choices=names, value=one), gr.Dropdown(choices=without, value=two)]


def _choice(label: str, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        [("", NONE)],
        value=NONE,
        label=t(label),
        filterable=False,
        interactive=True,
        elem_id=elem_id,
        elem_classes="pill",
    )


def _rows(
    services: Services, owner: str, states: Sequence[JobState], headers: Mapping[str, str], gettext: Gettext
) -> list[dict[str, str]]:
    cards = {card.source.get("job_id"): card for card in services.adapters.list(owner) if card.source.get("job_id")}
    rows = []
    for state in states:
        known, facts = (
            services.finetuning.source(owner, state["job_id"]),
            services.finetuning.facts(owner, state["job_id"]),
        )
        card = cards.get(state["job_id"])
        losses = [f"{loss:.2f}" for _, loss in state["eval_losses"]]
        rows.append(
            {
                "name": state["name"],
                "when": local_time(headers, state["created"]),
                "file": f"{known.file_name}, {known.learned}" if known else "",
                "settings": verdict.settings(facts),
                "steps": f"{state['step']}"
                if state["step"] == state["total_steps"]
                else f"{state['step']} / {state['total_steps']}",
                "loss": f"{losses[0]} → {losses[-1]}" if len(losses) > 1 else "",
                "score": scored(card.metrics) if card else "",
                "time": duration(gettext, state["seconds"]),
                "state": _ending(state, gettext),
            }
        )
    return rows


def _ending(state: JobState, gettext: Gettext) -> str:
    if state["state"] not in FINISHED:
        return gettext("goes on")
    if state["adapter"] is not None:
        return gettext("taught")
    return gettext(Sentence.from_plain(state)) if state["template"] else gettext("It stopped.")
