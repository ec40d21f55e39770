"""The running requests and their places: who feeds what to the next pass, and who gets which logits."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedModel

from playground.engine.forward_batch import Branches, Pass, Piece
from playground.engine.kv_cache import Places
from playground.engine.lora import LoraRouter, Route
from playground.engine.sampler import choose_all
from playground.engine.sequence import PREFILL_TOKENS, Work
from playground.memory import out_of_memory

log = logging.getLogger(__name__)

Finished = tuple[Work, Exception | None]
"""A request whose place is free again, and what it failed with."""


@dataclass(slots=True)
class _Plan:
    """Who takes part in a pass, in the pass's own order."""

    single: list[Work]
    pieces: list[tuple[Work, Piece]]
    branches: list[tuple[Work, Branches]]


class Batch:
    """Only the engine's thread may use it. The request at index i of `_works` has place i."""

    def __init__(self, model: PreTrainedModel, router: LoraRouter, most_places: int, most_tokens: int) -> None:
        self._model = model
        self._router = router
        self._most_places = most_places
        self._most_tokens = most_tokens
        self._places = Places(most_places)
        self._works: list[Work] = []
        self._turn = 0

    def fits(self, work: Work) -> bool:
        """Whether its text finds room beside those who run: every place is as long as the longest text."""
        longest = max(one.reach for one in [*self._works, work])
        return (len(self._works) + 1) * longest <= self._most_tokens

    def join(self, work: Work) -> None:
        self._places.clean(len(self._works))
        self._works.append(work)

    def leave(self, work: Work) -> None:
        """Free its place, which the last request takes over; one that never joined is left alone."""
        if work not in self._works:
            return
        index = self._works.index(work)
        last = self._works.pop()
        if last is not work:
            self._works[index] = last
            if last.fed:
                self._places.move(len(self._works), index, last.fed)

    def clear(self) -> None:
        self._works.clear()
        self._places = Places(self._most_places)

    def trim(self) -> None:
        """Keep no more memory than those who are left have filled."""
        self._places.trim(len(self._works), max((work.fed for work in self._works), default=0))

    def step(self) -> list[Finished]:
        """One pass with all; returns who is finished. Whatever fails a pass is found out by asking each alone.

        Memory that runs out is raised, and nothing has happened then.
        """
        plan = self._plan()
        try:
            logits = self._run(plan)
        except Exception as error:
            if out_of_memory(error):
                raise
            log.exception("a pass with %d requests failed; each is asked alone", len(self._works))
            return [found for work in list(self._works) for found in self._alone(work)]
        return self._hand_out(plan, logits)

    def _alone(self, work: Work) -> list[Finished]:
        plan = self._plan_of([work])
        try:
            return self._hand_out(plan, self._run(plan))
        except Exception as error:
            return [(work, error)]

    def _plan(self) -> _Plan:
        """Those who get one token each come first, at the places from 0 on."""
        count = sum(_streams(work) for work in self._works)
        for index in range(count):
            if not _streams(self._works[index]):
                other = next(i for i in range(count, len(self._works)) if _streams(self._works[i]))
                one, two = self._works[index], self._works[other]
                self._places.swap(index, other, max(one.fed, two.fed))
                self._works[index], self._works[other] = two, one
        plan = self._plan_of(self._works[count:])
        plan.single = self._works[:count]
        return plan

    def _plan_of(self, works: Sequence[Work]) -> _Plan:
        """Short prompts go first: whoever waits for a long one is not held up by it, and its own wait hardly grows."""
        plan = _Plan([], [], [])
        room = PREFILL_TOKENS
        for work in sorted(works, key=lambda one: len(one.pending())):
            if pending := work.pending()[:room]:
                plan.pieces.append((work, Piece(self._works.index(work), work.fed, pending)))
                room -= len(pending)
        scoring = [work for work in works if not work.pending()]
        if scoring:  # one a pass, in turns: each is as large as a pass may be
            work = min(scoring, key=lambda one: one.turn)
            self._turn += 1
            work.turn = self._turn
            rows = work.branching()
            plan.branches.append((work, Branches(self._works.index(work), work.fed, rows, work.stays)))
        return plan

    def _run(self, plan: _Plan) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        routes = [_route(work, 1) for work in plan.single]
        routes += [_route(work, len(piece.tokens)) for work, piece in plan.pieces]
        routes += [_route(work, len(found.rows) * len(found.rows[0])) for work, found in plan.branches]
        batch = Pass(
            self._places,
            [work.pending()[0] for work in plan.single],
            [work.fed for work in plan.single],
            [piece for _, piece in plan.pieces],
            [branches for _, branches in plan.branches],
        )
        with self._router.routed(routes):
            return batch.run(self._model)

    def _hand_out(self, plan: _Plan, logits: tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]) -> list[Finished]:
        singles, lasts, branched = logits
        given = [(work, 1) for work in plan.single]
        given += [(work, len(piece.tokens)) for work, piece in plan.pieces]
        rows = torch.cat((singles, lasts)) if plan.pieces and plan.single else singles if plan.single else lasts
        choosing = [(row, sampler) for row, (work, count) in enumerate(given) if (sampler := work.chooser(count))]
        chosen: dict[int, int | Exception] = {}
        if choosing:
            places = [row for row, _ in choosing]
            asked = rows if len(places) == len(rows) else rows[places]
            chosen = dict(zip(places, choose_all([sampler for _, sampler in choosing], asked), strict=True))
        finished: list[Finished] = []
        for row, (work, count) in enumerate(given):
            finished += _told(work, partial(_take, work, count, rows[row], chosen.get(row)))
        for (work, _), table in zip(plan.branches, branched, strict=True):
            finished += _told(work, partial(work.take_branches, table))
        return finished


def _told(work: Work, take: Callable[[], bool]) -> list[Finished]:
    """What fails here is this one request's own fault."""
    try:
        return [(work, None)] if take() else []
    except Exception as error:
        return [(work, error)]


def _take(work: Work, count: int, logits: torch.Tensor, token: int | Exception | None) -> bool:
    if isinstance(token, Exception):
        raise token
    done = work.take(count, logits)
    return done if token is None else work.take_token(token)


def _streams(work: Work) -> bool:
    """Whether it is past its prompt and waits for its next token."""
    return work.fed > 0 and len(work.pending()) == 1


def _route(work: Work, tokens: int) -> Route:
    return Route(work.request.adapter, work.request.strength, tokens)
