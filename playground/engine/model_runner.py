"""Runs what the scheduler chose: one forward pass, then the next token of each sequence, or its scores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from transformers import PreTrainedModel

from playground.engine.forward_batch import BatchLogits, ForwardBatch, ScoringRows
from playground.engine.kv_cache import KVCache
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.engine.sampler import sample_batch
from playground.engine.sched.output import SchedulerOutput
from playground.engine.sched.scheduler import Finished
from playground.engine.sequence import GenerateSequence, TokenSequence


class ModelRunner:
    """Only the engine's thread may use it."""

    def __init__(self, model: PreTrainedModel, lora: MultiLora, kv_cache: KVCache) -> None:
        self._model = model
        self._lora = lora
        self._kv_cache = kv_cache

    def execute(self, scheduled: SchedulerOutput) -> BatchLogits:
        """One forward pass, each token through its own request's adapter; no sequence has changed after it."""
        scoring = [*scheduled.speculative, *scheduled.scoring]
        decode = [_segment(seq, 1) for seq in scheduled.decode]
        prefill = [_segment(seq, chunk.num_tokens) for seq, chunk in scheduled.prefill]
        scored = [_segment(seq, rows.num_tokens) for seq, rows in scoring]
        batch = ForwardBatch(
            self._kv_cache,
            decode_token_ids=[seq.uncomputed_tokens()[0] for seq in scheduled.decode],
            decode_positions=[seq.num_computed_tokens for seq in scheduled.decode],
            prefill=[chunk for _, chunk in scheduled.prefill],
            scoring=[rows for _, rows in scoring],
            exact_logits=any(map(_wants_probabilities, scheduled.sequences())),
        )
        kept = [*decode, *(replace(one, num_tokens=1) for one in prefill), *scored]
        with self._lora.applied([*decode, *prefill, *scored], kept):
            return batch.run(self._model)

    def logits(self, token_ids: Sequence[int]) -> torch.Tensor:
        """(T, V) of a text by itself, through what is applied now."""
        return ForwardBatch(KVCache(), scoring=[ScoringRows(0, 0, [token_ids])]).run(self._model).scoring[0][0]

    def process_outputs(self, scheduled: SchedulerOutput, logits: BatchLogits) -> list[Finished]:
        """Sample for all at once and give each its token or scores; returns who is finished."""
        computed = [(seq, 1) for seq in scheduled.decode]
        computed += [(seq, chunk.num_tokens) for seq, chunk in scheduled.prefill]
        rows = _together(logits.decode, logits.prefill)
        sampled = _sample(computed, rows)
        finished: list[Finished] = []
        for row, (seq, num_tokens) in enumerate(computed):
            finished += _finished(seq, partial(_advance, seq, num_tokens, rows[row], sampled.get(row)))
        tables = iter(logits.scoring)
        for verified, given in scheduled.speculative:
            proposed = given.rows[0][1:]
            finished += _finished(verified, partial(verified.verify_tokens, proposed, next(tables)[0]))
        for (scored, _), table in zip(scheduled.scoring, tables, strict=True):
            finished += _finished(scored, partial(scored.take_scores, table))
        return finished


def _together(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Both one below the other, copied only where there are both."""
    if len(one) and len(other):
        return torch.cat((one, other))
    return one if len(one) else other


def _sample(computed: list[tuple[TokenSequence, int]], rows: torch.Tensor) -> dict[int, int | Exception]:
    """The next token of each who gets one, by its row in `rows` (N, V), or what its sampling failed with."""
    samplers = {
        row: sampler
        for row, (seq, num_tokens) in enumerate(computed)
        if isinstance(seq, GenerateSequence) and (sampler := seq.sampler_for_next(num_tokens))
    }
    if not samplers:
        return {}
    if len(samplers) < len(rows):
        rows = rows.index_select(0, torch.tensor(list(samplers), device=rows.device))
    sampled = sample_batch(list(samplers.values()), rows)
    return dict(zip(samplers, sampled, strict=True))


def _advance(seq: TokenSequence, num_tokens: int, logits: torch.Tensor, token: int | Exception | None) -> bool:
    """True once finished."""
    if isinstance(token, Exception):
        raise token
    seq.advance(num_tokens, logits)
    return isinstance(seq, GenerateSequence) and token is not None and seq.append_token(token)


def _finished(seq: TokenSequence, take: Callable[[], bool]) -> list[Finished]:
    """What fails here is this one request's own fault."""
    try:
        return [(seq, None)] if take() else []
    except Exception as error:
        return [(seq, error)]


def _wants_probabilities(seq: TokenSequence) -> bool:
    """Whether somebody reads more of its logits than which words are the likeliest."""
    return not isinstance(seq, GenerateSequence) or bool(seq.request.top_logprobs)


def _segment(seq: TokenSequence, num_tokens: int) -> LoraSegment:
    return LoraSegment(seq.request.adapter, seq.request.strength, num_tokens)
