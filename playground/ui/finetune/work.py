"""Whoever comes back to Fine-tune, after a reload too, finds what was begun: the run, or the file and its step."""

import time
from typing import Any

import gradio as gr

from playground.errors import DataError, InputError
from playground.service.services import Services
from playground.service.visitors.work import Work
from playground.threads import quick
from playground.training.jobs.state import JobState
from playground.ui.components import snippets
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.finetune import review
from playground.ui.finetune.configure import TeachParts
from playground.ui.finetune.progress import WatchParts
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.state import CHECK, TEACH, Draft, FinetunePage, drafted, open_step
from playground.ui.finetune.upload import BringParts
from playground.ui.i18n import gettext_for

NEXT = "check-next"


def wire(
    frame: FinetunePage, tab: gr.Tab, bring: BringParts, check: CheckParts, teach: TeachParts, watch: WatchParts
) -> None:
    """Keep what is begun as it changes, and find it again when the tab opens."""
    services = frame.services
    check.next.elem_id = NEXT
    again = gr.JSON({}, visible=False)

    @show_errors
    async def find(job_id: str, draft: Draft, request: gr.Request) -> list[Any]:
        nothing = [gr.skip()] * (9 + len(check.drawn))
        if job_id or draft.path:
            return nothing
        owner = services.owners.owner(request.headers)
        kept = await quick.run(services.work.read, owner)
        state = await quick.run(_run, services, owner, kept)
        if state is not None:
            # The clock's next tick draws the run; at its end it moves on to the result by itself.
            seen = gr.Column(visible=False), gr.Column(visible=True)
            return [state["job_id"], gr.Timer(active=True), open_step(TEACH), *seen, *nothing[5:]]
        file = await quick.run(services.drafts.find, owner)
        if file is None:
            return nothing
        try:
            begun, drawn = await review.read(services, drafted(file), request)
        except DataError:  # it was read once; what it takes may have changed with the app
            return nothing
        told = snippets.caption(
            gettext_for(request)("{name}: {count} examples can be used.", name=begun.file_name, count=begun.usable)
        )
        ready = [gr.Button(interactive=True), begun, {"wanted": kept.step == TEACH and begun.usable > 0}, *drawn]
        return [gr.skip(), gr.skip(), open_step(CHECK), gr.skip(), gr.skip(), told, *ready]

    @show_errors
    async def keep(draft: Draft, job_id: str, request: gr.Request) -> None:
        await _keep(services, request, draft, job_id, CHECK)

    @show_errors
    async def keep_teach(draft: Draft, request: gr.Request) -> None:
        await _keep(services, request, draft, "", TEACH if draft.usable else CHECK)

    stage = [frame.job, frame.clock, frame.steps, teach.before, watch.running]
    found = [*stage, bring.line, bring.next, frame.draft, again, *check.drawn]
    finding = tab.select(find, [frame.job, frame.draft], found, **EVENT_OPTIONS)
    finding.success(None, again, None, js=in_browser("pressIf", NEXT), **EVENT_OPTIONS)
    gr.on([frame.draft.change, frame.job.change], keep, [frame.draft, frame.job], None, **EVENT_OPTIONS)
    check.next.click(keep_teach, frame.draft, None, **EVENT_OPTIONS)
    teach.back.click(keep, [frame.draft, frame.job], None, **EVENT_OPTIONS)


def _run(services: Services, owner: str, kept: Work) -> JobState | None:
    """The run that goes on or whose end was not seen yet, else the one that was looked at last."""
    state = services.finetuning.latest(owner, time.time())
    if state is not None or not kept.job_id:
        return state
    try:
        return services.finetuning.state(owner, kept.job_id)
    except InputError:  # it was removed
        return None


async def _keep(services: Services, request: gr.Request, draft: Draft, job_id: str, step: int) -> None:
    owner = services.owners.known_owner(request.headers)
    if not draft.path and not job_id:
        await quick.run(services.drafts.forget, owner)
    await quick.run(services.work.keep, owner, Work(job_id=job_id, step=step if draft.path else 0))
