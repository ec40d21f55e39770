"""The loaded base model, as everybody but the engine knows it, and who holds it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel

from playground.protocol.engine import EngineStatus, SwapReceipt
from playground.protocol.messages import BASE, Message
from playground.protocol.thinking import ThinkingMarks
from playground.sentence import Sentence

if TYPE_CHECKING:
    from playground.protocol.client import SamplingClient

Quantization = Literal["auto", "4bit", "8bit", "none"]


class ModelInfo(BaseModel, frozen=True):
    """A base model as it is loaded. A value: ask the host for it at each event, never keep it in an object."""

    id: str
    """Loads it again: "starter", a hub id, or a folder."""
    name: str
    """For people."""
    hub_id: str = ""
    """What others know it by, for model cards; "" where it is only a folder."""
    folder: Path
    fingerprint: str
    """What adapters are bound to."""
    num_parameters: int
    weights_bytes: int
    """Of its files on the disk."""
    quantization: Literal["4bit", "8bit", "none"]
    dtype: Literal["fp32", "bf16", "fp16"]
    """Of what is not quantized."""
    device: str
    memory_gib: float
    """What its weights take in memory."""
    context_length: int
    """Tokens that it takes at once, its answer included; in a host, after memory and attention have had their say."""
    one_at_a_time: bool = False
    """In a host: whether each request has passes of its own, since this family cannot share one."""
    has_chat_template: bool
    can_think: bool = False
    """Whether it can be asked to think before it answers, and not to."""
    languages: tuple[str, ...] = ()
    """English names of the languages that it knows, for Translate."""
    chat_languages: tuple[str, ...] = ()
    """Of those, the ones that it can be talked to in; none where nobody described the model."""
    good_for: str = ""
    """What it is good and bad at, in plain English; "" where nobody described the model."""
    weak_tasks: frozenset[str] = frozenset()
    """Names of tasks that it was measured to be too weak for."""
    linear_modules: tuple[str, ...] = ()
    """What `target_modules` of an adapter may name."""
    expert_parameters: tuple[str, ...] = ()
    """What it may name beside, where a layer's experts are one parameter: PEFT's `target_parameters`."""
    max_adapter_bytes: int = 0
    """What an adapter of it can weigh."""
    lora_widths: dict[str, int] = {}
    """How many numbers one rank of an adapter has on all layers of this name."""
    max_adapter_numbers: int = 0
    """In a host: how many an adapter may have to be held beside the model; 0 where it is not known."""
    license: str = ""
    kernels: dict[str, tuple[str, ...]] = {}
    """In a host: how its layers are multiplied for one token, a few, many and a prompt, by the layers' names."""

    @property
    def lora_modules(self) -> tuple[str, ...]:
        """All that an adapter may be on, as a run's `target_modules` may name it."""
        return self.linear_modules + self.expert_parameters

    @property
    def precision(self) -> str:
        """How it is loaded, for people: "4-bit", "8-bit", "bf16", "fp16" or "fp32"."""
        return {"4bit": "4-bit", "8bit": "8-bit"}.get(self.quantization, self.dtype)

    def serves(self, fingerprint: str) -> bool:
        """Whether what was made for the model of this fingerprint is for this one; "" (not known) counts as such."""
        return fingerprint in ("", self.fingerprint)


class HostState(BaseModel, frozen=True):
    """Where a host stands. `generation` grows by one at each change of the model: a page compares it with the one that
    it was drawn for."""

    phase: Literal["ready", "downloading", "draining", "loading"]
    generation: int
    target: str = ""
    """The model that is coming."""
    failed: Sentence | None = None
    """Why the last change went wrong."""


class Tokenizer(Protocol):
    """Text to tokens and back. Control tokens inside a visitor's text never become real."""

    @property
    def thinking_marks(self) -> ThinkingMarks | None:
        """What a model that thinks sets around its thoughts; None where the chat template knows nothing of it."""
        ...

    def apply_chat_template(self, messages: Sequence[Message], thinking: bool = False) -> list[int]:
        """The prompt up to where the assistant speaks, or with `thinking` to where it thinks, if the model can. Without
        a chat template: the contents as plain paragraphs."""
        ...

    def encode(self, text: str) -> list[int]:
        """A text to be continued, with the start token where the model wants one."""
        ...

    def encode_continuation(self, text: str) -> list[int]:
        """The text as it would follow a prompt, with no special tokens."""
        ...

    def encode_continuation_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """As `encode_continuation`, with each token's (start, end) characters in `text`."""
        ...

    def decode(self, tokens: Sequence[int]) -> str: ...

    def decode_output(self, tokens: Sequence[int]) -> str:
        """As `decode`, with the marks of thinking also where they are special tokens."""
        ...


class ModelHost(Protocol):
    """Holds the live model and can change it. Thread-safe."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    def state(self) -> HostState: ...

    def status(self) -> EngineStatus:
        """What moves: how many requests run and wait, and which adapters are resident."""
        ...

    def client(self, owner: str = "", adapter: str = BASE, strength: float = 1.0) -> "SamplingClient":
        """For one piece of work with the model that is loaded now. `adapter` is `BASE` or a key given to
        `load_adapter`. Raises `BusyError` while no model is loaded, in the midst of a change."""
        ...

    def load_adapter(self, key: str, folder: Path) -> SwapReceipt:
        """As `Engine.load_adapter`; raises `AdapterError`."""
        ...

    def unload_adapter(self, key: str) -> None: ...

    def forget_owner(self, owner: str) -> None:
        """Keep nothing in memory of what this owner has asked."""
        ...

    def load(self, model: str, quantization: Quantization = "auto") -> ModelInfo:
        """Change the model; blocks. Nobody waits where both fit into memory. Raises `ModelError`, and then the model
        from before is back."""
        ...

    def subscribe(self, changed: Callable[[ModelInfo], None]) -> None:
        """Call `changed` after each change of the model, in the thread that made it."""
        ...

    def set_threads(self, threads: int) -> None:
        """Use this many CPU threads from the next step on (fewer while a training worker shares the cores)."""
        ...

    def close(self) -> None: ...
