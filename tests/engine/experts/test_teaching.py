"""Defends teaching experts: an adapter of the project's own training is swapped, measured and worked in."""

import asyncio
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from peft import PeftModel

from playground.adapters.check import check_folder
from playground.adapters.merge.__main__ import merge
from playground.engine.host import LocalModelHost
from playground.errors import InputError
from playground.evaluation.paired import negative_log_likelihood
from playground.models.loader import LoadedModel, load_model
from playground.protocol.model import Quantization
from playground.training.config import TrainingConfig
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, whole_checkpoints
from playground.training.model_limits import check_dropout, fitting_defaults
from playground.training.tokenization import tokenize_examples
from playground.training.worker.dataset import dataset_of
from playground.training.worker.run import Run
from playground.training.worker.trainer import train
from tests.engine.sequential.families import FAMILIES, make_family
from tests.support.training_runs import examples

NAMES = ("qwen3_moe", "mixtral", "gpt_oss")
VALUES = TrainingConfig(max_steps=8, r=4, lora_alpha=8, learning_rate=5e-3, per_device_train_batch_size=4)
IDS = torch.tensor([[70, 81, 73, 223]])


def taught(model: Path, folder: Path, quantization: Quantization, values: TrainingConfig) -> Path:
    """By the project's own training, as its worker runs it."""
    loaded = load_model(str(model), quantization)
    losses = []
    run = Run(
        values=values,
        train_rows=dataset_of(tokenize_examples(examples()[:8], loaded.tokenizer, 64).rows, values),
        held_out_rows=None,
        folder=folder,
        on_event=lambda event: losses.append(event.loss) if event.loss is not None else None,
        stop=lambda: False,
        num_evals=1,
    )
    assert train(loaded, run) == "completed"
    assert losses[-1] < losses[0]
    return whole_checkpoints(folder / CHECKPOINTS_FOLDER)[-1].folder


@torch.inference_mode()
def logits(loaded: LoadedModel) -> torch.Tensor:
    found: torch.Tensor = loaded.model(IDS).logits.float()
    return found


@pytest.mark.parametrize("quantization", ["none", "auto"])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_taught_swapped_measured_and_merged(name: str, quantization: Quantization, tmp_path: Path) -> None:
    folder = make_family(name, tmp_path / "model", FAMILIES[name])
    adapter = taught(folder, tmp_path, quantization, VALUES)
    experts = [pair for pair in check_folder(adapter).pairs if pair.experts > 1]
    assert len(experts) == 4  # of two layers, two each
    loaded = load_model(str(folder), quantization)
    host = LocalModelHost(loaded)
    try:
        receipt = host.load_adapter("taught", adapter)
        assert receipt.base_unchanged
        assert receipt.max_logit_change > 0
        base, own = (surprise(host, key) for key in ("base", "taught"))
        assert own < base
        assert surprise(host, "base") == pytest.approx(base)  # its prompt is in the prefix cache now
    finally:
        host.close()
    if quantization == "none":
        merge(folder, adapter, tmp_path / "merged.zip")
        with zipfile.ZipFile(tmp_path / "merged.zip") as archive:
            archive.extractall(tmp_path / "merged")
        adapted: Any = PeftModel.from_pretrained(load_model(str(folder), "none").model, adapter)
        with torch.inference_mode():
            wanted = adapted(IDS).logits.float()
        assert torch.allclose(logits(load_model(str(tmp_path / "merged"), "none")), wanted, atol=1e-3)


def surprise(host: LocalModelHost, adapter: str) -> float:
    """Of what it was taught, as the verdict measures it."""
    (question, reference), client = examples()[0].messages or (), host.client(adapter=adapter)
    tokenizer = client.tokenizer
    opening = tokenizer.apply_chat_template([question])
    rest = tokenizer.encode_continuation(str(reference["content"]))
    nats, _ = asyncio.run(negative_log_likelihood(client, opening, rest))
    return nats


def test_a_default_rank_fits_beside_the_model() -> None:
    """Defends whoever opens the form for a model of many experts: its own values are never refused."""
    facts = {"expert_parameters": ("gate_up_proj",), "lora_widths": {"q_proj": 10, "gate_up_proj": 90}}
    values = fitting_defaults(TrainingConfig(r=16), cast(Any, SimpleNamespace(max_adapter_numbers=650, **facts)))
    assert (values.r, values.lora_alpha) == (6, 12.0)
    for most in (0, 1600):
        info: Any = SimpleNamespace(max_adapter_numbers=most, **facts)
        assert fitting_defaults(TrainingConfig(r=16), info) == TrainingConfig(r=16)


def test_dropout_on_experts_is_refused_in_a_sentence() -> None:
    info: Any = SimpleNamespace(expert_parameters=("gate_up_proj",), lora_widths={"q_proj": 1, "gate_up_proj": 1})
    with pytest.raises(InputError, match=r"lora_dropout does not work on experts \(gate_up_proj\)"):
        check_dropout(TrainingConfig(lora_dropout=0.1), cast(Any, info))
    check_dropout(TrainingConfig(lora_dropout=0.1, target_modules="q_proj"), cast(Any, info))
    check_dropout(TrainingConfig(), cast(Any, info))
