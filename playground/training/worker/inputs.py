"""What a run works on: its base model, and its examples in tokens."""

from pathlib import Path
from typing import TYPE_CHECKING

from playground.errors import TrainingError
from playground.gpu import missing_for_training
from playground.sentence import Sentence
from playground.training.config import TrainingConfig
from playground.training.spec import HELD_OUT_FILE, TRAIN_FILE, TrainingSpec, load_examples
from playground.training.tokenization import TokenizedDataset, tokenize_examples
from playground.training.worker.distributed import take_gpu

if TYPE_CHECKING:  # brings torch, which may be imported only after `become_worker`
    from playground.models.loader import LoadedModel

MIN_TRAIN_ROWS = 2


def load_base(spec: TrainingSpec) -> "LoadedModel":
    """Load the base model as it trains; raises `ModelError`, or `TrainingError` when it is another than it was."""
    from playground.models.loader import load_model
    from playground.training.worker.base_weights import prepare_base

    take_gpu()
    lacking = missing_for_training()
    if lacking:
        raise TrainingError(lacking)
    loaded = load_model(spec.model, spec.quantization)
    if spec.base_fingerprint and loaded.info.fingerprint != spec.base_fingerprint:
        raise TrainingError(
            "The model {model} has changed since this run was set up, so it cannot go on. Start a new run.",
            model=loaded.info.name,
        )
    prepare_base(loaded.model)
    return loaded


def tokenize_run(
    folder: Path, config: TrainingConfig, loaded: "LoadedModel"
) -> tuple[TokenizedDataset, TokenizedDataset]:
    """Tokenize the examples in a run's folder, to train on and to measure on; raises `TrainingError`."""
    max_length = min(config.max_length, loaded.info.context_length)
    train, held_out = (
        tokenize_examples(load_examples(folder / name), loaded.tokenizer, max_length, config.completion_only_loss)
        for name in (TRAIN_FILE, HELD_OUT_FILE)
    )
    if len(train.rows) < MIN_TRAIN_ROWS:
        row, why = train.skipped[0] if train.skipped else (0, None)
        reason = Sentence("Row {row}: {reason}", row=row, reason=why) if why else ""
        raise TrainingError(
            "Only {count} of the examples can be learnt from, and at least {least} are needed. {reason}",
            count=len(train.rows),
            least=MIN_TRAIN_ROWS,
            reason=reason,
        )
    return train, held_out
