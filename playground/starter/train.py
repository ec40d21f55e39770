"""Trains the starter from nothing on so many tokens; may be stopped and resumed at any moment."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from playground.errors import DataError
from playground.files import open_atomic
from playground.starter.batches import Encoded, steps
from playground.starter.corpus import Example
from playground.starter.muon import Muon
from playground.starter.tokenizer import END_OF_TEXT, END_OF_TURN

log = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the weights, beside the data.

    The rates warm up, stay, and fall in a line to zero over the last `cooldown` of the tokens. Until they fall, a run
    does not depend on its length, so that it may be lengthened when it is resumed.
    """

    tokens: int = 13_000_000
    seed: int = 7
    tokens_per_step: int = 4096
    hidden_size: int = 256
    layers: int = 4
    intermediate_size: int = 704
    context_length: int = 768
    muon_lr: float = 0.02
    adam_lr: float = 0.003
    warmup_tokens: int = 300_000
    cooldown: float = 0.35

    def rate(self, tokens: int) -> float:
        """The factor of the learning rates after so many tokens, from 0 to 1."""
        warm = (tokens + self.tokens_per_step) / min(self.warmup_tokens, self.tokens)
        left = (self.tokens - tokens) / (self.cooldown * self.tokens)
        return max(0.0, min(1.0, warm, left))


RECIPES = {
    "cpu": Recipe(),
    "gpu": Recipe(tokens=150_000_000, tokens_per_step=32_768, hidden_size=384, layers=8, intermediate_size=1024),
}
"""The first one made the bundled model, in hours on two cores. The second is for minutes on a GPU."""


@dataclass(slots=True)
class Progress:
    """`seconds` counts training time over all sessions, by a clock."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama whose layers' widths all suit 4-bit quantization: outputs divide by 32, inputs by 64."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=max(1, recipe.hidden_size // 64),
        num_key_value_heads=max(1, recipe.hidden_size // 128),
        head_dim=64,
        max_position_embeddings=recipe.context_length,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.convert_tokens_to_ids(END_OF_TEXT),
        pad_token_id=tokenizer.convert_tokens_to_ids(END_OF_TEXT),
        eos_token_id=tokenizer.convert_tokens_to_ids(END_OF_TURN),
    )
    model = LlamaForCausalLM(config)
    for layer in model.model.layers:  # layers begin as doing nothing, which is quicker to learn from
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


def train(
    corpus: dict[str, list[Example]],
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe,
    out: Path,
    device: str = "cpu",
    compiled: bool = False,
    save_every_s: float = 240.0,
    on_step: Callable[[Progress], None] = lambda progress: None,
    stopping: Callable[[], bool] = lambda: False,
) -> tuple[LlamaForCausalLM, Progress]:
    """Train to the end of the recipe, or until `stopping`, going on from the checkpoint in `out` if there is one."""
    model = build_model(recipe, tokenizer).to(device)
    optimizers = _optimizers(model, recipe)
    reader = torch.compile(model.model, dynamic=True) if compiled else model.model
    progress = _resume(out / CHECKPOINT, recipe, model, optimizers)
    before = saved = logged = time.monotonic()
    for groups in islice(steps(corpus, tokenizer, recipe.seed, recipe.tokens_per_step), progress.step, None):
        if progress.tokens >= recipe.tokens or stopping():
            break
        _set_rates(optimizers, recipe.rate(progress.tokens))
        progress.loss = _learn(model, reader, groups, optimizers, device)
        progress.step += 1
        progress.tokens += sum(len(encoded.ids) for group in groups for encoded in group)
        now = time.monotonic()
        progress.seconds += now - before  # with the time for reading and saving: minutes are those of a clock
        before = now
        on_step(progress)
        if now - logged > 30:
            logged = now
            _report(progress, recipe)
        if now - saved > save_every_s:
            saved = now
            _save(out / CHECKPOINT, recipe, model, optimizers, progress)
    _save(out / CHECKPOINT, recipe, model, optimizers, progress)
    return model, progress


def _optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    hidden = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    adam = torch.optim.AdamW(others, lr=recipe.adam_lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    found: list[torch.optim.Optimizer] = [Muon(hidden, lr=recipe.muon_lr), adam]
    for optimizer in found:
        for group in optimizer.param_groups:
            group["full_lr"] = group["lr"]
    return found


def _set_rates(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["full_lr"] * factor


def _learn(
    model: LlamaForCausalLM,
    reader: Callable[..., Any],
    groups: list[list[Encoded]],
    optimizers: list[torch.optim.Optimizer],
    device: str,
) -> float:
    """One step over all groups; `reader` is the model without its head. Returns the weighted mean loss in nats."""
    model.train()
    whole = sum(sum(encoded.weights) for group in groups for encoded in group)
    loss_sum = 0.0
    for group in groups:
        length = max(len(encoded.ids) for encoded in group)
        ids = torch.tensor([(*encoded.ids, *[0] * (length - len(encoded.ids))) for encoded in group])
        weights = torch.tensor([(*encoded.weights, *[0.0] * (length - len(encoded.weights))) for encoded in group])
        ids, weights = ids.to(device), weights.to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            # Padding comes after the text, where a causal model never looks back from: no mask is needed.
            states = reader(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
            wanted = weights[:, 1:] > 0  # the vocabulary is a third of the work: only where something is predicted
            logits = model.lm_head(states[wanted])
        losses = torch.nn.functional.cross_entropy(logits.float(), ids[:, 1:][wanted], reduction="none")
        loss = (losses * weights[:, 1:][wanted]).sum() / whole
        torch.autograd.backward(loss)
        loss_sum += loss.detach().item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss_sum


def _save(
    path: Path, recipe: Recipe, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer], progress: Progress
) -> None:
    state: dict[str, Any] = {
        "recipe": asdict(recipe),
        "progress": asdict(progress),
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(path) as file:
        torch.save(state, file)


def _resume(path: Path, recipe: Recipe, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> Progress:
    if not path.is_file():
        return Progress()
    state = torch.load(path, map_location="cpu", weights_only=True)
    progress = Progress(**state["progress"])
    before = Recipe(**state["recipe"])
    falling = progress.tokens > (1 - before.cooldown) * before.tokens
    if before != (recipe if falling else replace(recipe, tokens=before.tokens)):
        raise DataError("{folder} holds a run of another recipe. Choose another folder.", folder=path.parent)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return progress


def _report(progress: Progress, recipe: Recipe) -> None:
    log.info(
        "step %d, %.1f%% done, loss %.3f, %.2f million tokens, %.0f tokens a second",
        progress.step,
        100 * progress.tokens / recipe.tokens,
        progress.loss,
        progress.tokens / 1e6,
        progress.tokens / max(progress.seconds, 1e-9),
    )
