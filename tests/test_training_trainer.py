"""The training loop on a real 4-bit model: looking does not change it, and a resume goes on exactly."""

from dataclasses import replace
from pathlib import Path

import pytest

from playground.data.examples import Example
from playground.errors import TrainingError
from playground.models.codec import codec_for
from playground.models.loader import load_model
from playground.training.checkpoints import CHECKPOINTS_FOLDER, whole_checkpoints
from playground.training.encode import TokenRow, encode
from playground.training.events import Event
from playground.training.spec import TrainingValues
from playground.training.trainer import Run, train

VALUES = TrainingValues(
    max_steps=9, r=4, lora_alpha=8, lora_dropout=0.2, learning_rate=5e-3, per_device_train_batch_size=4, seed=3
)


def examples() -> list[Example]:
    animals = ("dog", "cat", "bird", "fish", "horse", "mouse", "cow", "hen", "duck", "goat", "bee", "ant")
    return [
        Example(
            ({"role": "user", "content": f"Where is the {name}?"}, {"role": "assistant", "content": f"{name} here"}),
            None,
            row,
        )
        for row, name in enumerate(animals, 1)
    ]


class Session:
    """Trains from the same start as often as asked."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def run(self, folder: Path, held_out: int = 0, stop_after: int | None = None, **changes: object) -> list[Event]:
        loaded = load_model(str(self.model), "4bit", for_training=True)
        assert loaded.quantization == "4-bit"
        packing = [module for module in loaded.model.modules() if hasattr(module, "support_avx512bf16_for_cpu")]
        for module in packing:
            module.support_avx512bf16_for_cpu = True
        rows: list[TokenRow] = encode(examples(), codec_for(loaded), 128).rows
        events: list[Event] = []
        whole = whole_checkpoints(folder / CHECKPOINTS_FOLDER)
        run = Run(
            values=replace(VALUES, **changes),  # type: ignore[arg-type]
            train_rows=rows[:9],
            held_out_rows=rows[9 : 9 + held_out],
            folder=folder,
            on_event=events.append,
            stop=lambda: stop_after is not None and any((event.step or 0) >= stop_after for event in events),
            resume_from=whole[-1] if whole else None,
            evaluations=3,
        )
        train(loaded, run)
        assert packing
        assert not any(module.support_avx512bf16_for_cpu for module in packing)
        return events


def losses(events: list[Event]) -> list[tuple[int | None, float]]:
    return [(event.step, event.loss) for event in events if event.loss is not None]


@pytest.fixture(scope="module")
def session(tiny_model_folder: Path) -> Session:
    return Session(tiny_model_folder)


@pytest.fixture(scope="module")
def plain(session: Session, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return session.run(tmp_path_factory.mktemp("plain"))


def test_evaluation_changes_nothing(session: Session, plain: list[Event], tmp_path: Path) -> None:
    """The loss curve with held-out losses in its middle is, number for number, the one without."""
    watched = session.run(tmp_path, held_out=3)
    assert [event.step for event in watched if event.eval_loss is not None] == [0, 3, 6, 9]
    assert losses(watched) == losses(plain)
    assert len(losses(plain)) == VALUES.max_steps
    assert losses(plain)[-1][1] < losses(plain)[0][1]


def test_resume_goes_on_exactly(session: Session, plain: list[Event], tmp_path: Path) -> None:
    """Stopped in the middle of an epoch, with dropout on, and resumed: the losses are those of a run in one piece."""
    first = session.run(tmp_path, stop_after=4)
    assert whole_checkpoints(tmp_path / CHECKPOINTS_FOLDER)[-1].step == 5
    assert losses([*first, *session.run(tmp_path)]) == losses(plain)


def test_stop_saves_and_measures(session: Session, tmp_path: Path) -> None:
    """A run that is asked to stop ends after the running step, with its checkpoint measured and published."""
    session.run(tmp_path, held_out=2, stop_after=1)
    (checkpoint,) = whole_checkpoints(tmp_path / CHECKPOINTS_FOLDER)
    assert checkpoint.step < VALUES.max_steps
    assert checkpoint.eval_loss is not None


def test_diverged(session: Session, tmp_path: Path) -> None:
    """A loss that is no number ends the run with a sentence, not with a useless adapter."""
    with pytest.raises(TrainingError, match="lower learning rate"):
        session.run(tmp_path, learning_rate=1e30, lora_dropout=0.0)
