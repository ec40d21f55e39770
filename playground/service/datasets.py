"""From an upload to the examples that a run learns from: inspected, repaired, split, and shown as they will be read."""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from playground.data.column_mapping import AUTO
from playground.data.examples import Example
from playground.data.inspection import Inspection, inspect
from playground.data.readers.table_reader import SUFFIXES, read_table
from playground.data.split import split
from playground.data.table import Table
from playground.data_dir import DataDir
from playground.errors import DataError, InputError
from playground.protocol.messages import Message
from playground.protocol.model import ModelHost
from playground.sentence import N_, Sentence
from playground.tasks.registry import dataset_formats
from playground.training.defaults import defaults_for
from playground.training.tokenization import RowTokenizer, preview, tokenize_example, tokenize_examples

READY_FILES = Path(__file__).resolve().parents[2] / "assets" / "examples"
MAX_MEASURED_EXAMPLES = 500
MAX_MEASURED_CHARS = 1_000_000
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
class DatasetFile:
    """A file as a person wants it read.

    `columns` is the file's column for each role, where it was chosen by hand; `repairs` names what shall be mended,
    None for all that is offered; `name` is the visitor's, where the path has another.
    """

    path: Path
    name: str | None = None
    format: str = AUTO
    columns: Mapping[str, str] = field(default_factory=dict)
    repairs: Collection[str] | None = ()


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """A file as it would be taught: what was found in it, and its usable rows after the repairs, split.

    `rows` is how many rows training makes of `learned`: one of each, but several of a long plain text.
    """

    inspection: Inspection
    learned: list[Example]
    held_out: list[Example]
    rows: int

    @property
    def usable(self) -> int:
        return len(self.learned) + len(self.held_out)


@dataclass(frozen=True, slots=True)
class ExampleLengths:
    """How examples fit into `limit` tokens: their lengths, and how many are cut off, cannot be learnt at all, or are
    texts that became pieces. `total` examples there are, of which the ones in `counts` were measured."""

    counts: Sequence[int]
    limit: int
    total: int
    cut: int = 0
    lost: int = 0
    texts: int = 0
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

    def __init__(self, host: ModelHost, data: DataDir) -> None:
        self._host = host
        self._data = data

    def inspect(self, file: DatasetFile) -> Inspection:
        """Read a file, recognise its columns and mend what shall be; raises `DataError`.

        An upload that cannot be read at all is removed; one whose columns only have to be matched by hand stays.
        """
        try:
            return inspect(
                file.path,
                file.format,
                file.columns,
                formats=dataset_formats(),
                name=file.name,
                repairs=file.repairs,
            )
        except DataError:
            self._remove_unreadable(file)
            raise

    def prepare(self, file: DatasetFile) -> PreparedDataset:
        """As `inspect`, and set some rows aside; raises `DataError`."""
        inspection = self.inspect(file)
        learned, held_out = split(inspection.examples.usable)
        return PreparedDataset(inspection, learned, held_out, self._rows_of(learned))

    def describe(self, file: DatasetFile, offset: int = 0) -> dict[str, object]:
        """The answer of `/inspect_dataset`: what is in a file, and what would be taught of it, from a row on.

        A row that the file itself keeps for testing is shown with nothing that is learnt. Raises `DataError`.
        """
        prepared = self.prepare(file)
        usable = prepared.inspection.examples.usable
        told = prepared.inspection.to_dict()
        problems = [str(sentence) for sentence in self._beyond(prepared)]
        return {
            **told,
            "problems": [*cast(list[str], told["problems"]), *problems],
            "preview": [self._shown(example) for example in usable[max(0, offset) :][:PREVIEWED]],
            "held_out": [example.row for example in prepared.held_out],
        }

    def _shown(self, example: Example) -> dict[str, object]:
        """An example as the model reads it: all before the last thing that it learns, that, and all that it learns."""
        try:
            pieces = preview(_shortened(example), self._tokenizer, sys.maxsize)
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
        found = self.lengths(prepared.learned, limit)
        told = []
        if found.cut:
            told.append(Sentence(CUT, count=found.cut, measured=len(found.counts), limit=limit))
        if found.lost:
            told.append(Sentence(LOST, count=found.lost, measured=len(found.counts), limit=limit))
        return told

    def first_rows(self, file: DatasetFile) -> Table:
        """The file as a table, with whatever columns it has; raises `DataError`."""
        return read_table(file.path, file.name)

    def preview(self, example: Example, limit: int) -> ExamplePreview:
        """What a run with rows of `limit` tokens makes of an example; raises `InputError` where it is nothing."""
        pieces = preview(example, self._tokenizer, limit)
        first, *others = tokenize_example(example, self._tokenizer, limit)
        return ExamplePreview(pieces, 1 + len(others), first.full_length, first.num_loss_tokens, first.truncated)

    def lengths(self, examples: list[Example], limit: int) -> ExampleLengths:
        """Measure examples from all over the file, as many as can be in a moment."""
        measured = spread(examples)
        whole = tokenize_examples(measured, self._tokenizer, sys.maxsize)
        made = tokenize_examples(measured, self._tokenizer, limit)
        texts = set(made.in_pieces)
        return ExampleLengths(
            counts=[row.full_length for row in whole.rows],
            limit=limit,
            total=len(examples),
            cut=len(made.truncated),
            lost=len(made.skipped) - len(whole.skipped),
            texts=len(texts),
            pieces=sum(row.row in texts for row in made.rows),
        )

    @property
    def _tokenizer(self) -> RowTokenizer:
        """The live model's, which makes training rows too."""
        return cast(RowTokenizer, self._host.tokenizer)

    def _rows_of(self, examples: list[Example]) -> int:
        """Counted on as many as can be in a moment; chats and pairs are one row each."""
        if not examples or examples[0].text is None:
            return len(examples)
        measured, info = spread(examples), self._host.info
        limit = defaults_for(info.num_parameters, len(examples), "normal", info.context_length).max_length
        made = tokenize_examples(measured, self._tokenizer, limit)
        return round(len(examples) * max(1.0, len(made.rows) / len(measured)))

    def _remove_unreadable(self, file: DatasetFile) -> None:
        try:
            read_table(file.path, file.name)
        except DataError:
            uploads, place = self._data.uploads.resolve(), file.path.resolve()
            if uploads in place.parents and place.is_file():
                place.unlink()
                with suppress(OSError):  # others were sent with it
                    place.parent.rmdir()


def _shortened(example: Example) -> Example:
    """With a bound on what one row can show."""
    if example.messages is None:
        return replace(example, text=(example.text or "")[:_SHOWN_CHARS])
    messages = [{**message, "content": message["content"][:_SHOWN_CHARS]} for message in example.messages]
    return replace(example, messages=tuple(cast(list[Message], messages)))


def spread(examples: list[Example]) -> list[Example]:
    """Examples from all over the file, as many as can be measured in a moment."""
    taken: list[Example] = []
    room = MAX_MEASURED_CHARS
    for example in examples[:: -(-len(examples) // MAX_MEASURED_EXAMPLES)]:
        texts = [example.text or "", *(message["content"] for message in example.messages or ())]
        room -= sum(map(len, texts))
        taken.append(example)
        if room < 0:
            break
    return taken
