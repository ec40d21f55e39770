"""Fine-tune, step 3, before it begins: the adapter's name, how hard to study, and what to ask it afterwards."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.adapters.card import LONGEST_NAME
from playground.errors import InputError
from playground.ui.finetune_check import CheckParts
from playground.ui.finetune_state import CHECK, TEACH, Draft, Frame, go, speaker
from playground.ui.finetune_watch import WatchParts
from playground.ui.parts import head, note, primary, quiet, second
from playground.ui.running import EVENT
from playground.ui.services import Services
from playground.ui.teach_html import Say, duration
from playground.ui.teaching import LONGEST_PROBE, plan, start_training
from playground.ui.texts import t
from playground.ui.toasts import friendly

INTENSITIES: Mapping[str, tuple[str, str]] = {
    "light": ("Light touch", "a hint of it"),
    "normal": ("Normal", "follows the examples"),
    "thorough": ("Thorough", "sticks to them, may forget other things"),
}
ADVANCED = ("r", "lora_alpha", "learning_rate", "epochs", "max_steps", "max_length", "per_device_train_batch_size")
ELSEWHERE = "Tell a story about a brave little dog."


@dataclass(frozen=True)
class TeachParts:
    before: gr.Column
    name: gr.Textbox
    intensity: gr.Radio
    advanced: tuple[gr.Number, ...]
    probes: tuple[gr.Textbox, ...]
    back: gr.Button
    start: gr.Button


def build() -> TeachParts:
    """Draw what stands there before the run begins."""
    with gr.Column(elem_classes="stage") as before:
        with gr.Row(elem_classes=["work", "full", "ft"]):
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                name = gr.Textbox(label=t("Name of the adapter"), max_length=LONGEST_NAME, interactive=True)
                intensity = gr.Radio(
                    [(t(name), value) for value, (name, _) in INTENSITIES.items()],
                    value="normal",
                    label=t("How hard shall it study?"),
                    interactive=True,
                    elem_classes="stack",
                )
                note("It learns in a process of its own, while the model goes on answering.")
                with gr.Accordion(t("Advanced settings"), open=False):
                    quiet("These suit this model, this file and the choice above.")
                    with gr.Row(elem_classes="numbers"):
                        advanced = tuple(gr.Number(0, label=field, interactive=True) for field in ADVANCED)
            with gr.Column(elem_classes=["card", "scroll"], scale=1):
                head(
                    "Questions to watch",
                    "Afterwards these are answered twice, without and with what it learnt, so that you can compare.",
                )
                probes = (
                    _probe("From your examples"),
                    _probe("Something else, to see what it forgets", ELSEWHERE),
                    _probe("Your own (optional)"),
                )
        with gr.Row(elem_classes="foot"):
            back = second("Back")
            quiet("Others can keep using the model meanwhile, and so can you.")
            start = primary("Start teaching")
    return TeachParts(before, name, intensity, advanced, probes, back, start)


def wire(frame: Frame, parts: TeachParts, check: CheckParts, watch: WatchParts) -> None:
    """Bind entering the step, and starting the run."""
    services = frame.services

    @friendly
    async def enter(draft: Draft, intensity: str, request: gr.Request) -> list[Any]:
        if not draft.usable:
            raise InputError("Bring a file of examples first.")
        say = speaker(request)
        choices = await asyncio.to_thread(_choices, services, services.owner(request), draft, say)
        return [
            go(TEACH),
            gr.Column(visible=True),
            gr.Column(visible=False),
            default_name(draft.file_name),
            gr.Radio(choices=choices),
            draft.probe[:LONGEST_PROBE],
            *_numbers(services, draft, intensity),
        ]

    @friendly
    async def chosen(draft: Draft, intensity: str) -> list[Any]:
        return _numbers(services, draft, intensity)

    stage = [frame.steps, parts.before, watch.running]
    filled = [*stage, parts.name, parts.intensity, parts.probes[0], *parts.advanced]
    check.next.click(enter, [frame.draft, parts.intensity], filled, **EVENT)
    parts.intensity.input(chosen, [frame.draft, parts.intensity], list(parts.advanced), **EVENT)
    given = {frame.draft, parts.name, parts.intensity, *parts.advanced, *parts.probes}
    begun = [parts.before, watch.running, frame.job, frame.told, frame.adapter, frame.clock]
    parts.start.click(_beginning(frame, parts), given, begun, **EVENT)
    parts.back.click(lambda: go(CHECK), None, frame.steps, **EVENT)


def _beginning(frame: Frame, parts: TeachParts) -> Callable[..., Any]:
    """Start the run, and watch it."""
    services = frame.services

    @friendly
    async def begin(values: dict[Any, Any], request: gr.Request) -> list[Any]:
        owner, draft = services.known_owner(request), values[frame.draft]
        if not draft.usable:
            raise InputError("Bring a file of examples first.")
        job_id = await asyncio.to_thread(
            start_training,
            services,
            owner,
            Path(draft.path),
            draft.file_name,
            values[parts.name],
            draft.format,
            draft.columns,
            draft.repairs or (),
            values[parts.intensity],
            [values[probe] or "" for probe in parts.probes],
            **{name: values[number] for name, number in zip(ADVANCED, parts.advanced, strict=True)},
        )
        return [gr.Column(visible=False), gr.Column(visible=True), job_id, None, "", gr.Timer(active=True)]

    return begin


def default_name(file_name: str) -> str:
    """A name to start from: `pirate_talk.csv` becomes "Pirate talk"."""
    words = " ".join(Path(file_name).stem.replace("_", " ").replace("-", " ").split())
    words = "".join(letter for letter in words if letter.isprintable())[:LONGEST_NAME].strip()
    return words[:1].upper() + words[1:]


def _probe(label: str, value: str = "") -> gr.Textbox:
    return gr.Textbox(
        value,
        label=t(label),
        placeholder=t("What will you ask it?"),
        lines=3,
        max_lines=3,
        max_length=LONGEST_PROBE,
        interactive=True,
    )


def _numbers(services: Services, draft: Draft, intensity: str) -> list[float]:
    """The values of `ADVANCED` that this intensity means for this file."""
    values = plan(services, draft.learned, intensity)
    return [getattr(values, name) for name in ADVANCED]


def _choices(services: Services, owner: str, draft: Draft, say: Say) -> list[tuple[str, str]]:
    """The intensities with their steps, and with the time that they take where an earlier run has shown it."""
    pace = _pace(services, owner)
    choices = []
    for value, (name, effect) in INTENSITIES.items():
        steps = plan(services, draft.learned, value).total_steps(draft.learned)
        fields = {"name": say(name), "effect": say(effect), "steps": steps}
        if pace:
            time = duration(say, pace[0] + pace[1] * steps)
            choices.append((say("{name}, about {time}: {effect}", time=time, **fields), value))
        else:
            choices.append((say("{name}, {steps} steps: {effect}", **fields), value))
    return choices


def _pace(services: Services, owner: str) -> tuple[float, float] | None:
    """Seconds to get going and seconds a step, from the owner's newest finished run; None without one."""
    for state in services.jobs.list(owner) if owner else []:
        facts = services.jobs.job(owner, state["job_id"]).facts() if state["state"] == "done" else {}
        if facts.get("steps") and facts.get("seconds"):
            return max(0.0, state["seconds"] - facts["seconds"]), facts["seconds"] / facts["steps"]
    return None
