"""The training loop on a real 4-bit model: looking does not change it, and a resume goes on exactly."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets import Dataset

from playground.data.examples import Example
from playground.errors import TrainingError
from playground.models.loader import load_model
from playground.training.config import TrainingConfig
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, Checkpoint, whole_checkpoints
from playground.training.jobs.events import Event
from playground.training.tokenization import tokenize_examples
from playground.training.worker import checkpointing as publishing
from playground.training.worker.dataset import check_packing, dataset_of, held_out_of
from playground.training.worker.run import Run, StopReason
from playground.training.worker.trainer import _arguments, assemble, train
from tests.support.configs import changed
from tests.support.training_runs import examples

VALUES = TrainingConfig(
    max_steps=9, r=4, lora_alpha=8, lora_dropout=0.2, learning_rate=5e-3, per_device_train_batch_size=4, seed=3
)


class Session:
    """Trains from the same start as often as asked."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def run(self, folder: Path, held_out: int = 0, stop_after: int | None = None, **changes: object) -> list[Event]:
        return self.course(folder, examples()[:9], examples()[9 : 9 + held_out], stop_after, 3, **changes)[0]

    def course(
        self,
        folder: Path,
        learnt: list[Example],
        aside: list[Example],
        stop_after: int | None = None,
        num_evals: int = 3,
        no_time: bool = False,
        **changes: object,
    ) -> tuple[list[Event], StopReason]:
        loaded = load_model(str(self.model), "4bit")
        assert loaded.info.precision == "4-bit"
        packing = [module for module in loaded.model.modules() if hasattr(module, "support_avx512bf16_for_cpu")]
        for module in packing:
            module.support_avx512bf16_for_cpu = True
        rows, held_out = (tokenize_examples(some, loaded.tokenizer, 128).rows for some in (learnt, aside))
        events: list[Event] = []
        values = changed(VALUES, **changes)
        whole = whole_checkpoints(folder / CHECKPOINTS_FOLDER)

        def stop() -> bool:
            return stop_after is not None and any((event.step or 0) >= stop_after for event in events)

        run = Run(
            values=values,
            train_rows=dataset_of(rows, values),
            held_out_rows=held_out_of(held_out),
            folder=folder,
            on_event=events.append,
            stop=stop,
            resume_from=whole[-1] if whole else None,
            num_evals=num_evals,
            has_no_time=lambda: no_time and stop(),
        )
        ending = train(loaded, run)
        assert packing
        assert not events or not any(module.support_avx512bf16_for_cpu for module in packing)
        return events, ending


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


@pytest.mark.parametrize(("stop_after", "step"), [(1, 2), (3, 3)], ids=["after a step", "while it is measured"])
def test_a_run_that_has_no_time_is_saved_unmeasured(
    session: Session, plain: list[Event], tmp_path: Path, stop_after: int, step: int
) -> None:
    """Defends what was learnt when the app closes: a measurement may take longer than it is given."""
    first = session.run(tmp_path, held_out=3, stop_after=stop_after, no_time=True)
    checkpoint = whole_checkpoints(tmp_path / CHECKPOINTS_FOLDER)[-1]
    assert (checkpoint.step, checkpoint.eval_loss) == (step, None)
    assert losses([*first, *session.run(tmp_path, held_out=3)]) == losses(plain)


def test_diverged(session: Session, tmp_path: Path) -> None:
    """A loss that is no number ends the run with a sentence, not with a useless adapter."""
    with pytest.raises(TrainingError, match="lower learning rate"):
        session.run(tmp_path, learning_rate=1e30, lora_dropout=0.0)


MEMORIZING: dict[str, object] = {"max_steps": 24, "learning_rate": 5e-2, "early_stopping_patience": 2}


def memorize(session: Session, folder: Path, stop_after: int | None = None) -> tuple[list[Event], StopReason]:
    """Learn a few words by heart while what is set aside asks for others, so that its loss climbs."""
    aside = [
        replace(item, messages=(item.messages[0], {"role": "assistant", "content": "No, 小狗!"}))  # type: ignore[index]
        for item in examples()[9:]
    ]
    return session.course(folder, examples()[:9], aside, stop_after, 12, **MEMORIZING)


def test_stops_by_itself_and_a_resume_decides_the_same(session: Session, tmp_path: Path) -> None:
    """When the held-out loss falls no more the run ends, at the same step and after the same losses if interrupted."""
    whole, ending = memorize(session, tmp_path / "whole")
    assert ending == "early_stopping"
    reached = losses(whole)[-1][0]
    assert reached is not None
    assert 4 <= reached < 24
    held_out = [event.eval_loss for event in whole if event.eval_loss is not None]
    assert min(held_out[-2:]) >= min(held_out[:-2])

    first, asked = memorize(session, tmp_path / "parts", stop_after=3)
    assert asked == "interrupted"
    rest, ending = memorize(session, tmp_path / "parts")
    assert ending == "early_stopping"
    assert losses([*first, *rest]) == losses(whole)
    again, ending = memorize(session, tmp_path / "parts")
    assert (again, ending) == ([], "early_stopping")


def test_patience_of_zero_never_stops_early(session: Session, tmp_path: Path) -> None:
    """Whoever asks for all steps gets all steps."""
    events, ending = session.course(
        tmp_path, examples()[:9], examples()[9:], None, 3, max_steps=6, learning_rate=0.1, early_stopping_patience=0
    )
    assert (ending, losses(events)[-1][0]) == ("completed", 6)


def test_the_last_step_is_measured(session: Session, tmp_path: Path) -> None:
    """The end of a run is a measurement too, where the steps do not divide evenly."""
    events = session.run(tmp_path, held_out=3, max_steps=5)
    assert [event.step for event in events if event.eval_loss is not None] == [0, 2, 4, 5]


def test_packed_rows_are_learnt_as_if_each_stood_alone(session: Session, tmp_path: Path) -> None:
    """Two batches of all rows, packed and not: the same losses, and fewer rows that hold several examples."""
    alike: dict[str, object] = {"max_steps": 3, "lora_dropout": 0.0, "per_device_train_batch_size": 9}
    apart = session.run(tmp_path / "apart", **alike)
    packed = session.run(tmp_path / "packed", packing=True, max_length=128, **alike)
    assert [loss for _, loss in losses(packed)] == pytest.approx([loss for _, loss in losses(apart)], abs=2e-3)


def test_a_model_that_cannot_keep_packed_examples_apart_is_refused(tiny_model_folder: Path) -> None:
    """A model that ignores where an example begins would learn from its neighbours without a word."""
    loaded = load_model(str(tiny_model_folder), "none")
    values = changed(VALUES, packing=True, max_length=128)
    dataset = dataset_of(tokenize_examples(examples(), loaded.tokenizer, 128).rows, values)
    assert max(len(row["seq_lengths"]) for row in dataset) > 1
    check_packing(loaded.model, dataset)
    whole = loaded.model.forward
    loaded.model.forward = lambda position_ids=None, **given: whole(**given)
    with pytest.raises(TrainingError, match="Switch packing off"):
        check_packing(loaded.model, dataset)


def test_checkpointing_changes_no_loss(session: Session, plain: list[Event], tmp_path: Path) -> None:
    """Less memory, the same training, dropout included."""
    assert losses(session.run(tmp_path, gradient_checkpointing=True)) == losses(plain)


def test_every_value_reaches_its_library(session: Session, tmp_path: Path) -> None:
    """What is chosen on the page stands in PEFT's configuration and in TRL's arguments under the same name."""
    values = changed(
        VALUES,
        target_modules="q_proj,down_proj",
        use_rslora=True,
        gradient_accumulation_steps=2,
        weight_decay=0.1,
        warmup_ratio=0.3,
        lr_scheduler_type="linear",
        gradient_checkpointing=True,
        neftune_noise_alpha=5.0,
        epochs=2.5,
        max_steps=-1,
    )
    loaded = load_model(str(session.model), "4bit")
    rows = tokenize_examples(examples(), loaded.tokenizer, 128).rows
    run = Run(values, dataset_of(rows, values), None, tmp_path, lambda _event: None, lambda: False)
    trainer = assemble(loaded, run)
    lora = trainer.model.peft_config["default"]
    assert set(lora.target_modules) == {"q_proj", "down_proj"}
    elsewhere = {
        "epochs": trainer.args.num_train_epochs,
        "warmup_ratio": trainer.args.warmup_steps,
        "target_modules": ",".join(name for name in ("q_proj", "down_proj") if name in lora.target_modules),
        "report_to": ",".join(trainer.args.report_to) or "none",
        "early_stopping_patience": run.values.early_stopping_patience,  # ours alone, tested above
    }
    for name in TrainingConfig.model_fields:
        reached = elsewhere.get(name, getattr(lora, name, getattr(trainer.args, name, None)))
        assert reached == getattr(values, name), name
    assert run.total_steps == 5
    assert trainer.args.activation_checkpointing_kwargs == {"use_reentrant": False}


@pytest.mark.parametrize("change", [{"neftune_noise_alpha": 10.0}, {"use_rslora": True}, {"target_modules": "q_proj"}])
def test_a_value_changes_the_training(
    session: Session, plain: list[Event], tmp_path: Path, change: dict[str, object]
) -> None:
    """None of these is only written down."""
    assert losses(session.run(tmp_path, **change)) != losses(plain)


def test_a_full_disk_ends_the_run_whole(
    session: Session, plain: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save without room ends in a sentence and leaves no half of it; with room again the run goes on exactly."""
    real, calls = publishing.publish, 0

    def full_at_the_third(*given: object) -> Checkpoint:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "publish", full_at_the_third)
    told: list[Event] = []
    with pytest.raises(TrainingError, match="The disk is full, so step 9"):
        told = session.run(tmp_path)
    assert told == []
    assert [item.step for item in whole_checkpoints(tmp_path / CHECKPOINTS_FOLDER)] == [3, 6]
    assert not list((tmp_path / "unfinished").glob("*"))
    assert losses(session.run(tmp_path)) == losses(plain)[6:]


def test_measurements_take_a_small_share_of_a_run(tmp_path: Path) -> None:
    """Six of them in a long run, fewer in a short one with many rows set aside, and three at least."""

    def steps_between(learnt: int, aside: int) -> tuple[int, int]:
        rows, held_out = (Dataset.from_dict({"input_ids": [[1]] * count}) for count in (learnt, aside))
        run = Run(TrainingConfig(epochs=3), rows, held_out, tmp_path, lambda _event: None, lambda: False)
        return run.total_steps, run.eval_steps

    assert steps_between(95, 20) == (36, 12)
    assert steps_between(95, 14) == (36, 8)
    assert steps_between(200, 14) == (75, 13)


@pytest.mark.parametrize(("has_bf16", "wanted"), [(True, (True, False)), (False, (False, True))])
def test_on_a_card_it_computes_in_what_the_card_has(
    has_bf16: bool, wanted: tuple[bool, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bf16, or else fp16 with gradients that are scaled: unscaled, small ones vanish. The adapter itself stays fp32."""
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: has_bf16)
    monkeypatch.setattr("transformers.training_args.is_torch_bf16_gpu_available", lambda: has_bf16)
    run = Run(VALUES, Dataset.from_dict({"input_ids": [[1]] * 9}), None, tmp_path, lambda event: None, lambda: False)
    given = _arguments(run, torch.device("cuda", 0))
    assert (given.bf16, given.fp16) == wanted
    assert given.optim == "adamw_torch_fused"
    assert not given.use_cpu
