"""Moods are judged by what a text adds to what the model prefers anyway."""

import asyncio
from dataclasses import replace

import pytest

from playground.protocol.client import SamplingClient
from playground.protocol.requests import ContinuationLogprobs
from playground.tasks import sentiment
from playground.tasks.sentiment import CONTENT_FREE, LABELS, TASK, WAYS
from tests.tasks.test_tasks import client, results

__all__ = ["client"]
LEANING = 3.0
"""By so much the model prefers the first label, whatever it is asked."""


@pytest.fixture
def asked(client: SamplingClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model that says what it prefers, and a little of what the text says; the adapters that were asked."""
    found: list[str] = []

    async def scores(self: SamplingClient, prompt: list[int], labels: list[list[int]]) -> list[ContinuationLogprobs]:
        found.append(self.adapter)
        text = self.tokenizer.decode(prompt)
        mood = 1.0 if "lovely" in text else -1.0 if "cold" in text else 0.0
        assert len(labels) == len(LABELS) * len(WAYS)
        first, second = ContinuationLogprobs((LEANING + mood,), (0.0,)), ContinuationLogprobs((0.0,), (0.0,))
        return [first] * len(WAYS) + [second] * len(WAYS)

    monkeypatch.setattr(SamplingClient, "compute_logprobs", scores)
    monkeypatch.setattr(sentiment, "_leanings", {})
    return found


def mood(client: SamplingClient, text: str) -> dict[str, float]:
    return dict(results(TASK, client, text=text)[-1].confidences)


def test_what_the_model_prefers_anyway_does_not_count(client: SamplingClient, asked: list[str]) -> None:
    positive, negative = LABELS
    assert mood(client, "A lovely breakfast.")[positive] == pytest.approx(1 / (1 + 2.718281828**-1), abs=1e-6)
    assert mood(client, "A cold soup.")[negative] > 0.7
    assert mood(client, "A table.")[positive] == pytest.approx(0.5)


def test_the_bare_model_tells_it_once(client: SamplingClient, asked: list[str]) -> None:
    """Also for adapters: one that was taught moods says of no text what it learnt of some."""
    known = replace(client, info=client.info.model_copy(update={"fingerprint": "f" * 64}), adapter="taught")
    for text in ("A lovely day.", "A cold day."):
        mood(known, text)
    assert asked == ["base"] * len(CONTENT_FREE) + ["taught"] * 2
    other = replace(known, info=known.info.model_copy(update={"fingerprint": "e" * 64}))
    asyncio.run(TASK._leaning(other))
    assert len(asked) == 2 * len(CONTENT_FREE) + 2


def test_a_label_counts_in_every_way_to_say_it(client: SamplingClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that would begin a sentence tells its mood there, and not in the bare word."""

    async def scores(self: SamplingClient, prompt: list[int], labels: list[list[int]]) -> list[ContinuationLogprobs]:
        cold = "cold" in self.tokenizer.decode(prompt)
        word, sentence = ContinuationLogprobs((-20.0,), (0.0,)), ContinuationLogprobs((-3.0,), (0.0,))
        return [word, sentence, word, ContinuationLogprobs((-1.0,), (0.0,)) if cold else sentence]

    monkeypatch.setattr(SamplingClient, "compute_logprobs", scores)
    monkeypatch.setattr(sentiment, "_leanings", {})
    assert mood(client, "A cold soup.")[LABELS[1]] == pytest.approx(1 / (1 + 2.718281828**-2), abs=1e-4)
