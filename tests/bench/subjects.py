"""The models that the engine's benchmark runs on, with adapters, all in a temporary folder."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from playground.engine.llm_engine import LLMEngine
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.settings import Quantization
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY

ALL_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
VISITORS = 16
SAMPLED = {"temperature": 0.7, "top_p": 0.9, "top_k": 50}

_owners = itertools.count()

Row = tuple[str, str, str]
"""What was measured, what was seen, and what was promised."""


@dataclass(frozen=True)
class Subject:
    """A model folder and adapters for it, of rank 16 on all linear layers."""

    name: str
    folder: Path
    adapters: list[Path]

    @property
    def vocabulary(self) -> int:
        return int(AutoModelForCausalLM.from_pretrained(self.folder, device_map="meta").config.vocab_size)

    def engine(self, quantization: Quantization = "4bit", in_bf16: bool = False, **bounds: Any) -> LLMEngine:
        """The live model, never ending an answer by itself, so that all answers have the length asked for; `in_bf16`
        also where fp32 would be chosen."""

        def start() -> LLMEngine:
            loaded = load_model(str(self.folder), quantization)
            if in_bf16:
                loaded.model.to(torch.bfloat16)
            tokenizer = copy(loaded.tokenizer)
            tokenizer.eos_token_ids = ()
            return LLMEngine(replace(loaded, tokenizer=tokenizer), **bounds)

        return in_own_thread(start)

    def plain(self, quantized: bool = True) -> PreTrainedModel:
        """The same weights as transformers alone loads them."""
        four_bit = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=plain_dtype(),
            llm_int8_skip_modules=["lm_head"],
        )
        model = AutoModelForCausalLM.from_pretrained(
            self.folder,
            dtype=plain_dtype(),
            quantization_config=four_bit if quantized else None,
            device_map={"": _device()},
        ).eval()
        model.generation_config.eos_token_id = None
        model.generation_config.pad_token_id = 0
        return model


def tiny(root: Path) -> Subject:
    return Subject("tiny", TINY, make_adapters(TINY, root / "tiny"))


def random_135m(root: Path) -> Subject:
    """Random weights in the shape of a Llama of 135 million parameters."""
    folder = root / "random-135m"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY).save_pretrained(folder)
    return Subject("135M", folder, make_adapters(folder, root / "135m"))


MAKERS: dict[str, Callable[[Path], Subject]] = {"tiny": tiny, "135M": random_135m}


def request(prompt: list[int], tokens: int, adapter: str = "base", seed: int = 0, **sampling: Any) -> GenerateRequest:
    """Each is another visitor's, so that no prompt counts as known because an earlier round has read it."""
    fields = {"temperature": 0.0, "top_p": 1.0, "top_k": 0} | sampling
    params = SamplingParams(max_new_tokens=tokens, seed=seed, **fields)
    return GenerateRequest(tuple(prompt), params, adapter, owner=f"visitor {next(_owners)}")


def prompts(vocabulary: int, count: int, length: int) -> list[list[int]]:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(10, vocabulary - 10, (count, length), generator=draw).tolist()


def make_adapters(base: Path, folder: Path, count: int = 8) -> list[Path]:
    return [
        make_adapter(base, folder / f"adapter-{seed}", seed, ALL_LAYERS, r=16, lora_alpha=1) for seed in range(count)
    ]


def _device() -> str:
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def plain_dtype() -> torch.dtype:
    """What unquantized models of this size are loaded in here."""
    return torch.bfloat16 if torch.cuda.is_available() else torch.float32


@contextmanager
def running(subject: Subject, quantization: Any = "4bit", **bounds: Any) -> Iterator[LLMEngine]:
    engine = subject.engine(quantization, **bounds)
    try:
        yield engine
    finally:
        engine.close()
