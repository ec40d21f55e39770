"""The learning curve of one run, or of two over each other, as a picture that stands by itself."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.ui.templates import render

WIDTH, HEIGHT = 960.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 14.0, 12.0, 30.0
Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Run:
    """A run's losses as (step, loss), and the steps that were kept."""

    name: str
    losses: Points
    held_out: Points
    kept: Sequence[int] = ()
    total: int = 0
    """Steps that it will have, while it goes on."""

    @property
    def known(self) -> bool:
        return bool(self.losses or self.held_out)


def smoothed(points: Points) -> list[tuple[int, float]]:
    """An exponential moving average over about a tenth of the points, without the pull of its start."""
    keep = 1 - 1 / max(2.0, len(points) / 10)
    found, total, weight = [], 0.0, 0.0
    for step, loss in points:
        if not math.isfinite(loss):
            continue
        total, weight = keep * total + (1 - keep) * loss, keep * weight + (1 - keep)
        found.append((step, total / weight))
    return found


def ticks(low: float, high: float, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers between the two, at most about so many; `whole` for those that have no fractions."""
    rough = max((high - low) / most, 1e-9)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough * 0.999)
    step = max(1.0, step) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * number, 9) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten; over less than these, round numbers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [round(times * 10.0**power, 9) for power in powers for times in (1, 2, 5)]
    found = [value for value in found if low <= value <= high]
    return found if len(found) > 2 else ticks(low, high)


def chart(gettext: Gettext, runs: Sequence[Run], log: bool = False) -> Markup:
    """The curve with values to hover over; empty before the first figure. `log` scales the losses logarithmically."""
    runs = [run for run in runs if run.known]
    if not runs:
        return Markup("")
    values = [loss for run in runs for _, loss in (*run.losses, *run.held_out) if math.isfinite(loss)]
    last = max(1, *(step for run in runs for step, _ in (*run.losses, *run.held_out)), *(run.total for run in runs))
    log = log and min(values) > 0
    low, high, x_at, y_at = _scales(values, last, log)
    lines = [_lines(run, number, x_at, y_at) for number, run in enumerate(runs)]
    return render(
        "curve",
        gettext,
        size=(WIDTH, HEIGHT),
        frame=(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM),
        xs=[(x_at(step), f"{step:g}") for step in ticks(0, last, 12, whole=True)],
        ys=[(y_at(value), f"{value:g}") for value in (log_ticks(low, high) if log else ticks(low, high, 5))],
        runs=lines,
        stops=_stops(runs, x_at),
        told=_told(gettext, runs),
        name=" + ".join(run.name for run in runs),
        numbers=numbers(runs),
    )


def _scales(
    values: Sequence[float], last: int, log: bool
) -> tuple[float, float, Callable[[float], float], Callable[[float], float]]:
    """(lowest, highest, x of a step, y of a loss), with some air above and below."""
    low, high = min(values), max(values)
    air = max((high - low) * 0.06, abs(high) * 0.01, 1e-6)
    low, high = (low / 1.05, high * 1.05) if log else (max(0.0, low - air), high + air)
    scale: Callable[[float], float] = math.log if log else float
    bottom, height = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP

    def x_at(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * step / last, 1)

    def y_at(loss: float) -> float:
        share = (scale(min(max(loss, low), high)) - scale(low)) / (scale(high) - scale(low))
        return round(bottom - height * share, 1)

    return low, high, x_at, y_at


def _lines(run: Run, number: int, x_at: Callable[[float], float], y_at: Callable[[float], float]) -> dict[str, object]:
    def path(points: Points) -> str:
        return " ".join(f"{x_at(step)},{y_at(loss)}" for step, loss in points if math.isfinite(loss))

    held_out = [(x_at(step), y_at(loss)) for step, loss in run.held_out if math.isfinite(loss)]
    return {
        "name": run.name,
        "dashed": number > 0,
        "raw": path(run.losses),
        "smooth": path(smoothed(run.losses)),
        "held_out": path(run.held_out),
        "dots": held_out,
        "kept": [x_at(step) for step in run.kept],
    }


def _stops(runs: Sequence[Run], x_at: Callable[[float], float]) -> list[dict[str, object]]:
    """Where one can hover: each step that something is known of, with that."""
    known = sorted({step for run in runs for step, _ in (*run.losses, *run.held_out)})
    edges = [LEFT, *((x_at(a) + x_at(b)) / 2 for a, b in pairwise(known)), WIDTH - RIGHT]
    found = []
    for step, begin, end in zip(known, edges, edges[1:], strict=False):
        said = []
        for run in runs:
            loss, held_out = dict(run.losses).get(step), dict(run.held_out).get(step)
            said.append((run.name, _figure(loss), _figure(held_out), step in run.kept))
        x = x_at(step)
        found.append({"step": step, "x": x, "from": begin, "width": end - begin, "said": said, "left": x > WIDTH / 2})
    return found


def _figure(loss: float | None) -> str:
    return "" if loss is None else f"{loss:.3f}"


def _told(gettext: Gettext, runs: Sequence[Run]) -> str:
    """For whoever does not see it: where each run began and where it stands."""
    said = []
    for run in runs:
        points = run.held_out or run.losses
        fields = {
            "name": run.name,
            "first": f"{points[0][1]:.2f}",
            "last": f"{points[-1][1]:.2f}",
            "step": points[-1][0],
        }
        said.append(gettext("{name}: off by {first} at first, by {last} at step {step}.", **fields))
    return " ".join(said)


def numbers(runs: Sequence[Run]) -> str:
    """All figures as a CSV file."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["run", "step", "loss", "smoothed_loss", "held_out_loss", "checkpoint"])
    for run in runs:
        loss, smooth, held_out = dict(run.losses), dict(smoothed(run.losses)), dict(run.held_out)
        for step in sorted({*loss, *held_out}):
            row = (loss.get(step, ""), smooth.get(step, ""), held_out.get(step, ""), int(step in run.kept))
            writer.writerow([run.name, step, *row])
    return written.getvalue()
