"""Training a real model with the defaults, ours against bare TRL and PEFT with theirs.

`python -m tests.bench.real_training MODEL_FOLDER [--file FILE] [--rows N] [--bare-steps N] [--no-bare]` prints one
Markdown table and what the model answers before and after. Everything between the first step's start and the last
step's end counts, measurements and checkpoints included; padding does not count as tokens.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path
from typing import Any

from playground.data.inspection import inspect
from playground.data.split import split
from playground.data_dir import SPEC_FILE
from playground.process import all_cores, worker_environment
from playground.safetensors_header import read_header
from playground.tasks.registry import dataset_formats
from playground.training.defaults import defaults_for
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, whole_checkpoints
from playground.training.jobs.job import Job, write_job
from playground.training.spec import ADAPTER_FOLDER, StoredExamples, TrainingSpec
from tests.bench.bare_trl import tokens_in
from tests.bench.training import note, work
from tests.support.configs import changed
from tests.support.running_app import ROOT


def main() -> None:
    options = _arguments()
    found = inspect(options.file, formats=dataset_formats())
    train, held_out = split(found.examples.usable)
    train = train[: options.rows or None]
    values = changed(defaults_for(parameters_of(options.model_folder), len(train)), **json.loads(options.values))
    with tempfile.TemporaryDirectory() as folder:
        spec = TrainingSpec("bench", "bench", "Bench", str(options.model_folder), "4bit", "", 0.0, values)
        job = Job(spec, Path(folder) / "job")
        write_job(job, StoredExamples.of(train), StoredExamples.of(held_out))
        rows = [("rows to learn from, and set aside", f"{len(train)}, {len(held_out)}")]
        ours = our_turn(job)
        note(f"ours: {ours}")
        seen = bare(job, "--measure", str(job.folder / ADAPTER_FOLDER))
        rows += [
            (
                "from start to end; first step to last",
                f"{ours['all_s']:.0f}, {ours['seconds']:.0f} s",
            ),
            ("ours", f"{ours['tokens_per_s']:.1f} tokens/s, {ours['steps']} steps"),
            ("our peak memory", f"{ours['peak_bytes'] / 1e9:.2f} GB"),
            ("held-out loss before, after ours", f"{seen['before']['held_out_loss']:.3f}, {seen['held_out_loss']:.3f}"),
        ]
        if not options.no_bare:
            steps = ("--steps", str(options.bare_steps)) if options.bare_steps else ()
            its = bare(job, "--defaults", *steps)
            note(f"bare: {its}")
            rows += [
                ("bare TRL and PEFT", f"{its['tokens_per_s']:.1f} tokens/s, {its['steps']} steps"),
                ("its peak memory", f"{its['peak_bytes'] / 1e9:.2f} GB"),
                ("held-out loss after bare", f"{its['held_out_loss']:.3f}"),
                ("ours against it", f"{ours['tokens_per_s'] / its['tokens_per_s']:.2f}×"),
            ]
    print("\n".join(["| figure | seen |", "|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]))
    for before, after in zip(seen["before"]["answers"], seen["answers"], strict=True):
        print(f"\nbase   : {before}\nadapter: {after}")


def parameters_of(folder: Path) -> int:
    """The values in a model's files, tied ones once."""
    headers = [read_header(path, 2**27) for path in folder.glob("*.safetensors")]
    return sum(prod(tensor.shape) for header in headers for tensor in header.values())


def our_turn(job: Job) -> dict[str, Any]:
    events, memory = work(job)
    learning = [event for event in events if event.total_steps is not None]
    steps = [event for event in events if event.loss is not None]
    seconds = steps[-1].time - learning[0].time
    newest = whole_checkpoints(job.folder / CHECKPOINTS_FOLDER)[-1]
    history = json.loads((newest.folder / "trainer_state.json").read_text())["log_history"]
    return {
        "all_s": events[-1].time - events[0].time,
        "seconds": seconds,
        "tokens_per_s": tokens_in(history) / seconds,
        "steps": steps[-1].step,
        "peak_bytes": memory,
        "eval_losses": [event.eval_loss for event in events if event.eval_loss is not None],
    }


def bare(job: Job, *options: str) -> dict[str, Any]:
    """The same rows with nothing of ours around TRL, on all cores."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.bare_trl", str(job.folder / SPEC_FILE), job.spec.model, *options],
        env=worker_environment() | {"OMP_NUM_THREADS": str(all_cores())},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_folder", type=Path)
    parser.add_argument("--file", type=Path, default=ROOT / "assets" / "examples" / "pirate_talk.csv")
    parser.add_argument("--rows", type=int, default=0, help="so many of those to learn from; 0: all")
    parser.add_argument("--values", default="{}", help="training values that differ from the defaults, as JSON")
    parser.add_argument("--bare-steps", type=int, default=0, help="so many steps of the bare script; 0: three epochs")
    parser.add_argument("--no-bare", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
