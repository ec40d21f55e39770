"""What the first steps on a card share: an engine on a model with random weights in a real shape, in 4 bits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import LoadedModel, load_model
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from tests.support.tiny import CHATML, make_adapter, make_tokenizer

SIZES = {
    "tiny": (64, 2, 4, 2, 128, 512),
    "small": (896, 24, 14, 2, 4864, 151_936),
    "7b": (3584, 28, 28, 4, 18_944, 152_064),
}
"""Hidden size, layers, heads, heads of keys, width of the MLP, vocabulary."""
CONTEXT = 4096


class Wrong(Exception):
    """What must not be so, in a sentence."""


@dataclass
class Ground:
    """What the steps share."""

    folder: Path
    model: Path
    size: str
    device: torch.device
    loaded: LoadedModel
    engine: LLMEngine
    load_s: float

    @property
    def on_card(self) -> bool:
        return self.device.type == "cuda"

    def ask(self, tokens: int = 32, prompt: int = 16, seed: int = 1, **options: object) -> GenerateRequest:
        ids = tuple((seed * 31 + at * 7) % 500 + 2 for at in range(prompt))
        sampling = options.pop("sampling", SamplingParams(tokens, temperature=0.0))
        return GenerateRequest(ids, sampling, **options)  # type: ignore[arg-type]

    def seconds(self, requests: list[GenerateRequest]) -> tuple[float, list[str]]:
        began = time.perf_counter()
        texts = [stream.result(600).text for stream in [self.engine.submit(one) for one in requests]]
        return time.perf_counter() - began, texts

    def adapter(self, name: str, r: int, seed: int = 1) -> Path:
        folder = self.folder / name
        return folder if folder.exists() else make_adapter(self.model, folder, seed, r=r)


def timed(ground: Ground, work: Callable[[], object]) -> float:
    """Seconds, with whatever the card has to do."""
    if ground.on_card:
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if ground.on_card:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def prepare(folder: Path, size: str) -> Ground:
    """Make the model, load it in 4 bits, and start an engine on it; the caller closes that."""
    hidden, layers, heads, kv_heads, width, vocabulary = SIZES[size]
    tokenizer = make_tokenizer(CHATML)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=size == "small",
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    model = folder / "model"
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(model)
    tokenizer.save_pretrained(model)
    began = time.perf_counter()
    loaded = load_model(str(model), "4bit")
    return Ground(folder, model, size, loaded.device, loaded, LLMEngine(loaded), time.perf_counter() - began)
