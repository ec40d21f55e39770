"""A process that is killed, even inside a save, leaves what a resume goes on from as if nothing had been."""

import random
from pathlib import Path

from playground.training.spec import TrainingValues
from tests.killing import Victim, apart, weights_apart
from tests.test_training_jobs import Room, wait_until_finished

VALUES = TrainingValues(
    max_steps=120, r=4, lora_alpha=8, lora_dropout=0.1, learning_rate=1e-3, early_stopping_patience=0
)


def test_three_kills_change_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    """Killed inside a save, in the middle and inside a later save: the losses and the adapter are the same numbers."""
    room = Room(tmp_path, tiny_model_folder)
    jobs = room.open()
    reference = room.start(jobs, VALUES)
    victim = Victim(jobs, "ann", room.start(jobs, VALUES), random.Random(0))
    whole = wait_until_finished(jobs, reference)
    assert whole["state"] == "done", whole["message"]

    reached = 0
    for strike in (lambda: victim.kill_in_save(0), lambda: victim.kill_at_step(50), lambda: victim.kill_in_save(60)):
        kill = strike()
        assert kill is not None, "the run was over before it could be killed"
        assert kill.reached >= reached
        assert len(room.published) == 1, "a run that was killed has no result"
        reached = kill.reached
        assert victim.resume() == reached
    state = victim.finish()
    assert state["state"] == "done", state["message"]
    assert apart(state, whole) == 0.0
    assert weights_apart(*room.published) == 0.0
    jobs.close()
