"""Training's speed, memory and forecasts on the tiny model in NF4: `python -m tests.bench.training [--only PART]`.

PART is `speed` (our worker against a bare TRL script, in turns), `preflight` (what a trial tells against what then
happens) or `processes` (two CPU processes under `accelerate launch`). Prints one Markdown table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from playground.data.examples import Example
from playground.data.inspection import inspect
from playground.data.split import split
from playground.data_dir import SPEC_FILE
from playground.process import all_cores, worker_environment
from playground.tasks.registry import dataset_formats
from playground.training.config import TrainingConfig
from playground.training.defaults import defaults_for
from playground.training.jobs.events import Event, EventLog
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.supervisor import WorkerProcess
from playground.training.preflight.client import Preflight
from playground.training.preflight.result import PreflightResult, preflight_request
from playground.training.spec import EVENTS_FILE, FACTS_FILE, StoredExamples, TrainingSpec
from tests.support.configs import changed
from tests.support.running_app import ROOT
from tests.support.tiny_model import TINY

Examples = tuple[list[Example], list[Example]]
Row = tuple[str, str, str]
Turn = tuple[float, int]
"""Steps a second, and bytes at most."""
PARAMETERS = 10_000_000
"""As those of so small a model: what its defaults are chosen by."""
SPEED_STEPS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("speed", "preflight", "processes"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    parts = {"speed": lambda: speed(options.rounds), "preflight": preflight, "processes": two_processes}
    rows = [row for name, part in parts.items() if options.only in (None, name) for row in part()]
    print("\n".join(["| figure | seen | promised |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]))


def speed(rounds: int) -> list[Row]:
    """Steady steps a second and peak memory of ours and of bare scripts, in turns; medians of the ratios."""
    values = changed(defaults_for(PARAMETERS, 128), max_steps=SPEED_STEPS, early_stopping_patience=0)
    learnt, _ = ready("pirate_talk.csv")
    ours: list[Turn] = []
    bare: dict[str, list[Turn]] = {"a bare TRL script": [], "the same, its adapter in fp32 as ours": []}
    for turn in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            job = write(Path(folder), values, (learnt, []))
            events, memory = work(job)
            ours.append((pace(job.folder, events), memory))
            for turns, options in zip(bare.values(), ((), ("--fp32",)), strict=True):
                turns.append(bare_turn(job, *options))
            note(f"turn {turn + 1}: ours {ours[-1]}, bare {[turns[-1] for turns in bare.values()]}")
    rows = []
    for name, turns in bare.items():
        faster = median(own[0] / its[0] for own, its in zip(ours, turns, strict=True))
        larger = median(own[1] / its[1] for own, its in zip(ours, turns, strict=True))
        speeds = f"{median(own[0] for own in ours):.2f} and {median(its[0] for its in turns):.2f} steps/s"
        rows.append((f"training speed against {name} ({rounds} turns)", f"{faster:.2f}× ({speeds})", "at least 0.97×"))
        rows.append((f"peak memory against {name}", f"{larger:.2f}×", "at most 1.1×"))
    return rows


def pace(folder: Path, events: list[Event]) -> float:
    """Steps a second between the first fifth and the end of a run."""
    steps = [(event.time, event.step or 0) for event in events if event.loss is not None]
    start = steps[len(steps) // 5]
    return (steps[-1][1] - start[1]) / (steps[-1][0] - start[0])


def bare_turn(job: Job, *options: str) -> Turn:
    """The same rows, steps and settings with nothing of ours around TRL, at the priority that our worker has."""
    done = subprocess.run(
        [
            "nice",
            "-n",
            "10",
            sys.executable,
            "-m",
            "tests.bench.bare_trl",
            str(job.folder / SPEC_FILE),
            str(TINY),
            *options,
        ],
        env=worker_environment() | {"OMP_NUM_THREADS": str(all_cores())},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return told["steps_per_s"], told["peak_bytes"]


def preflight() -> list[Row]:
    """Three files with three settings, each tried and then really trained."""
    normal = defaults_for(PARAMETERS, 128)
    cases = (
        ("pirate_talk.csv", changed(normal, early_stopping_patience=0)),
        ("sort_messages.csv", changed(normal, early_stopping_patience=0, per_device_train_batch_size=16, epochs=4)),
        (
            "polite_replies.jsonl",
            changed(normal, per_device_train_batch_size=4, gradient_accumulation_steps=2, epochs=3, r=32, seed=1),
        ),
    )
    rows = []
    for name, values in cases:
        values = changed(values, early_stopping_patience=0)
        examples = ready(name)
        tried = forecast(examples, values)
        with tempfile.TemporaryDirectory() as folder:
            job = write(Path(folder), values, examples)
            events, memory = work(job)
        seconds = events[-1].time - events[0].time
        note(f"{name}: {tried.seconds:.0f} of {seconds:.0f} s, {tried.peak_bytes} of {memory} bytes")
        told = f"{(tried.peak_bytes or 0) / 1e9:.2f} of {memory / 1e9:.2f} GB, {tried.seconds:.0f} of {seconds:.0f} s"
        ratios = f"{(tried.peak_bytes or 0) / memory - 1:+.0%}, {tried.seconds / seconds - 1:+.0%}"
        rows.append(
            (f"forecast for {name}, batch {values.per_device_train_batch_size}", f"{told} ({ratios})", "±20 %, ±50 %")
        )
    return rows


def forecast(examples: Examples, values: TrainingConfig) -> PreflightResult:
    with tempfile.TemporaryDirectory() as folder:
        trials = Preflight(Path(folder))
        try:
            return trials.measure(
                preflight_request("bench", *map(StoredExamples.of, examples), model=str(TINY), quantization="4bit"),
                values,
            ).result()
        finally:
            trials.close()


def two_processes() -> list[Row]:
    """One run in one process, and with half of the batch in each of two."""
    values = changed(defaults_for(PARAMETERS, 128), max_steps=20, early_stopping_patience=0)
    ends = []
    for processes in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            share = changed(values, per_device_train_batch_size=values.per_device_train_batch_size // processes)
            job = write(Path(folder), share, ready("pirate_talk.csv"))
            # `--cpu` would start a single one, whatever `--num_processes` says
            launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes), "-m"]
            worker = ["playground.training.worker", str(job.folder / SPEC_FILE)]
            command = [sys.executable, *(launch if processes > 1 else ["-m"]), *worker]
            subprocess.run(command, env=alone(), check=True, capture_output=True, cwd=ROOT)
            events = EventLog(job.folder / EVENTS_FILE).read()
            ends.append(events)
            note(f"{processes}: {[event.loss for event in events if event.loss is not None]}")
    one, two = ([event.loss for event in events if event.loss is not None] for events in ends)
    held = [[event.eval_loss for event in events if event.eval_loss is not None] for events in ends]
    return [
        ("losses told by one process, by two", f"{len(one)}, {len(two)}", "20, 20: the first alone writes"),
        ("first and last loss of one process", f"{one[0]:.3f}, {one[-1]:.3f}", "-"),
        ("first and last loss of two processes", f"{two[0]:.3f}, {two[-1]:.3f}", "near it"),
        ("held-out loss at the end, one and two", f"{held[0][-1]:.3f}, {held[1][-1]:.3f}", "near it"),
        ("how the two ended", ends[1][-1].state, "done"),
    ]


def alone() -> dict[str, str]:
    """The environment of a worker whose parent is not the app."""
    inherited = {name: value for name, value in worker_environment().items() if name != "PLAYGROUND_TRAINING_PARENT"}
    return inherited | {"ACCELERATE_USE_CPU": "true"}


def ready(name: str) -> Examples:
    found = inspect(ROOT / "assets" / "examples" / name, formats=dataset_formats())
    return split(found.examples.usable)


def write(root: Path, values: TrainingConfig, examples: Examples) -> Job:
    spec = TrainingSpec("bench", "bench", "Bench", str(TINY), "4bit", "", 0.0, values)
    job = Job(spec, root / "job")
    write_job(job, *map(StoredExamples.of, examples))
    return job


def work(job: Job) -> tuple[list[Event], int]:
    """Run a worker to its end; its events, and its peak memory in bytes."""
    last = WorkerProcess(job.folder, threads=all_cores).watch(lambda _event: None)
    if last.state != "done":
        raise RuntimeError(f"The training ended so: {last.message}")
    facts = json.loads((job.folder / FACTS_FILE).read_text())
    return EventLog(job.folder / EVENTS_FILE).read(), facts["peak_memory_bytes"]


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
