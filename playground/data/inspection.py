"""Look at a dataset file before learning from it: rows, columns, problems, and the first examples as written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.data.column_mapping import AUTO, ColumnMapping, resolve
from playground.data.column_names import plain
from playground.data.examples import Example, Examples, make_examples
from playground.data.excerpts import cells
from playground.data.flatten import flatten_to_fit
from playground.data.formats import Formats
from playground.data.readers.table_reader import read_table
from playground.data.repair import Repair, apply_repairs, find_repairs
from playground.data.table import SHOWN, Change, Problem, Table
from playground.sentence import Sentence

_PREVIEWED = 5
_PREVIEW_CHARS = 2_000
_SKIPPED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Inspection:
    """`rows` counts what the file holds, `examples.usable` what can be learned from after the repairs `made`.

    `kind` is that of the file: "csv" or "json", say. `repairs` are all that are offered, made or not.
    """

    rows: int
    kind: str
    format: str
    columns: list[str]
    mapping: ColumnMapping
    problems: list[Problem]
    preview: list[Example]
    repairs: list[Repair]
    made: tuple[str, ...]
    examples: Examples

    def to_dict(self) -> dict[str, object]:
        """The answer of `/inspect_dataset`: plain lists, dictionaries and texts."""
        return {
            "rows": self.rows,
            "format": self.format,
            "columns": self.columns,
            "mapping": dict(self.mapping.columns),
            "problems": [problem.text for problem in self.problems] + [repair.text for repair in self.repairs],
            "repairs": [
                {"name": repair.kind, "rows": len(repair.rows), "text": repair.text} for repair in self.repairs
            ],
            "preview": [_shown(example) for example in self.preview],
        }


def inspect(
    path: Path,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    *,
    formats: Formats,
    name: str | None = None,
    repairs: Collection[str] | None = (),
) -> Inspection:
    """Read and map a file and make the `repairs` that are named; raises `DataError` when it cannot be learned from.

    `columns` overrides what is recognised; `name` is the file's own name where `path` is temporary;
    `repairs=None` makes every one that is offered.
    """
    table, mapping = flatten_to_fit(read_table(path, name), lambda read: resolve(read, formats, format, columns))
    offered = find_repairs(table, mapping)
    made = tuple(repair.kind for repair in offered) if repairs is None else tuple(repairs)
    mended = apply_repairs(table, mapping, made)
    examples = make_examples(mended, mapping)
    return Inspection(
        rows=len(table.rows),
        kind=table.kind,
        format=mapping.format.name,
        columns=table.columns,
        mapping=mapping,
        problems=[*table.problems, *_rejected(table, mapping), *_remarks(examples), *_skipped(examples, mended)],
        preview=examples.usable[:_PREVIEWED],
        repairs=offered,
        made=made,
        examples=examples,
    )


def _rejected(table: Table, mapping: ColumnMapping) -> list[Problem]:
    """Pairs of a better and a worse answer are for another way of teaching; here the better one is learnt."""
    chosen = next((column for column in mapping.columns.values() if plain(column) == "chosen"), "")
    worse = next((column for column in table.columns if plain(column) == "rejected"), "")
    sentence = Sentence("What stands in '{worse}' is not used: only '{chosen}' is learnt.", worse=worse, chosen=chosen)
    return [Problem(sentence)] if chosen and worse else []


def _remarks(examples: Examples) -> list[Problem]:
    return [Problem(Sentence(remark, count=len(rows), row=rows[0])) for remark, rows in examples.remarks.items()]


def _skipped(examples: Examples, table: Table) -> list[Problem]:
    places = {number: index for index, number in enumerate(table.numbers)}
    found = []
    for shown, (row, reason) in enumerate(examples.skipped[:_SKIPPED_SHOWN]):
        change = Change(row, cells(table.rows[places[row]]))
        changes = (change,) if shown < SHOWN and change.before else ()
        found.append(Problem(Sentence("Row {row} is left out: {reason}", row=row, reason=reason), row, changes))
    if more := len(examples.skipped) - len(found):
        found.append(Problem(Sentence("{count} more rows are left out.", count=more)))
    return found


def _shown(example: Example) -> dict[str, object]:
    if example.messages is None:
        return {"row": example.row, "text": _short(example.text or "")}
    messages = [{"role": message["role"], "content": _short(message["content"])} for message in example.messages]
    return {"row": example.row, "messages": messages}


def _short(text: str) -> str:
    return text if len(text) <= _PREVIEW_CHARS else text[: _PREVIEW_CHARS - 1] + "…"
