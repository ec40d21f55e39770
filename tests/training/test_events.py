"""Events and checkpoints are read whole or not at all, whenever the writer was killed."""

from pathlib import Path

import pytest

from playground.errors import TrainingError
from playground.i18n.catalog import CHINESE, gettext
from playground.sentence import Sentence
from playground.training.jobs.checkpoints import (
    best_checkpoint,
    copy_adapter,
    keep_adapter,
    prune,
    publish,
    whole_checkpoints,
)
from playground.training.jobs.events import Event, EventLog, failure
from playground.training.jobs.state import summarize


def test_events_round_trip(tmp_path: Path) -> None:
    """Step 0 and a loss of 0 are values, not gaps."""
    log = EventLog(tmp_path / "events.jsonl")
    event = Event("training", step=0, total_steps=4, loss=0.0, eta_s=0.0, template="两\u2028步 {n}", fields={"n": 3})
    log.write(event)
    (read,) = log.read()
    assert read.time > 0
    assert (read.state, read.step, read.loss, read.eta_s, read.message) == (
        "training",
        0,
        0.0,
        0.0,
        "两\u2028步 3",
    )


def test_messages_of_earlier_versions(tmp_path: Path) -> None:
    """A run that was recorded before messages had fields is still told, whatever signs its message holds."""
    log = EventLog(tmp_path / "events.jsonl")
    log.path.write_text('{"state": "failed", "message": "No model {x}.", "settled": true}\n')
    assert summarize(log.read(), "j", "n", 0.0)["message"] == "No model {x}."


def test_errors_become_events(tmp_path: Path) -> None:
    """What a worker's error says can be said in another language: template and fields survive the file."""
    log = EventLog(tmp_path / "events.jsonl")
    log.write(failure(TrainingError("{count} of {path}.", count=2, path=tmp_path)))
    (read,) = log.read()
    assert (read.template, read.fields) == ("{count} of {path}.", {"count": 2, "path": str(tmp_path)})
    assert read.message == f"2 of {tmp_path}."


def test_a_reason_within_an_error_is_said_in_the_same_language(tmp_path: Path) -> None:
    """Defends a Chinese reader from a sentence that ends in English, also once it went through the file."""
    why = Sentence("Row {row}: {reason}", row=3, reason=Sentence("There is nothing in it to learn."))
    log = EventLog(tmp_path / "events.jsonl")
    log.write(failure(TrainingError("It stopped. {reason}", reason=why)))
    (read,) = log.read()
    assert read.message == "It stopped. Row 3: There is nothing in it to learn."
    assert gettext(CHINESE, read.sentence) == "It stopped. 第 3 行：里面没有可以学习的内容。"


def test_torn_line_is_dropped(tmp_path: Path) -> None:
    """A line that the killed writer left half-written is not read, and does not spoil the next one."""
    log = EventLog(tmp_path / "events.jsonl")
    log.write(Event("starting"))
    with log.path.open("ab") as file:
        file.write(b'{"state": "train')
    assert [event.state for event in log.read()] == ["starting"]
    log.write(Event("failed", "Gone."))
    assert [event.state for event in log.read()] == ["starting", "failed"]
    assert log.read(after=2) == []


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    """What a failing disk made of a line does not hide the run's other events, nor keep the app from starting."""
    log = EventLog(tmp_path / "events.jsonl")
    log.path.write_bytes(b'\0\0\n[]\n{"state": "flying"}\n{}\n\xff\n')
    log.write(Event("done", settled=True))
    assert [event.state for event in log.read()] == ["done"]


def test_result_counts_once_it_is_in_place() -> None:
    """The worker's `done` shows as training until the app has published the adapter."""
    events = [Event("waiting"), Event("training", step=2, total_steps=2, loss=1.5), Event("done", "Done.")]
    assert summarize(events, "j", "n", 0.0)["state"] == "training"
    state = summarize([*events, Event("done", "Done.", adapter="a", settled=True)], "j", "n", 0.0)
    assert (state["state"], state["adapter"], state["step"], state["loss"]) == ("done", "a", 2, 1.5)
    assert not state["can_resume"]


def test_curve_after_a_resume() -> None:
    """Steps that were trained again replace what was drawn for them."""
    steps = [Event("training", step=step, loss=float(step)) for step in (1, 2, 3, 4)]
    again = [Event("training", step=step, loss=10.0 + step) for step in (3, 4)]
    state = summarize([*steps, Event("starting"), *again], "j", "n", 0.0)
    assert state["losses"] == [(1, 1.0), (2, 2.0), (3, 13.0), (4, 14.0)]


def make_checkpoint(root: Path, step: int, eval_loss: float | None) -> Path:
    aside = root.parent / "aside"
    aside.mkdir(parents=True)
    (aside / "adapter_config.json").write_text("{}")
    (aside / "adapter_model.safetensors").write_bytes(bytes([step]) * 100)
    return publish(aside, root, step, eval_loss, seconds=1.0).folder


@pytest.mark.parametrize("damage", ["manifest", "truncated", "missing"])
def test_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    """A save that was killed leaves the checkpoint before as the newest."""
    root = tmp_path / "checkpoints"
    make_checkpoint(root, 1, None)
    folder = make_checkpoint(root, 2, None)
    if damage == "manifest":
        (folder / "manifest.json").unlink()
    elif damage == "truncated":
        (folder / "adapter_model.safetensors").write_bytes(b"")
    else:
        (folder / "adapter_model.safetensors").unlink()
    assert [item.step for item in whole_checkpoints(root)] == [1]


def test_best_is_kept(tmp_path: Path) -> None:
    """Pruning keeps the newest two and the best by held-out loss, and the best becomes the adapter."""
    root = tmp_path / "checkpoints"
    for step, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (4, 2.5), (5, 2.6)):
        make_checkpoint(root, step, loss)
    prune(root)
    kept = whole_checkpoints(root)
    assert [item.step for item in kept] == [2, 4, 5]
    copy_adapter(best_checkpoint(kept), tmp_path / "adapter")
    assert (tmp_path / "adapter" / "adapter_model.safetensors").read_bytes() == b"\x02" * 100
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_last_is_best_when_nothing_was_held_out(tmp_path: Path) -> None:
    """Without held-out rows there is nothing to compare by."""
    for step in (1, 2):
        make_checkpoint(tmp_path / "checkpoints", step, None)
    assert best_checkpoint(whole_checkpoints(tmp_path / "checkpoints")).step == 2


def test_adapters_outlive_their_checkpoints(tmp_path: Path) -> None:
    """What a pruned checkpoint had learnt can still be loaded, whole and with its held-out loss."""
    for step, loss in ((1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)):
        make_checkpoint(tmp_path / "checkpoints", step, loss)
        keep_adapter(whole_checkpoints(tmp_path / "checkpoints")[-1], tmp_path / "learnt")
        prune(tmp_path / "checkpoints")
    assert [item.step for item in whole_checkpoints(tmp_path / "checkpoints")] == [3, 4]
    kept = whole_checkpoints(tmp_path / "learnt")
    assert [(item.step, item.eval_loss) for item in kept] == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.5)]
    assert all((item.folder / "adapter_config.json").is_file() for item in kept)
