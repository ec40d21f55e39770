"""Tokens are drawn from the distribution that transformers defines, and no parameter slips through unchecked."""

import math
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList
from transformers.generation import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from playground.engine.sampler import Candidates, Sampler, check_sampling, sample_batch
from playground.errors import EngineError, InputError
from playground.protocol.sampling import GREEDY, SamplingParams


@pytest.mark.parametrize(
    ("temperature", "top_p", "top_k"), [(0.7, 0.9, 50), (1.3, 1.0, 0), (1.0, 0.3, 0), (0.5, 1.0, 5), (1.0, 0.01, 1)]
)
def test_distribution_is_transformers_own(temperature: float, top_p: float, top_k: int) -> None:
    """Temperature, then top-k, then top-p leave the same tokens with the same probabilities."""
    scores = torch.randn(300, generator=torch.Generator().manual_seed(0)) * 3
    warpers = [TemperatureLogitsWarper(temperature)]
    warpers += [TopKLogitsWarper(top_k)] if top_k else []
    warpers += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    want = LogitsProcessorList(warpers)(torch.tensor([[1]]), scores[None])[0].softmax(-1)
    sampler = Sampler(SamplingParams(8, temperature, top_p, top_k, seed=0), [1])
    values, ordered, total = Candidates([sampler], scores[None]).of(0)
    reached = torch.from_numpy(sampler._distribution(values, total))
    probabilities = reached.diff(prepend=torch.zeros(1)).div(reached[-1]).float()
    tokens = torch.from_numpy(ordered)[: len(probabilities)]
    assert torch.allclose(torch.zeros(300).index_put((tokens,), probabilities), want, atol=1e-6)


def test_draws_follow_the_distribution() -> None:
    """Ten thousand draws come as often as their probabilities say."""
    sampler = Sampler(SamplingParams(8, 1.0, 1.0, 3, seed=5), [])
    values = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    drawn = torch.tensor([choose(sampler, values[0]) for _ in range(10_000)])
    shares = drawn.bincount(minlength=4) / len(drawn)
    assert torch.allclose(shares, torch.cat((values[0, :3].softmax(0), torch.zeros(1))), atol=0.02)


def test_company_changes_no_choice() -> None:
    """Chosen all at once, each row gets what it would get alone, whatever the others ask for."""
    settings = [
        GREEDY,
        SamplingParams(8, 0.7, 0.9, 50, seed=1),
        SamplingParams(8, 1.0, 1.0, 0, seed=2),
        SamplingParams(8, 1.2, 0.8, 0, 1.3, seed=3),
    ]
    logits = torch.randn(4, 600, generator=torch.Generator().manual_seed(0))
    together = sample_batch([Sampler(one, [1, 2]) for one in settings], logits)
    assert together == [choose(Sampler(one, [1, 2]), row) for one, row in zip(settings, logits, strict=True)]


def test_equally_likely_tokens_are_drawn_alike_in_any_company() -> None:
    """In 16 bits many logits are equal: their order must follow from the row alone, not from what others ask for."""
    logits = torch.randn(200, 5_000, generator=torch.Generator().manual_seed(0)).bfloat16()
    mine, other = SamplingParams(8, 1.5, 1.0, 50, seed=3), SamplingParams(8, 1.0, 1.0, 400, seed=4)
    alone = [choose(Sampler(mine, []), row) for row in logits]
    beside = [sample_batch([Sampler(mine, []), Sampler(other, [])], torch.stack((row, row)))[0] for row in logits]
    assert alone == beside


def test_top_p_alone_finds_the_same_without_sorting_all() -> None:
    """Where its share ends early only the head is sorted, and the draws are those from all tokens sorted."""
    scores = torch.randn(5_000, generator=torch.Generator().manual_seed(1)) * 4
    sampler = Sampler(SamplingParams(8, 0.8, 0.9, 0, seed=1), [])
    values, _, total = Candidates([sampler], scores[None]).of(0)
    head = sampler._distribution(values, total)
    whole = sampler._distribution(scores.sort(descending=True).values.numpy(), None)
    assert len(values) < len(scores)
    assert len(head) == len(whole)
    assert torch.allclose(torch.from_numpy(head), torch.from_numpy(whole))


def choose(sampler: Sampler, scores: torch.Tensor) -> int:
    (chosen,) = sample_batch([sampler], scores[None])
    if isinstance(chosen, Exception):
        raise chosen
    return chosen


@pytest.mark.parametrize("penalize_prompt", [True, False])
def test_repetition_penalty_is_transformers_own(penalize_prompt: bool) -> None:
    """The penalty covers what was generated and, unless it is not to, the prompt; once however often a token came."""
    sampling = SamplingParams(8, 0.0, repetition_penalty=1.3, penalize_prompt=penalize_prompt)
    processor = RepetitionPenaltyLogitsProcessor(1.3, prompt_ignore_length=None if penalize_prompt else 4)
    prompt = [3, 7, 7, 250]
    sampler = Sampler(sampling, prompt)
    generator = torch.Generator().manual_seed(0)
    ids = list(prompt)
    for _ in range(40):
        scores = torch.randn(300, generator=generator)
        scores[[3, 5]] += 3
        want = int(processor(torch.tensor([ids]), scores[None])[0].argmax())
        assert choose(sampler, scores) == want
        ids.append(want)


def test_a_seed_repeats_its_draws() -> None:
    """Two samplers with one seed draw alike, and another seed does not."""
    scores = torch.zeros(1000)
    drawn = [choose(Sampler(SamplingParams(8, 1.0, 1.0, 0, seed=seed), []), scores) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    "sampling",
    [GREEDY, *(SamplingParams(temperature=1.0, top_k=kept) for kept in (50, 3, 0)), SamplingParams(8, 1.0, 1.0, 0)],
)
def test_unusable_numbers_are_noticed(sampling: SamplingParams) -> None:
    """Logits that are not numbers end in a sentence, not in token 0."""
    with pytest.raises(EngineError, match="overflowed"):
        choose(Sampler(sampling, [1]), torch.full((10,), math.nan))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", -0.1),
        ("temperature", "hot"),
        ("temperature", True),
        ("top_p", 1.01),
        ("top_p", None),
        ("top_k", -1),
        ("top_k", 1.5),
        ("repetition_penalty", 0.0),
        ("seed", -2),
        ("seed", 2**63),
        ("max_new_tokens", 0),
        ("max_new_tokens", 10.0),
        ("stop", "text"),
        ("stop", ("",)),
        ("stop", (1,)),
        ("stop", ("x",) * 17),
    ],
)
def test_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    """Not-a-number, infinite, out of range or of another type: the sentence names the field."""
    with pytest.raises(InputError, match=field):
        check_sampling(SamplingParams(**{field: value}))


def test_accepts_the_whole_range() -> None:
    """The ends of every range are inside it."""
    check_sampling(SamplingParams())
    check_sampling(SamplingParams(1, 0, 0.0, 0, 0.5, -1))
    check_sampling(SamplingParams(32_768, 5.0, 1, 100_000, 3.0, 2**63 - 1, ("\n",)))


def test_penalties_count_what_was_written() -> None:
    """By how often a token stands in the answer, and by whether it does; the prompt counts for neither."""
    logits = torch.tensor([3.0, 2.9, 2.05, 0.0])
    by_times, by_presence = SamplingParams(8, 0.0, frequency_penalty=0.5), SamplingParams(8, 0.0, presence_penalty=1.5)
    for params, want in ((by_times, [0, 1, 0, 1, 2]), (by_presence, [0, 1, 2, 0, 0])):
        sampler = Sampler(params, [0, 0, 1])
        assert [choose(sampler, logits) for _ in want] == want
