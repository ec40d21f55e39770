"""A process that is killed, even inside a save, leaves what a resume goes on from as if nothing had been.

One more is killed in `test_runner`; `python -m tests.bench.kills` kills thirty.
"""

import random
from pathlib import Path

import pytest
import torch

from playground.models.loader import load_model
from playground.process import worker_threads
from playground.training.config import TrainingConfig
from playground.training.jobs.events import Event
from playground.training.jobs.state import summarize
from playground.training.tokenization import tokenize_examples
from playground.training.worker.dataset import dataset_of, held_out_of
from playground.training.worker.run import Run
from playground.training.worker.trainer import train
from tests.support.killing import Victim, apart
from tests.support.training_runs import Room, examples

VALUES = TrainingConfig(
    max_steps=60, r=4, lora_alpha=8, lora_dropout=0.1, learning_rate=1e-3, early_stopping_patience=0
)


@pytest.mark.slow
def test_kills_change_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Killed inside a save and in the middle: each resume starts where it must, and the losses are the same numbers."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open()
    victim = Victim(jobs, "ann", room.start(jobs, VALUES), random.Random(0))
    reached = 0
    for strike in (lambda: victim.kill_in_save(5), lambda: victim.kill_at_step(35)):
        kill = strike()
        assert kill is not None, "the run was over before it could be killed"
        assert kill.reached >= reached
        assert not room.published, "a run that was killed has no result"
        reached = kill.reached
        assert victim.resume() == reached
    state = victim.finish()
    assert state["state"] == "done", state["message"]
    whole = summarize(in_one_piece(tiny_model_folder, tmp_path / "whole"), "j", "n", 0.0)
    assert len(whole["losses"]) == VALUES.max_steps
    assert apart(state, whole) < 1e-6
    jobs.close()


def in_one_piece(model: Path, folder: Path) -> list[Event]:
    """The events of the same run that nobody touches, with as many threads as a worker has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(worker_threads())
    events: list[Event] = []
    try:
        loaded = load_model(str(model), "auto")
        learnt, aside = (
            tokenize_examples(some, loaded.tokenizer, VALUES.max_length).rows
            for some in (examples()[:9], examples()[9:])
        )
        run = Run(VALUES, dataset_of(learnt, VALUES), held_out_of(aside), folder, events.append, lambda: False)
        train(loaded, run)
    finally:
        torch.set_num_threads(threads)
    return events
