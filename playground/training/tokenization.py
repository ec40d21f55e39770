"""Examples to `input_ids` and `labels`: the one place that decides which tokens carry loss, for preview, preflight and
training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from playground.data.examples import Example
from playground.errors import InputError
from playground.protocol.messages import Message
from playground.sentence import Sentence

IGNORE_INDEX = -100
"""The label of a token that the loss leaves out."""


class RowTokenizer(Protocol):
    """The part of the model's tokenizer that makes training rows: ids, and which of them are trained on."""

    def tokenize_conversation(self, messages: Sequence[Message]) -> tuple[list[int], list[bool]]: ...

    def tokenize_text(self, text: str) -> tuple[list[int], list[bool]]: ...

    def decode(self, tokens: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class TokenizedExample:
    """An example in tokens, or a piece of a long text; `labels[i]` is `input_ids[i]` where that is trained on and
    `IGNORE_INDEX` elsewhere. `full_length` is what it would take whole."""

    input_ids: list[int]
    labels: list[int]
    row: int
    full_length: int

    @property
    def truncated(self) -> bool:
        return self.full_length > len(self.input_ids)

    @property
    def num_loss_tokens(self) -> int:
        # The first token has nothing before it, so no model is ever asked for it.
        return sum(label != IGNORE_INDEX for label in self.labels[1:])


@dataclass(frozen=True, slots=True)
class TokenizedDataset:
    """What goes into training. `truncated`, `skipped` and `in_pieces` are rows of the file: those that lose their
    ends, those that cannot be trained on with the reason, and long texts that became several rows here."""

    rows: list[TokenizedExample]
    truncated: list[int]
    skipped: list[tuple[int, Sentence]]
    in_pieces: list[int]

    @property
    def num_tokens(self) -> int:
        return sum(len(row.input_ids) for row in self.rows)

    @property
    def num_loss_tokens(self) -> int:
        return sum(row.num_loss_tokens for row in self.rows)

    @property
    def longest(self) -> int:
        return max((len(row.input_ids) for row in self.rows), default=0)


def tokenize_example(
    example: Example, tokenizer: RowTokenizer, max_length: int, completion_only_loss: bool = True
) -> list[TokenizedExample]:
    """Tokenize one example into rows of `max_length` tokens at most.

    A conversation is one row, whose end is cut off if it is too long: with `completion_only_loss` only the
    assistant's words and the token that ends them carry loss. A plain text does so whole, in pieces if it must be.
    Raises `InputError` for a conversation that the model's template refuses.
    """
    if example.messages is None:
        return _pieces(example, tokenizer, max_length, completion_only_loss)
    ids, loss_mask = tokenizer.tokenize_conversation(example.messages)
    if not completion_only_loss:
        loss_mask = [True] * len(ids)
    return [TokenizedExample(ids[:max_length], _labels(ids, loss_mask)[:max_length], example.row, len(ids))]


def _pieces(
    example: Example, tokenizer: RowTokenizer, max_length: int, completion_only_loss: bool
) -> list[TokenizedExample]:
    """A plain text in pieces, of which together every token carries loss once.

    Each piece begins as the whole text would, with the start token; where a model has none, with the last token of
    the piece before, for the first token of a row has nothing that it could be told from.
    """
    ids, loss_mask = tokenizer.tokenize_text(example.text or "")
    if not completion_only_loss:
        loss_mask = [True] * len(ids)
    labels = _labels(ids, loss_mask)
    if len(ids) <= max_length:
        return [TokenizedExample(ids, labels, example.row, len(ids))]
    rows = [TokenizedExample(ids[:max_length], labels[:max_length], example.row, max_length)]
    start = next((place for place, trained in enumerate(loss_mask) if trained), 0)
    room = max(1, max_length - max(1, start))
    for place in range(max_length, len(ids), room):
        lead = ids[:start] or ids[place - 1 : place]
        taken = slice(place, place + room)
        row = [*lead, *ids[taken]]
        rows.append(TokenizedExample(row, [*[IGNORE_INDEX] * len(lead), *labels[taken]], example.row, len(row)))
    return rows


def _labels(ids: list[int], loss_mask: list[bool]) -> list[int]:
    return [token if trained else IGNORE_INDEX for token, trained in zip(ids, loss_mask, strict=True)]


def tokenize_examples(
    examples: Iterable[Example], tokenizer: RowTokenizer, max_length: int, completion_only_loss: bool = True
) -> TokenizedDataset:
    """Tokenize all examples. A row of which nothing could be trained on is left out and reported, never trained on."""
    rows: list[TokenizedExample] = []
    skipped: list[tuple[int, Sentence]] = []
    in_pieces: list[int] = []
    for example in examples:
        try:
            made = tokenize_example(example, tokenizer, max_length, completion_only_loss)
        except InputError as error:
            skipped.append((example.row, error.sentence))
            continue
        if len(made) > 1:
            in_pieces.append(example.row)
        kept = [row for row in made if row.num_loss_tokens]
        rows.extend(kept)
        if not kept and made[0].truncated:
            skipped.append(
                (example.row, Sentence("The answer begins only after the first {limit} tokens.", limit=max_length))
            )
        elif not kept:
            skipped.append((example.row, Sentence("There is nothing in it to learn.")))
    return TokenizedDataset(rows, [row.row for row in rows if row.truncated], skipped, in_pieces)


def preview(
    example: Example, tokenizer: RowTokenizer, max_length: int, completion_only_loss: bool = True
) -> list[tuple[str, bool]]:
    """Show a row as the model will see it: its text in parts, each with whether it is trained on.

    The parts together are the decoded row, of a long text the first. Raises `InputError` as `tokenize_example` does.
    """
    row = tokenize_example(example, tokenizer, max_length, completion_only_loss)[0]
    pieces: list[tuple[str, bool]] = []
    shown, start = "", 0
    for end in range(1, len(row.labels) + 1):
        trained = row.labels[start] != IGNORE_INDEX
        if end < len(row.labels) and (row.labels[end] != IGNORE_INDEX) == trained:
            continue
        # Decoded from the beginning each time: a piece decoded alone would lose its leading space.
        text = tokenizer.decode(row.input_ids[:end])
        if text != shown:
            pieces.append((text[len(shown) :], trained))
        shown, start = text, end
    return pieces
