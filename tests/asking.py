"""Requests that the engine's tests make, and waiting on what they lead to."""

import time
from collections.abc import Callable
from typing import Any

from playground.models.codec import ModelCodec
from playground.protocol import GenerateRequest, Sampling

PROMPT = "Once upon a time there was a little dog."


def greedy(codec: ModelCodec, text: str = PROMPT, most: int = 40, **fields: Any) -> GenerateRequest:
    return GenerateRequest(tuple(codec.plain(text)), Sampling(temperature=0.0, max_new_tokens=most), **fields)


def endless(codec: ModelCodec, seed: int, owner: str = "") -> GenerateRequest:
    return GenerateRequest(tuple(codec.plain("A")), Sampling(480, 1.5, 1.0, 0, seed=seed), owner=owner)


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        time.sleep(0.005)
