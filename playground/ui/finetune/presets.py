"""The three intensities, and the time that each takes at a pace that was measured."""

from collections.abc import Mapping

from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.service.services import Services
from playground.training.preflight.result import PreflightResult
from playground.ui.finetune.state import Draft
from playground.ui.reports.run import duration

INTENSITIES: Mapping[str, tuple[str, str]] = {
    "light": (N_("Light touch"), N_("a hint of it")),
    "normal": (N_("Normal"), N_("follows the examples")),
    "thorough": (N_("Thorough"), N_("sticks to them, may forget other things")),
}

Pace = tuple[float, float]
"""Seconds to get going, and seconds for each example."""


def pace_of(tried: PreflightResult) -> Pace:
    """Told apart by the examples that were read, so that other intensities can be estimated from one trial."""
    values = tried.values
    seen = tried.num_steps * values.per_device_train_batch_size * values.gradient_accumulation_steps
    return tried.start_s, (tried.seconds - tried.start_s) / max(1, seen)


def choices(services: Services, draft: Draft, gettext: Gettext, pace: Pace | None) -> list[tuple[str, str]]:
    """The intensities with how often they read the file, and with the time that they take where that is known."""
    shown = []
    for value, (name, effect) in INTENSITIES.items():
        seconds = seconds_of(services, draft, value, pace)
        times = round(services.finetuning.plan(draft.rows, value).epochs)
        read = (
            gettext("once through your file") if times == 1 else gettext("{times} times through your file", times=times)
        )
        fields = {"name": gettext(name), "effect": gettext(effect), "read": read}
        if seconds is None:
            shown.append((gettext("{name}, {read}: {effect}", **fields), value))
        else:
            time = duration(gettext, seconds)
            shown.append((gettext("{name}, {read}, about {time}: {effect}", time=time, **fields), value))
    return shown


def seconds_of(services: Services, draft: Draft, intensity: str, pace: Pace | None) -> float | None:
    """What an intensity takes at this pace."""
    if pace is None:
        return None
    values = services.finetuning.plan(draft.rows, intensity)
    seen = values.total_steps(draft.rows) * values.per_device_train_batch_size * values.gradient_accumulation_steps
    return pace[0] + pace[1] * seen
