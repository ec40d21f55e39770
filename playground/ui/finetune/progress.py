"""Fine-tune, step 3, while it learns: percent, curve and time left, once a second; and how a run ends."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.messages import BASE
from playground.sentence import N_, Sentence
from playground.service.probes import ProbeAnswers
from playground.service.runs import DatasetSource
from playground.service.services import Services
from playground.threads import quick
from playground.training.jobs.events import FINISHED
from playground.training.jobs.state import JobState
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import picked
from playground.ui.components.basics import caption, note, primary, second, static_html
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.finetune import curve_view
from playground.ui.finetune.curve_view import CurveView
from playground.ui.finetune.state import BRING, RESULT, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t
from playground.ui.reports import run
from playground.ui.reports.curve import Run
from playground.ui.templates import render

STOP, STOPPING = N_("Stop and keep what it learnt"), N_("Stopping…")
SEEN, ASIDE = N_("examples it learns from"), N_("examples set aside")
MEASURED = N_("Lower is better. If the green line climbs again, it only memorizes: then it stops by itself.")
UNMEASURED = N_("Lower is better. No examples are set aside, so nothing tells when it only memorizes.")


@dataclass(frozen=True)
class WatchParts:
    """`drawn` are the components that a tick updates, in the order of `_draw`."""

    running: gr.Column
    stop: gr.Button
    resume: gr.Button
    again: gr.Button
    next: gr.Button
    curve: CurveView
    drawn: tuple[gr.blocks.Block, ...]


def build() -> WatchParts:
    """Draw what stands there while a run goes on."""
    with gr.Column(visible=False, elem_classes="stage") as running:
        with gr.Row(elem_classes=["work", "full", "ft"]):
            with gr.Column(elem_classes=["card", "rail"]):
                title = gr.HTML("", padding=False)
                progress = gr.HTML("", padding=False)
                stop = gr.Button(t(STOP), variant="stop", size="md")
                resume = second("Resume", visible=False)
                again = second("Begin again", visible=False)
                static_html("", "grow")
                note("You may close this page: it goes on, and you find it here again. The other tabs keep answering.")
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                with gr.Row(elem_classes="head"):
                    about = gr.HTML("", padding=False)
                    static_html("", "say")
                    legend = gr.HTML("", padding=False)
                curve = curve_view.build("run-curve")
                figures = gr.HTML("", padding=False)
                strip = gr.HTML("", padding=False)
        with gr.Row(elem_classes="foot"):
            caption("The next step opens when it is done.")
            following = primary("Next: see what changed", interactive=False)
    drawn = (title, progress, stop, resume, again, about, legend, *curve.drawn, figures, strip, following)
    return WatchParts(running, stop, resume, again, following, curve, drawn)


def wire(frame: FinetunePage, parts: WatchParts) -> None:
    """Bind the clock and the buttons."""
    finetuning = frame.services.finetuning

    @show_errors
    async def stop(job_id: str, request: gr.Request) -> gr.Button:
        await quick.run(finetuning.stop, frame.services.owners.known_owner(request.headers), job_id)
        return gr.Button(gettext_for(request)(STOPPING), interactive=False)

    @show_errors
    async def resume(job_id: str, request: gr.Request) -> list[Any]:
        await quick.run(finetuning.resume, frame.services.owners.known_owner(request.headers), job_id)
        return [gr.Timer(active=True), None, gr.Button(visible=False), gr.Button(visible=False)]

    @show_errors
    async def again(job_id: str, request: gr.Request) -> list[Any]:
        finetuning.mark_seen(frame.services.owners.owner(request.headers), job_id)
        return [open_step(BRING), ""]

    watched = [frame.told, frame.clock, frame.steps, frame.adapter, frame.picker, *parts.drawn]
    given = [frame.job, frame.told, frame.picker, parts.curve.scale]
    frame.clock.tick(_ticking(frame, parts), given, watched, **EVENT_OPTIONS)
    parts.curve.wire(_redrawing(frame), [frame.job])
    parts.stop.click(stop, frame.job, parts.stop, **EVENT_OPTIONS)
    parts.resume.click(resume, frame.job, [frame.clock, frame.told, parts.resume, parts.again], **EVENT_OPTIONS)
    parts.again.click(again, frame.job, [frame.steps, frame.job], **EVENT_OPTIONS)
    parts.next.click(lambda: open_step(RESULT), None, frame.steps, **EVENT_OPTIONS)


def _ticking(frame: FinetunePage, parts: WatchParts) -> Callable[..., Any]:
    """Draw what is new of the run, and go on to its result once it has one."""
    finetuning = frame.services.finetuning

    @show_errors
    async def tick(job_id: str, told: Any, choice: str, scale: str, request: gr.Request) -> list[Any]:
        owner = frame.services.owners.owner(request.headers)
        if not job_id:
            return [gr.skip()] * (5 + len(parts.drawn))
        state = await quick.run(finetuning.state, owner, job_id)
        answered = await quick.run(finetuning.probe_answers, owner, job_id)
        news = (*_news(state), len(answered))
        if news == told:
            return [gr.skip()] * (5 + len(parts.drawn))
        gettext = gettext_for(request)
        ended = state["state"] in FINISHED
        has_result = ended and state["adapter"] is not None
        strip = strip_of(finetuning.probes(owner, job_id), answered, gettext)
        grew = told is None or told[3:5] != news[3:5]
        drawn = curve_view.draw(gettext, [run_of(frame.services, owner, state)], scale) if grew else [gr.skip()] * 2
        if has_result:
            finetuning.mark_seen(owner, job_id)
        return [
            news,
            gr.Timer(active=not ended),
            open_step(RESULT) if has_result else gr.skip(),
            state["adapter"] if has_result else gr.skip(),
            picked(frame.services, owner, str(state["adapter"]) if choice == BASE else None)
            if has_result
            else gr.skip(),
            *_draw(state, finetuning.source(owner, job_id), gettext, told, strip, drawn),
        ]

    return tick


def _redrawing(frame: FinetunePage) -> Callable[..., Any]:
    @show_errors
    async def redraw(job_id: str, scale: str, request: gr.Request) -> Any:
        owner = frame.services.owners.owner(request.headers)
        if not job_id:
            return gr.skip()
        state = await quick.run(frame.services.finetuning.state, owner, job_id)
        return curve_view.draw(gettext_for(request), [run_of(frame.services, owner, state)], scale)[1]

    return redraw


def run_of(services: Services, owner: str, state: JobState) -> Run:
    """A run's curve."""
    kept = [one.step for one in services.finetuning.kept_steps(owner, state["job_id"])]
    total = 0 if state["state"] in FINISHED else state["total_steps"]
    return Run(state["name"], state["losses"], state["eval_losses"], kept, total)


def strip_of(probes: Sequence[str], lines: Sequence[ProbeAnswers], gettext: Gettext) -> str:
    """Questions as rows, checkpoints as columns: the base's answers first, the newest marked."""
    return run.probes(gettext, probes, [(line.step, line.answers) for line in lines])


def _news(state: JobState) -> tuple[Any, ...]:
    shown = state["state"], state["message"], state["step"], len(state["losses"]), len(state["eval_losses"])
    return (*shown, state["stopping"])


def _draw(
    state: JobState, known: DatasetSource | None, gettext: Gettext, told: Any, strip: str, curve: list[Any]
) -> list[Any]:
    """Updates for `WatchParts.drawn`, with those for its `curve`."""
    ended = state["state"] in FINISHED
    failed = ended and state["adapter"] is None
    if failed:
        progress = snippets.warning(gettext(Sentence.from_plain(state) if state["template"] else "It stopped."))
    else:
        progress = run.progress(gettext, state, time.time())
    line = gettext("{file}, {count} examples", file=known.file_name, count=known.learned) if known else ""
    measured = bool(known.held_out if known else state["eval_losses"])
    return [
        snippets.title(state["name"], line),
        progress,
        _stop_button(ended, state["stopping"], gettext),
        gr.Button(visible=failed and state["can_resume"]),
        gr.Button(visible=failed),
        snippets.title(gettext("How far off it is"), gettext(MEASURED if measured else UNMEASURED)),
        render("legend", gettext, held_out=gettext(ASIDE), trained=gettext(SEEN), runs=()) if measured else "",
        *curve,
        _figures(state, gettext),
        strip,
        gr.Button(interactive=ended and not failed),
    ]


def _stop_button(ended: bool, stopping: bool, gettext: Gettext) -> gr.Button:
    if stopping:
        return gr.Button(gettext(STOPPING), interactive=False, visible=not ended)
    return gr.Button(gettext(STOP), interactive=True, visible=not ended)


def _figures(state: JobState, gettext: Gettext) -> Markup:
    """The newest figures under the curve, as measured."""
    drawn = []
    if state["losses"]:
        drawn.append(snippets.tile(gettext(SEEN), f"{state['losses'][-1][1]:.2f}"))
    if state["eval_losses"]:
        first, last = state["eval_losses"][0][1], state["eval_losses"][-1][1]
        before = f"{first:.2f}" if len(state["eval_losses"]) > 1 else ""
        drawn.append(snippets.tile(gettext(ASIDE), f"{last:.2f}", before))
    return snippets.tiles(*drawn)
