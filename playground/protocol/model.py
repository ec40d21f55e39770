"""The loaded base model, as everybody but the engine knows it."""

from collections.abc import Sequence
from typing import Protocol

from playground.protocol.messages import Message


class Tokenizer(Protocol):
    """Text to tokens and back for the loaded model. Control tokens inside a visitor's text never become real."""

    has_chat_template: bool
    context_length: int
    """How many tokens the live model takes at once, its answer included."""
    languages: tuple[str, ...]
    """English names of the languages that the model knows, for Translate."""
    weak_tasks: tuple[str, ...]
    """Names of tasks that the base model was measured to be too weak for."""

    def apply_chat_template(self, messages: Sequence[Message]) -> list[int]:
        """The prompt up to where the assistant speaks. Without a chat template: the contents as plain paragraphs."""
        ...

    def encode(self, text: str) -> list[int]:
        """A text to be continued, with the start token where the model wants one."""
        ...

    def encode_continuation(self, text: str) -> list[int]:
        """The text as it would follow a prompt, with no special tokens."""
        ...

    def encode_continuation_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """As `continuation`, with each token's (start, end) characters in `text`."""
        ...

    def decode(self, tokens: Sequence[int]) -> str: ...
