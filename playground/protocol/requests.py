"""What the engine and those who call it say to each other.

Everything here is plain data that pickles, or the shape (`typing.Protocol`) of an object that is passed in. No
tensors, so that the live model may one day stand on another machine.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, Protocol, TypedDict

BASE = "base"
"""The adapter name that means: no adapter, the base model as it is."""


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str
    weight: NotRequired[int]
    """0 for an answer that is read but not learnt, as in OpenAI's files."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose the next token. `temperature=0` is greedy; `seed=-1` draws a fresh seed."""

    max_new_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 50
    repetition_penalty: float = 1.0
    seed: int = -1
    stop: tuple[str, ...] = ()


GREEDY = Sampling(temperature=0.0)

DEADLINE_S = 600.0
"""Beyond it a request gives its place to others, unless it asks for another time."""


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Continue `tokens`. `adapter` is `BASE` or a key given to `Engine.load_adapter`; `strength` is 0 to 1.5.

    With `alternatives` above 0 each chunk tells, for every token, how likely it was and so many others.
    `deadline_s` is how long all of it may take, from submitting on.
    """

    tokens: tuple[int, ...]
    sampling: Sampling = Sampling()
    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
    alternatives: int = 0
    deadline_s: float | None = DEADLINE_S


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Score each of `continuations` as what follows `tokens`."""

    tokens: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
    deadline_s: float | None = DEADLINE_S


@dataclass(frozen=True, slots=True)
class Score:
    """Natural log-probabilities of one continuation of n tokens.

    `logprobs[i]` is that of token i given all before it; `end_logprobs[i]` that of the text ending right after
    token i (any of the model's end tokens), so every prefix of a continuation is scored in one pass.
    """

    logprobs: tuple[float, ...]
    end_logprobs: tuple[float, ...]


Finish = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Word:
    """A token as it was written, its probability before any temperature, and the likeliest others with theirs."""

    text: str
    probability: float
    others: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The whole text so far. `finished` is None while more may come; `words` only where they were asked for."""

    text: str
    new_tokens: int
    finished: Finish | None = None
    words: tuple[Word, ...] = ()


class Generation(Protocol):
    """A running request. Iterating yields the newest `Chunk`, skipping ones that the reader was too slow for;
    the last has `finished` set. Leaving the loop early does not cancel: call `cancel`."""

    request_id: str

    def __aiter__(self) -> AsyncIterator[Chunk]: ...

    def cancel(self) -> None: ...

    def result(self, timeout_s: float | None = None) -> Chunk:
        """Block until the end (for threads and scripts)."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a swap, from canary prompts: `largest_change` of a logit with the adapter on (0 means that it does
    nothing); `base_unchanged`: with it off, the base's logits equal, bit for bit, those from before any swap."""

    largest_change: float
    base_unchanged: bool
    load_s: float


@dataclass(frozen=True, slots=True)
class EngineStatus:
    model: str
    device: str
    quantization: str
    """What was really loaded, for people: "4-bit", "8-bit", "bf16" or "fp32"."""
    memory_gib: float
    context_length: int
    running: int
    queue: int
    adapters_resident: tuple[str, ...]


class Engine(Protocol):
    """The live model. Thread-safe; `submit` returns at once and raises `BusyError`, `InputError`, `AdapterError`."""

    def submit(self, request: GenerateRequest) -> Generation: ...

    async def score(self, request: ScoreRequest) -> list[Score]: ...

    def cancel(self, request_id: str) -> None: ...

    def load_adapter(self, key: str, folder: Path) -> Receipt:
        """Make the PEFT adapter in `folder` usable as `key`; blocks until swapped in. Loading a resident key again
        returns its receipt. An adapter that had to leave memory comes back by itself when a request names it."""
        ...

    def unload_adapter(self, key: str) -> None: ...

    def status(self) -> EngineStatus: ...

    def set_threads(self, threads: int) -> None:
        """Use this many CPU threads from the next step on (fewer while a training worker shares the cores)."""
        ...

    def close(self) -> None: ...


class Codec(Protocol):
    """Text to tokens and back for the loaded model. Control tokens inside a visitor's text never become real."""

    has_chat: bool
    context_length: int
    """How many tokens the live model takes at once, its answer included."""
    languages: tuple[str, ...]
    """English names of the languages that the model knows, for Translate."""
    weak_at: tuple[str, ...]
    """Names of tasks that the base model was measured to be too weak for."""

    def chat(self, messages: Sequence[Message]) -> list[int]:
        """The prompt up to where the assistant speaks. Without a chat template: the contents as plain paragraphs."""
        ...

    def plain(self, text: str) -> list[int]:
        """A text to be continued, with the start token where the model wants one."""
        ...

    def continuation(self, text: str) -> list[int]:
        """The text as it would follow a prompt, with no special tokens."""
        ...

    def continuation_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """As `continuation`, with each token's (start, end) characters in `text`."""
        ...

    def decode(self, tokens: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Live:
    """A loaded model as tasks, evaluation and pages see it."""

    engine: Engine
    codec: Codec


@dataclass(frozen=True, slots=True)
class Voice:
    """Who answers, and for whom: an adapter's key (or `BASE`), its strength, and the asking owner."""

    adapter: str = BASE
    strength: float = 1.0
    owner: str = ""
