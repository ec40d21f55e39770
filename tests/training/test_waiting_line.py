"""The shortest training run is next, and none waits for ever."""

from pathlib import Path

from playground.training.config import TrainingConfig
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.waiting_line import MAX_PASSED_OVER, WaitingLine
from playground.training.spec import StoredExamples, TrainingSpec
from tests.support.training_runs import examples


def job(folder: Path, name: str, **values: object) -> Job:
    spec = TrainingSpec(name, "ann", name, "m", "auto", "", 0.0, TrainingConfig.model_validate(values))
    return Job(spec, folder / name)


def test_the_shortest_is_next_but_none_waits_for_ever(tmp_path: Path) -> None:
    line = WaitingLine()
    line.add(job(tmp_path, "long"), "a", 100.0)
    order = []
    for number in range(MAX_PASSED_OVER + 2):
        line.add(job(tmp_path, f"short{number}"), f"b{number}", 1.0 + number)
        order.append(line.pop()[0].name)
    assert order == [*(f"short{number}" for number in range(MAX_PASSED_OVER)), "long", f"short{MAX_PASSED_OVER}"]
    assert line.addresses() == {f"b{MAX_PASSED_OVER + 1}"}


def test_work_counts_what_is_read(tmp_path: Path) -> None:
    """Twice the times through the examples is twice the work; a number of steps says how many of them."""
    runs = [
        job(tmp_path, "once", epochs=1.0),
        job(tmp_path, "twice", epochs=2.0),
        job(tmp_path, "steps", epochs=9.0, max_steps=3, per_device_train_batch_size=4),
    ]
    for run in runs:
        write_job(run, StoredExamples.of(examples()), StoredExamples.of([]))
    once, twice, steps = (run.work() for run in runs)
    assert once > 0
    assert twice == 2 * once
    assert steps == once * 3 * 4 / len(examples())
    assert job(tmp_path, "gone").work() == 0.0
