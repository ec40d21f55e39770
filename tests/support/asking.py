"""Requests that the engine's tests make, and waiting on what they lead to."""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from playground.engine.attention import ATTENTION
from playground.engine.forward_batch import ForwardBatch, ScoringRows
from playground.engine.kv_cache import KVCache
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.models.tokenizer import ChatTokenizer
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams

PROMPT = "Once upon a time there was a little dog."
IDS = [[70, 81, 73, 223, 30, 94, 283, 65, 71, 268]]


def greedy(tokenizer: ChatTokenizer, text: str = PROMPT, most: int = 40, **fields: Any) -> GenerateRequest:
    return GenerateRequest(
        tuple(tokenizer.encode(text)), SamplingParams(temperature=0.0, max_new_tokens=most), **fields
    )


def endless(tokenizer: ChatTokenizer, seed: int, owner: str = "", address: str = "") -> GenerateRequest:
    sampling = SamplingParams(480, 1.5, 1.0, 0, seed=seed)
    return GenerateRequest(tuple(tokenizer.encode("A")), sampling, owner=owner, address=address)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.005)


@torch.inference_mode()
def adapter_logits(model: PreTrainedModel, lora: MultiLora, key: str, strength: float = 1.0) -> torch.Tensor:
    """The logits (1, T, V) of `IDS` through one adapter, by a pass of its own."""
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    with lora.applied([LoraSegment(key, strength, len(IDS[0]))]):
        logits = ForwardBatch(KVCache(), scoring=[ScoringRows(0, 0, IDS)]).run(model)[2][0]
    model.set_attn_implementation(before)
    return logits
