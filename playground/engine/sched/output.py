"""Who takes part in a step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from playground.engine.forward_batch import PrefillChunk, ScoringRows
from playground.engine.scoring import LogprobsSequence
from playground.engine.sequence import GenerateSequence, TokenSequence


@dataclass(slots=True)
class SchedulerOutput:
    """Who takes part in a step, in the order of its `ForwardBatch`: those who decode have the slots from 0 on."""

    decode: list[TokenSequence] = field(default_factory=list)
    prefill: list[tuple[TokenSequence, PrefillChunk]] = field(default_factory=list)
    speculative: list[tuple[GenerateSequence, ScoringRows]] = field(default_factory=list)
    """Who has its last token and proposed ones verified, instead of decoding."""
    scoring: list[tuple[LogprobsSequence, ScoringRows]] = field(default_factory=list)

    @property
    def decodes_one(self) -> bool:
        """Whether a token of one request is all that is computed."""
        return len(self.decode) == 1 and not (self.prefill or self.speculative or self.scoring)

    def sequences(self) -> Iterator[TokenSequence]:
        yield from self.decode
        yield from (seq for seq, _ in self.prefill)
        yield from (seq for seq, _ in self.speculative)
        yield from (seq for seq, _ in self.scoring)
