"""Fine-tune, step 3, before it begins: the adapter's name, how hard to study, and what to ask it afterwards."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.adapters.info import MAX_NAME_CHARS
from playground.errors import AdapterError, InputError, PlaygroundError
from playground.i18n.catalog import Gettext
from playground.service.finetuning import MAX_PROBE_CHARS
from playground.service.reading.dataset import DatasetFile
from playground.service.services import Services
from playground.threads import quick
from playground.training.preflight.result import PreflightResult
from playground.ui.components.basics import caption, head, primary, second
from playground.ui.components.defaults import Defaults
from playground.ui.errors import errors_under, show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.finetune import preflight, settings_form
from playground.ui.finetune.presets import INTENSITIES, choices, pace_of, seconds_of
from playground.ui.finetune.progress import WatchParts
from playground.ui.finetune.review import CheckParts
from playground.ui.finetune.settings_form import Advanced
from playground.ui.finetune.state import CHECK, TEACH, Draft, FinetunePage, open_step
from playground.ui.i18n import gettext_for, t

ELSEWHERE = "Tell a story about a brave little dog."
SMALL_TALK = "How are you today?"
"""Every model has an answer to it, and a new manner shows in it at once."""


@dataclass(frozen=True)
class TeachParts:
    before: gr.Column
    name: gr.Textbox
    intensity: gr.Radio
    tried: gr.HTML
    fit: gr.Button
    advanced: Advanced
    probes: tuple[gr.Textbox, ...]
    defaults: Defaults
    back: gr.Button
    start: gr.Button


def build(services: Services) -> TeachParts:
    """Draw what stands there before the run begins."""
    with gr.Column(elem_classes="stage") as before:
        with gr.Row(elem_classes=["work", "full", "ft"]):
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                name = gr.Textbox(
                    label=t("Name of the adapter"), max_length=MAX_NAME_CHARS, interactive=True, elem_id="teach-name"
                )
                intensity = gr.Radio(
                    [(t(name), value) for value, (name, _) in INTENSITIES.items()],
                    value="normal",
                    label=t("How hard shall it study?"),
                    interactive=True,
                    elem_classes="stack",
                )
                with gr.Column(elem_classes="trying"):
                    tried = gr.HTML("", padding=False)
                    fit = second("Make it fit", visible=False)
                advanced = settings_form.build(services)
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                head(
                    "Questions to watch",
                    "While it learns, these are asked again and again, so that you can see the answers change.",
                )
                probes = (
                    _probe(t("From your examples"), "teach-own"),
                    _probe(t("Something else, to see what it forgets"), "teach-elsewhere", ELSEWHERE),
                    _probe(t("Your own (optional)"), "teach-yours", SMALL_TALK),
                )
        with gr.Row(elem_classes="foot"):
            back = second("Back")
            caption("Others can keep using the model meanwhile, and so can you.")
            start = primary("Start teaching")
    defaults = Defaults([name, probes[0], *advanced.components])
    return TeachParts(before, name, intensity, tried, fit, advanced, probes, defaults, back, start)


def wire(frame: FinetunePage, parts: TeachParts, check: CheckParts, watch: WatchParts) -> None:
    """Bind entering the step, trying the values out, and starting the run."""
    services, defaults = frame.services, parts.defaults

    @show_errors
    async def enter(draft: Draft, intensity: str, request: gr.Request) -> list[Any]:
        if not draft.usable:
            raise InputError("Bring a file of examples first.")
        gettext = gettext_for(request)
        pace = await quick.run(services.finetuning.last_pace, services.owners.owner(request.headers))
        return [
            open_step(TEACH),
            gr.Column(visible=True),
            gr.Column(visible=False),
            gr.Radio(choices=choices(services, draft, gettext, pace)),
            *defaults.offer(
                {
                    parts.name: default_name(draft.file_name),
                    parts.probes[0]: draft.probe[:MAX_PROBE_CHARS],
                    **suited(draft, intensity),
                }
            ),
            preflight.trying(gettext),
            gr.Button(visible=False),
        ]

    @show_errors
    async def chosen(draft: Draft, intensity: str) -> list[Any]:
        return defaults.offer(suited(draft, intensity))

    def suited(draft: Draft, intensity: str) -> dict[Any, Any]:
        values = parts.advanced.showing(services.finetuning.plan(draft.rows, intensity))
        return dict(zip(advanced, values, strict=True))

    stage = [frame.steps, parts.before, watch.running]
    advanced = parts.advanced.components
    shown = [parts.tried, parts.fit]
    asked = [frame.draft, parts.intensity]
    entered = check.next.click(enter, asked, [*stage, parts.intensity, *defaults.outputs, *shown], **EVENT_OPTIONS)
    picked = parts.intensity.input(chosen, asked, defaults.outputs, trigger_mode="always_last", **EVENT_OPTIONS)
    _try_out(frame, parts, [defaults.adopt(entered), defaults.adopt(picked)])
    given = {frame.draft, parts.name, parts.intensity, *advanced, *parts.probes}
    begun = [parts.before, watch.running, frame.job, frame.told, frame.adapter, frame.clock]
    started = parts.start.click(_beginning(frame, parts), given, begun, **EVENT_OPTIONS)
    defaults.take_back(started)
    started.success(None, js=in_browser("forgetBoxes", "teach-"), **EVENT_OPTIONS)
    parts.back.click(lambda: open_step(CHECK), None, frame.steps, **EVENT_OPTIONS)


def _try_out(frame: FinetunePage, parts: TeachParts, filled: list[Any]) -> None:
    """Try the values whenever they are new, after the events that `filled` them in too; make them fit when asked."""
    asked = {frame.draft, parts.intensity, *parts.advanced.components}
    attempt = _attempting(frame, parts)
    told = [parts.tried, parts.fit, parts.intensity]
    for event in filled:
        event.success(attempt, asked, told, **EVENT_OPTIONS)
    typed = [field.input for field in parts.advanced.fields.values()]
    gr.on(typed, attempt, asked, told, trigger_mode="multiple", **EVENT_OPTIONS)
    parts.fit.click(_fitting(frame, parts), asked, [*told, *parts.advanced.components], **EVENT_OPTIONS)


def _attempting(frame: FinetunePage, parts: TeachParts) -> Callable[..., Any]:
    """Try the values out, or only estimate the time while a run has the worker."""
    services = frame.services

    @show_errors
    async def attempt(values: dict[Any, Any], request: gr.Request) -> AsyncIterator[list[Any]]:
        gettext, owner, draft = gettext_for(request), services.owners.owner(request.headers), values[frame.draft]
        if await quick.run(services.finetuning.busy):
            pace = await quick.run(services.finetuning.last_pace, owner)
            yield [
                preflight.estimated(gettext, seconds_of(services, draft, values[parts.intensity], pace)),
                _hidden(),
                _same(),
            ]
            return
        yield [preflight.trying(gettext), _hidden(), _same()]
        given = parts.advanced.given(values)
        try:
            questions = services.finetuning.preflight(owner, _file(draft), values[parts.intensity], given)
            async with aclosing(questions) as answers:
                async for tried in answers:
                    yield [_same()] * 3 if tried is None else _told(services, draft, gettext, tried)
        except PlaygroundError as error:
            yield [preflight.refused(gettext, error), _hidden(), _same()]

    return attempt


def _fitting(frame: FinetunePage, parts: TeachParts) -> Callable[..., Any]:
    """Look for smaller values that fit, and fill them in."""
    services = frame.services

    @show_errors
    async def fit(values: dict[Any, Any], request: gr.Request) -> AsyncIterator[list[Any]]:
        gettext, owner, draft = gettext_for(request), services.owners.owner(request.headers), values[frame.draft]
        given, intensity = parts.advanced.given(values), values[parts.intensity]
        before = services.finetuning.plan(draft.rows, intensity, given)
        unchanged = [_same()] * (1 + len(parts.advanced.fields))
        yield [preflight.trying(gettext), _hidden(), *unchanged]
        try:
            questions = services.finetuning.preflight(owner, _file(draft), intensity, given, smaller=True)
            async with aclosing(questions) as answers:
                async for tried in answers:
                    if tried is None:
                        yield [_same(), _same(), *unchanged]
                    else:
                        after = parts.advanced.showing(tried.values)
                        timed = _timed(services, draft, gettext, tried)
                        yield [preflight.fitted(gettext, before, tried), _hidden(), timed, *after]
        except PlaygroundError as error:
            yield [preflight.refused(gettext, error), _hidden(), *unchanged]

    return fit


def _file(draft: Draft) -> DatasetFile:
    if not draft.usable:
        raise InputError("Bring a file of examples first.")
    return draft.file


def _same() -> Any:
    return gr.skip()


def _hidden() -> gr.Button:
    return gr.Button(visible=False)


def _told(services: Services, draft: Draft, gettext: Gettext, tried: PreflightResult) -> list[Any]:
    """A trial's line, the button where it does not fit, and the intensities with the times that it showed."""
    return [
        preflight.found(gettext, tried, services.finetuning.max_run_s),
        gr.Button(visible=not tried.fits),
        _timed(services, draft, gettext, tried),
    ]


def _timed(services: Services, draft: Draft, gettext: Gettext, tried: PreflightResult) -> Any:
    """The intensities with the times that a trial showed, where it came so far."""
    return gr.Radio(choices=choices(services, draft, gettext, pace_of(tried))) if tried.seconds else _same()


def _beginning(frame: FinetunePage, parts: TeachParts) -> Callable[..., Any]:
    """Start the run, and watch it."""
    services = frame.services

    fields = {"name": "teach-name"} | {name: settings_form.field_id(name) for name in parts.advanced.fields}

    @errors_under(fields=fields, kinds=(InputError, AdapterError))
    async def begin(values: dict[Any, Any], request: gr.Request) -> list[Any]:
        owner, draft = services.owners.known_owner(request.headers), values[frame.draft]
        job_id = await services.finetuning.start(
            owner,
            _file(draft),
            values[parts.name],
            values[parts.intensity],
            [values[probe] or "" for probe in parts.probes],
            parts.advanced.given(values),
        )
        return [gr.Column(visible=False), gr.Column(visible=True), job_id, None, "", gr.Timer(active=True)]

    return begin


def default_name(file_name: str) -> str:
    """A name to start from: `pirate_talk.csv` becomes "Pirate talk"."""
    words = " ".join(Path(file_name).stem.replace("_", " ").replace("-", " ").split())
    words = "".join(letter for letter in words if letter.isprintable())[:MAX_NAME_CHARS].strip()
    return words[:1].upper() + words[1:]


def _probe(label: Any, elem_id: str, value: str = "") -> gr.Textbox:
    return gr.Textbox(
        value,
        label=label,
        placeholder=t("What will you ask it?"),
        elem_id=elem_id,
        lines=3,
        max_lines=3,
        max_length=MAX_PROBE_CHARS,
        interactive=True,
    )
