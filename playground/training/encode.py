"""Examples to token rows: the one place that decides what is learnt, for preview, preflight and training alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from playground.data.examples import Example
from playground.errors import InputError
from playground.protocol import Message

NOT_LEARNT = -100
"""The label of a token that the loss leaves out."""


class RowCodec(Protocol):
    """The part of the model's codec that makes training rows: ids, and which of them are learnt."""

    def chat_with_answer(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]: ...

    def plain_with_end(self, text: str) -> tuple[list[int], list[bool]]: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One example in tokens; `labels[i]` is `input_ids[i]` where that is learnt and `NOT_LEARNT` elsewhere."""

    input_ids: list[int]
    labels: list[int]
    row: int
    full_length: int

    @property
    def truncated(self) -> bool:
        return self.full_length > len(self.input_ids)

    @property
    def learnt_tokens(self) -> int:
        # The first token has nothing before it, so no model is ever asked for it.
        return sum(label != NOT_LEARNT for label in self.labels[1:])


@dataclass(frozen=True, slots=True)
class Encoded:
    """What goes into training. `truncated` and `skipped` are rows of the file, the latter each with the reason."""

    rows: list[TokenRow]
    truncated: list[int]
    skipped: list[tuple[int, str]]

    @property
    def tokens(self) -> int:
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def learnt_tokens(self) -> int:
        return sum(row.learnt_tokens for row in self.rows)

    @property
    def longest(self) -> int:
        return max((len(row.input_ids) for row in self.rows), default=0)


def encode_row(example: Example, codec: RowCodec, max_length: int, completion_only_loss: bool = True) -> TokenRow:
    """Encode one example, cutting off what lies beyond `max_length` tokens.

    With `completion_only_loss` only the assistant's words and the token that ends them are learnt, of a plain text
    all of it. Raises `InputError` for a conversation that the model's template refuses.
    """
    if example.messages is not None:
        ids, learnt = codec.chat_with_answer(example.messages)
    else:
        ids, learnt = codec.plain_with_end(example.text or "")
    if not completion_only_loss:
        learnt = [True] * len(ids)
    labels = [token if is_learnt else NOT_LEARNT for token, is_learnt in zip(ids, learnt, strict=True)]
    return TokenRow(ids[:max_length], labels[:max_length], example.row, len(ids))


def encode(examples: Iterable[Example], codec: RowCodec, max_length: int, completion_only_loss: bool = True) -> Encoded:
    """Encode all examples. A row of which nothing could be learnt is left out and reported, never trained on."""
    rows: list[TokenRow] = []
    skipped: list[tuple[int, str]] = []
    for example in examples:
        try:
            row = encode_row(example, codec, max_length, completion_only_loss)
        except InputError as error:
            skipped.append((example.row, str(error)))
            continue
        if row.learnt_tokens:
            rows.append(row)
        elif row.truncated:
            skipped.append((example.row, f"The answer begins only after the first {max_length} tokens."))
        else:
            skipped.append((example.row, "There is nothing in it to learn."))
    return Encoded(rows, [row.row for row in rows if row.truncated], skipped)


def preview(
    example: Example, codec: RowCodec, max_length: int, completion_only_loss: bool = True
) -> list[tuple[str, bool]]:
    """Show a row as the model will see it: its text in pieces, each with whether it is learnt.

    The pieces together are the decoded row. Raises `InputError` as `encode_row` does.
    """
    row = encode_row(example, codec, max_length, completion_only_loss)
    pieces: list[tuple[str, bool]] = []
    shown, start = "", 0
    for end in range(1, len(row.labels) + 1):
        learnt = row.labels[start] != NOT_LEARNT
        if end < len(row.labels) and (row.labels[end] != NOT_LEARNT) == learnt:
            continue
        # Decoded from the beginning each time: a piece decoded alone would lose its leading space.
        text = codec.decode(row.input_ids[:end])
        if text != shown:
            pieces.append((text[len(shown) :], learnt))
        shown, start = text, end
    return pieces
