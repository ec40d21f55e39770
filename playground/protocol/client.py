"""Who answers, and for whom."""

from dataclasses import dataclass

from playground.protocol.engine import Engine
from playground.protocol.messages import BASE
from playground.protocol.model import Tokenizer


@dataclass(frozen=True, slots=True)
class Live:
    """A loaded model as tasks, evaluation and pages see it."""

    engine: Engine
    tokenizer: Tokenizer


@dataclass(frozen=True, slots=True)
class Voice:
    """Who answers, and for whom: an adapter's key (or `BASE`), its strength, and the asking owner."""

    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
