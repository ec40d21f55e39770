"""Look at a dataset file before learning from it: rows, columns, problems, and the first examples as written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from playground.data.column_mapping import AUTO, NOTHING_KNOWN, ColumnMapping, resolve
from playground.data.column_names import RATING, plain
from playground.data.examples import MIN_EXAMPLES, NO_CHANGES, Examples, make_examples
from playground.data.excerpts import cells
from playground.data.formats import Formats
from playground.data.readers.table_reader import read_table
from playground.data.repair import DUPLICATES, Repair, apply_repairs, find_repairs
from playground.data.selection import RowChanges, put_back, without
from playground.data.shapes.flatten import flatten_to_fit
from playground.data.table import SHOWN, Change, Problem, Table, cell
from playground.data.unused import find_unused, unused_problems
from playground.errors import DataError
from playground.sentence import N_, Sentence

_REASONS_SHOWN = 10
_SKIPPED_ONE = N_("Row {row} is left out: {reason}")
_SKIPPED = N_("Rows are left out: {count} (first row {row}). {reason}")
ALIKE = N_("All {rows} rows teach the same. Bring at least {least} that differ.")
NUMBERED = N_(
    "The labels in '{column}' are numbers, and the file does not say what they stand for. They are learnt as numbers: "
    "if they have names, write those in their place."
)
_RATED = (*RATING, "overall", "grade", "points")
NEEDED = N_("Without repairs hardly a row could be used. These are made: {repairs}.")


class UnusableRowsError(DataError):
    """The columns are known, but too few of the rows can be taught."""

    def __init__(self, sentence: Sentence, mapping: ColumnMapping) -> None:
        super().__init__(sentence)
        self.mapping = mapping


@dataclass(frozen=True, slots=True)
class Findings:
    """What is told of a file; `rows` counts what it holds, whether it can be learned from or not.

    `kind` is that of the file: "csv" or "json", say. `repairs` are all that are offered, made or not.
    """

    rows: int
    kind: str
    format: str
    columns: list[str]
    mapping: ColumnMapping
    problems: list[Problem]
    unused: list[str]
    repairs: list[Repair]
    made: tuple[str, ...]

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
            "unused": self.unused,
        }


@dataclass(frozen=True, slots=True)
class Inspection(Findings):
    """`examples.usable` is what can be learned from after the repairs that were `made`; `table` is what was read."""

    examples: Examples
    table: Table

    def findings(self) -> Findings:
        """Without the examples."""
        return Findings(**{item.name: getattr(self, item.name) for item in fields(Findings)})


def inspect(
    path: Path,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    *,
    formats: Formats,
    name: str | None = None,
    repairs: Collection[str] | None = (),
) -> Inspection:
    """Read a file and inspect its table; raises `DataError` when it cannot be learned from.

    `name` is the file's own name where `path` is temporary.
    """
    return inspect_table(read_table(path, name), format, columns, formats=formats, repairs=repairs)


def inspect_table(
    read: Table,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    *,
    formats: Formats,
    repairs: Collection[str] | None = (),
    changes: RowChanges = NO_CHANGES,
) -> Inspection:
    """Map a table, change rows as a person did, and make the `repairs` that are named.

    Raises `DataError` when it cannot be learned from.

    `columns` overrides what is recognised; `repairs=None`, or "all" among them, makes every one that is offered; those
    without which nothing could be learnt are made anyway, and it is said.
    """
    table, mapping = flatten_to_fit(read, lambda shaped: resolve(shaped, formats, format, columns))
    changes.check(table)
    left = without(table, changes.left_out)
    offered = find_repairs(without(left, changes.edited), mapping)
    kinds = tuple(repair.kind for repair in offered)
    made = kinds if repairs is None or "all" in repairs else tuple(repairs)
    mended, examples, made, needed = _mended(left, mapping, made, offered, changes)
    unused = find_unused(table, mapping)
    return Inspection(
        rows=len(table.rows),
        kind=table.kind,
        format=mapping.format.name,
        columns=list(dict.fromkeys([*table.columns, *read.columns])),
        mapping=mapping,
        problems=[
            *changes.problems(),
            *table.problems,
            *_ties(mapping),
            *_numbered(table, mapping),
            *needed,
            *unused_problems(table, mapping, unused),
            *examples.problems,
            *_remarks(examples),
            *_skipped(examples, mended),
        ],
        unused=unused,
        repairs=offered,
        made=made,
        examples=examples,
        table=table,
    )


def _mended(
    table: Table, mapping: ColumnMapping, made: tuple[str, ...], offered: list[Repair], changes: RowChanges
) -> tuple[Table, Examples, tuple[str, ...], list[Problem]]:
    """With the repairs that were asked for, and one more, or all, where nothing could be learnt without."""
    missing = [repair.kind for repair in offered if repair.kind not in made]
    refusal: DataError | None = None
    for more in ((), *((kind,) for kind in missing), tuple(missing)):
        kinds = (*made, *more)
        mended = apply_repairs(without(table, changes.edited), mapping, kinds)
        mended = put_back(mended, table, changes.edited)
        try:
            examples = make_examples(mended, mapping, changes)
        except DataError as error:
            refusal = refusal or error
            continue
        needed = [Problem(Sentence(NEEDED, repairs=", ".join(more)))] if more else []
        return mended, examples, kinds, needed
    repeated = {row for repair in offered if repair.kind == DUPLICATES for row in repair.rows}
    if repeated and len(table.rows) - len(repeated) < MIN_EXAMPLES:
        raise UnusableRowsError(Sentence(ALIKE, rows=len(table.rows), least=MIN_EXAMPLES), mapping) from refusal
    raise UnusableRowsError((refusal or DataError(NOTHING_KNOWN, columns="")).sentence, mapping) from refusal


def _ties(mapping: ColumnMapping) -> list[Problem]:
    sentence = Sentence(
        "The columns could also be read as {others}. Say so by the format or by columns if that is meant.",
        others=", ".join(mapping.others),
    )
    return [Problem(sentence)] if mapping.others else []


def _numbered(table: Table, mapping: ColumnMapping) -> list[Problem]:
    """Labels that are numbers of classes, and no ratings, whose names the file does not hold."""
    column = mapping.columns.get("label", "")
    said = {str(value).strip() for row in table.rows if (value := cell(row, column)) not in (None, "")}
    if not said or plain(column) in _RATED or not all(text.isdecimal() for text in said):
        return []
    return [Problem(Sentence(NUMBERED, column=column))]


def _remarks(examples: Examples) -> list[Problem]:
    return [
        Problem(Sentence(remark, count=len(rows), row=rows[0]), rows[0], rows=tuple(rows))
        for remark, rows in examples.remarks.items()
    ]


def _skipped(examples: Examples, table: Table) -> list[Problem]:
    """A line for each of the first reasons, and one for all other rows."""
    by_reason: dict[str, tuple[Sentence, list[int]]] = {}
    for row, reason in examples.skipped:
        by_reason.setdefault(str(reason), (reason, []))[1].append(row)
    places = {number: index for index, number in enumerate(table.numbers)}
    reasons, found = list(by_reason.values()), []
    for shown, (reason, rows) in enumerate(reasons[:_REASONS_SHOWN]):
        change = Change(rows[0], cells(table.rows[places[rows[0]]]))
        changes = (change,) if shown < SHOWN and change.before else ()
        msgid = _SKIPPED if len(rows) > 1 else _SKIPPED_ONE
        sentence = Sentence(msgid, count=len(rows), row=rows[0], reason=reason)
        found.append(Problem(sentence, rows[0], changes, tuple(rows)))
    if others := sorted(row for _, rows in reasons[_REASONS_SHOWN:] for row in rows):
        found.append(Problem(Sentence("{count} more rows are left out.", count=len(others)), rows=tuple(others)))
    return found
