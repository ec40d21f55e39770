"""From an upload to what a run learns from: read in a process of its own, measured and shown by the loaded model."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from playground.data.examples import Example
from playground.data.inspection import Findings
from playground.data.readers.table_reader import SUFFIXES
from playground.data_dir import DataDir
from playground.errors import DataError, InputError
from playground.protocol.client import in_thread
from playground.protocol.messages import Message
from playground.protocol.model import ModelHost
from playground.sandbox.sandbox import Sandbox
from playground.sentence import N_, Sentence
from playground.service.reading.dataset import DatasetFile, DatasetReading, UnmatchedError, read_dataset, read_rows
from playground.service.reading.pasted import read_pasted
from playground.service.reading.rows import RowView, find_rows, view_rows
from playground.training.defaults import defaults_for
from playground.training.spec import StoredExamples
from playground.training.tokenization import RowTokenizer, preview, tokenize_example, tokenize_examples

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
READY_FILES = Path(__file__).resolve().parents[2] / "assets" / "examples"
PREVIEWED = 100
_SHOWN_CHARS = 20_000
CUT = N_(
    "Examples longer than {limit} tokens: {count} of {measured} looked at. Their ends are cut off and not learnt. Give "
    "a larger max_length, or shorten them."
)
LOST = N_(
    "Examples whose answer begins only after {limit} tokens: {count} of {measured} looked at. They teach nothing. Give "
    "a larger max_length, or shorten them."
)


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """What is told of a file, and how many rows training makes of the examples to train on: one of each, but several
    of a long plain text."""

    reading: DatasetReading
    rows: int

    @property
    def findings(self) -> Findings:
        return self.reading.findings

    @property
    def num_train(self) -> int:
        return self.reading.num_train

    @property
    def num_held_out(self) -> int:
        return len(self.reading.held_out)

    @property
    def usable(self) -> int:
        return self.num_train + self.num_held_out


@dataclass(frozen=True, slots=True)
class TrainableDataset(PreparedDataset):
    """A file that is to be taught now, with all its examples."""

    train: StoredExamples
    held_out: StoredExamples


@dataclass(frozen=True, slots=True)
class ExampleLengths:
    """How examples fit into `limit` tokens: their lengths, and the rows that are cut off, cannot be learnt at all, or
    are texts that became pieces. `total` examples there are, of which the ones in `counts` were measured."""

    counts: Sequence[int]
    limit: int
    total: int
    cut: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    texts: tuple[int, ...] = ()
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class ExamplePreview:
    """An example as training reads it: its first row's text in pieces, each with whether it is learnt.

    `num_rows` is how many rows it becomes; of the first, `num_tokens` before it is cut off, if it is `truncated`, and
    `num_loss_tokens` that are learnt.
    """

    pieces: list[tuple[str, bool]]
    num_rows: int
    num_tokens: int
    num_loss_tokens: int
    truncated: bool


class DatasetService:
    """Reads files for the loaded model."""

    suffixes: Sequence[str] = tuple(SUFFIXES)
    """Of files that can be read."""

    def __init__(self, host: ModelHost, data: DataDir, sandbox: Sandbox) -> None:
        self._host = host
        self._data = data
        self._sandbox = sandbox

    async def prepare(self, owner: str, file: DatasetFile, offset: int = 0, num_shown: int = 0) -> PreparedDataset:
        """Read a file, recognise its columns, mend what shall be, and set some rows aside.

        Raises `DataError`. An upload that cannot be read at all is removed; one whose columns only have to be matched
        by hand stays, and the error is an `UnmatchedError`.
        """
        reading = await self._read(owner, file, read_dataset, file, offset, num_shown)
        return PreparedDataset(reading, await in_thread(lambda: self._rows_of(reading)))

    async def prepare_to_train(self, owner: str, file: DatasetFile) -> TrainableDataset:
        """As `prepare`, with all examples."""
        reading, train, held_out = await self._read(owner, file, read_rows, file)
        return TrainableDataset(reading, await in_thread(lambda: self._rows_of(reading)), train, held_out)

    async def rows(self, owner: str, file: DatasetFile, numbers: Sequence[int]) -> tuple[RowView, ...]:
        """The first of these rows as they are taught, or with the reason why not; raises `PlaygroundError`."""
        return await self._read(owner, file, view_rows, file, numbers)

    async def find(self, owner: str, file: DatasetFile, words: str) -> tuple[Sequence[int], tuple[RowView, ...]]:
        """The rows that hold these words, at most a thousand, and the first of them; raises `PlaygroundError`."""
        return await self._read(owner, file, find_rows, file, words)

    async def read_pasted(self, owner: str, text: str) -> list[list[str]]:
        """A pasted text as rows of two cells, a question and its answer or ""; raises `PlaygroundError`."""
        return await self._sandbox.run(owner, read_pasted, text)

    async def describe(self, owner: str, file: DatasetFile, offset: int = 0) -> dict[str, object]:
        """The answer of `/inspect_dataset`: what is in a file, and what would be taught of it, from a row on.

        A row that the file itself keeps for testing is shown with nothing that is learnt. Raises `DataError`.
        """
        prepared = await self.prepare(owner, file, max(0, offset), PREVIEWED)
        return await in_thread(lambda: self._described(prepared))

    async def _read(
        self, owner: str, file: DatasetFile, read: Callable[Given, Answer], *args: Given.args, **named: Given.kwargs
    ) -> Answer:
        try:
            return await self._sandbox.run(owner, read, *args, **named)
        except UnmatchedError:
            raise
        except DataError:
            self._remove_unreadable(file)
            raise

    def _described(self, prepared: PreparedDataset) -> dict[str, object]:
        told = prepared.findings.to_dict()
        problems = [str(sentence) for sentence in self._beyond(prepared)]
        return {
            **told,
            "problems": [*cast(list[str], told["problems"]), *problems],
            "preview": [self._shown(example) for example in prepared.reading.shown],
            "held_out": list(prepared.reading.held_out),
        }

    def _shown(self, example: Example) -> dict[str, object]:
        """An example as the model reads it: all before the last thing that it learns, that, and all that it learns."""
        try:
            pieces = preview(_cut(example), self._tokenizer, sys.maxsize)
        except InputError as error:
            return {"row": example.row, "prompt": "", "completion": "", "learnt": "", "problem": str(error)}
        pieces = [(text, learnt) for text, learnt in pieces if text]
        last = max((place for place, (_, learnt) in enumerate(pieces) if learnt), default=len(pieces))
        said = [text.strip() for text, learnt in pieces if learnt]
        return {
            "row": example.row,
            "prompt": "".join(text for text, _ in pieces[:last]),
            "completion": said[-1] if said else "",
            "learnt": "" if example.held_out else "\n".join(said),
        }

    def _beyond(self, prepared: PreparedDataset) -> list[Sentence]:
        """What of the examples does not fit into a row of the length that suits the model."""
        info = self._host.info
        limit = defaults_for(info.num_parameters, prepared.rows, "normal", info.context_length).max_length
        found = self.lengths(prepared.reading.measured_train, limit, prepared.num_train)
        told = []
        if found.cut:
            told.append(Sentence(CUT, count=len(found.cut), measured=len(found.counts), limit=limit))
        if found.lost:
            told.append(Sentence(LOST, count=len(found.lost), measured=len(found.counts), limit=limit))
        return told

    def preview(self, example: Example, limit: int) -> ExamplePreview:
        """What a run with rows of `limit` tokens makes of an example; raises `InputError` where it is nothing."""
        pieces = preview(example, self._tokenizer, limit)
        first, *others = tokenize_example(example, self._tokenizer, limit)
        return ExamplePreview(pieces, 1 + len(others), first.full_length, first.num_loss_tokens, first.truncated)

    def lengths(self, measured: Sequence[Example], limit: int, total: int) -> ExampleLengths:
        """Measure examples that stand for `total` ones."""
        whole = tokenize_examples(measured, self._tokenizer, sys.maxsize)
        made = tokenize_examples(measured, self._tokenizer, limit)
        texts = set(made.in_pieces)
        never = {row for row, _ in whole.skipped}
        return ExampleLengths(
            counts=[row.full_length for row in whole.rows],
            limit=limit,
            total=total,
            cut=tuple(made.truncated),
            lost=tuple(row for row, _ in made.skipped if row not in never),
            texts=tuple(made.in_pieces),
            pieces=sum(row.row in texts for row in made.rows),
        )

    @property
    def _tokenizer(self) -> RowTokenizer:
        """The live model's, which makes training rows too."""
        return cast(RowTokenizer, self._host.tokenizer)

    def _rows_of(self, reading: DatasetReading) -> int:
        """Counted on as many as can be in a moment; chats and pairs are one row each."""
        if not reading.are_texts:
            return reading.num_train
        info, measured = self._host.info, reading.measured_train
        limit = defaults_for(info.num_parameters, reading.num_train, "normal", info.context_length).max_length
        made = tokenize_examples(measured, self._tokenizer, limit)
        return round(reading.num_train * max(1.0, len(made.rows) / len(measured)))

    def _remove_unreadable(self, file: DatasetFile) -> None:
        uploads, place = self._data.uploads.resolve(), file.path.resolve()
        if uploads in place.parents and place.is_file():
            place.unlink()
            with suppress(OSError):  # others were sent with it
                place.parent.rmdir()


def _cut(example: Example) -> Example:
    """With a bound on what one text of it can show."""
    if example.messages is None:
        return replace(example, text=(example.text or "")[:_SHOWN_CHARS])
    messages = [{**message, "content": message["content"][:_SHOWN_CHARS]} for message in example.messages]
    return replace(example, messages=tuple(cast(list[Message], messages)))
