"""What makes training fast computes what the plain way computes, and the rows of a batch are alike in length."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft import LoraConfig, get_peft_model
from torch import nn
from trl.trainer.utils import add_fused_lm_head

from playground.models.loader import load_model
from playground.training.worker import base_weights, head_loss, short_attention
from playground.training.worker.base_weights import prepare_base
from playground.training.worker.head_loss import use_head_loss
from playground.training.worker.length_sampler import LengthSampler
from playground.training.worker.lora_linear import fuse_lora
from playground.training.worker.rms_norm import fuse_norms
from playground.training.worker.short_attention import use_short_attention

IDS = torch.tensor([[5, 9, 2, 7, 8, 3], [4, 4, 6, 1, 0, 0]])
LABELS = torch.tensor([[-100, -100, 2, 7, 8, 3], [-100, 4, 6, -100, -100, -100]])
LORA = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=4, lora_alpha=8, init_lora_weights=False)


def test_unfolded_weights_are_what_four_bits_stand_for(tiny_model_folder: Path) -> None:
    """Bit for bit, with the tables of positions as precise as before."""
    model = load_model(str(tiny_model_folder), "4bit").model
    weights = {
        name: dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        for name, layer in model.named_modules()
        if isinstance(layer, Linear4bit)
    }
    prepare_base(model)
    assert weights
    for name, weight in weights.items():
        assert torch.equal(model.get_submodule(name).weight, weight)
    assert not any(isinstance(layer, Linear4bit) for layer in model.modules())
    assert {buffer.dtype for name, buffer in model.named_buffers() if "inv_freq" in name} == {torch.float32}


def test_where_memory_is_short_four_bits_stay(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_weights, "free_beside", lambda: 1000)
    model = load_model(str(tiny_model_folder), "4bit").model
    prepare_base(model)
    assert any(isinstance(layer, Linear4bit) for layer in model.modules())


def gradients(model: nn.Module, loss: torch.Tensor) -> list[torch.Tensor]:
    loss.backward()  # type: ignore[no-untyped-call]
    learnt = [parameter.grad for parameter in model.parameters() if parameter.requires_grad]
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in learnt)
    return [gradient.clone() for gradient in learnt if gradient is not None]


def close(ours: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor]) -> bool:
    return all(torch.allclose(mine, its, rtol=1e-4, atol=1e-6) for mine, its in zip(ours, theirs, strict=True))


def test_one_operation_learns_as_peft_does(tiny_model_folder: Path) -> None:
    """The same logits and gradients, with and without the adapter; a layer that drops out is left to PEFT."""
    model = get_peft_model(load_model(str(tiny_model_folder), "none").model, LORA)
    theirs = model(input_ids=IDS, labels=LABELS).loss
    their_gradients = gradients(model, theirs)
    model.zero_grad()
    assert fuse_lora(model) > 0
    ours = model(input_ids=IDS, labels=LABELS).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    assert close(gradients(model, ours), their_gradients)
    with model.disable_adapter():
        alone = model(input_ids=IDS).logits
    assert torch.equal(alone, model.unload()(input_ids=IDS).logits)

    dropping = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", lora_dropout=0.1)
    loaded = load_model(str(tiny_model_folder), "none")
    assert fuse_lora(get_peft_model(loaded.model, dropping)) == 0


def test_the_head_is_asked_for_learnt_tokens_alone(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same loss, gradients and right guesses as the whole logits give, however few are computed at a time."""
    loaded = load_model(str(tiny_model_folder), "none").model
    model = get_peft_model(loaded, LORA)
    whole = model(input_ids=IDS, labels=LABELS)
    theirs = gradients(model, whole.loss)
    guessed = (whole.logits[:, :-1].argmax(-1) == LABELS[:, 1:])[LABELS[:, 1:] != -100]
    model.zero_grad()
    add_fused_lm_head(loaded)
    assert use_head_loss(loaded)
    monkeypatch.setattr(head_loss, "_CHUNK_VALUES", 3 * loaded.config.vocab_size)
    ours = model(input_ids=IDS, labels=LABELS, fused_lm_head=True)
    assert ours.loss.item() == pytest.approx(whole.loss.item(), rel=1e-5)
    assert torch.equal(ours.is_top1, guessed)
    assert close(gradients(model, ours.loss), theirs)
    assert torch.equal(model(input_ids=IDS).logits, whole.logits)


def test_a_head_that_bends_its_logits_is_left_to_trl(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_model(str(tiny_model_folder), "none").model
    straight = type(loaded).forward

    def bent(*args: object, **given: object) -> object:
        said = straight(*args, **given)
        said.logits = 30 * torch.tanh(said.logits / 30)
        return said

    monkeypatch.setattr(type(loaded), "forward", bent)
    assert not use_head_loss(loaded)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_in_one_operation(tiny_model_folder: Path, dtype: torch.dtype) -> None:
    """The same values bit for bit and the same gradients; another kind of norm is left alone."""
    norm = load_model(str(tiny_model_folder), "none").model.model.norm
    norm.weight = nn.Parameter(torch.linspace(0.5, 2, len(norm.weight), dtype=dtype), requires_grad=False)
    x = torch.linspace(-1, 3, 3 * len(norm.weight)).view(3, -1).sin().to(dtype)
    outside = torch.linspace(2, -1, x.numel()).view(3, -1).cos().to(dtype)
    seen = []
    for _ in range(2):
        leaf = x.clone().requires_grad_()
        y = norm(leaf)
        y.backward(outside)
        seen.append((y.detach(), leaf.grad.float()))
        assert fuse_norms(norm) == 1
    (theirs, their_gradient), (ours, our_gradient) = seen
    assert torch.equal(ours, theirs)
    assert torch.allclose(our_gradient, their_gradient, rtol=2e-2, atol=torch.finfo(dtype).eps * 4)
    assert fuse_norms(nn.LayerNorm(8)) == 0


@pytest.mark.parametrize("long", [1000, 3], ids=["short", "left to PyTorch"])
def test_short_rows_attend_as_in_pytorch(tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch, long: int) -> None:
    """The same loss and gradients, padded, packed and neither."""
    model = get_peft_model(load_model(str(tiny_model_folder), "none").model, LORA)
    batches = (
        {"input_ids": IDS, "labels": LABELS, "attention_mask": (IDS > 0).long()},
        {"input_ids": IDS[:1], "labels": LABELS[:1], "position_ids": torch.tensor([[0, 1, 2, 0, 1, 2]])},
        {"input_ids": IDS, "labels": LABELS},
    )
    theirs = []
    for batch in batches:
        loss = model(**batch, use_cache=False).loss
        theirs.append((loss.item(), gradients(model, loss)))
        model.zero_grad()
    monkeypatch.setattr(short_attention, "MAX_TOKENS", long)
    use_short_attention(model.get_base_model())
    for batch, (their_loss, their_gradients) in zip(batches, theirs, strict=True):
        loss = model(**batch, use_cache=False).loss
        assert loss.item() == pytest.approx(their_loss, rel=1e-5)
        assert close(gradients(model, loss), their_gradients)
        model.zero_grad()


def test_a_batch_holds_rows_of_about_one_length() -> None:
    """Every row once an epoch, in another order in each, and the same one whenever seed and epoch are the same."""
    lengths = [10 + 7 * (place % 31) for place in range(101)]
    sampler = LengthSampler(lengths, batch_size=8, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(101))
    assert list(LengthSampler(lengths, batch_size=8, seed=3)) == first
    assert list(LengthSampler(lengths, batch_size=8, seed=4)) != first
    sampler.set_epoch(1)
    assert list(sampler) != first
    batches = [[lengths[place] for place in first[start : start + 8]] for start in range(0, 101, 8)]
    assert sum(max(batch) * len(batch) for batch in batches) < 1.25 * sum(lengths)
    assert batches[:-1] != sorted(batches[:-1])
