"""Look at a dataset file before learning from it: rows, columns, problems, and the first examples as written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from playground.data.column_mapping import AUTO, NOTHING_KNOWN, ColumnMapping, resolve
from playground.data.examples import Examples, make_examples
from playground.data.excerpts import cells
from playground.data.formats import Formats
from playground.data.readers.table_reader import read_table
from playground.data.repair import Repair, apply_repairs, find_repairs
from playground.data.shapes.flatten import flatten_to_fit
from playground.data.table import SHOWN, Change, Problem, Table
from playground.data.unused import find_unused, unused_problems
from playground.errors import DataError
from playground.sentence import N_, Sentence

_SKIPPED_SHOWN = 10
NEEDED = N_("Without repairs hardly a row could be used. These are made: {repairs}.")


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
    """`examples.usable` is what can be learned from after the repairs that were `made`."""

    examples: Examples

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
) -> Inspection:
    """Map a table and make the `repairs` that are named; raises `DataError` when it cannot be learned from.

    `columns` overrides what is recognised; `repairs=None`, or "all" among them, makes every one that is offered; those
    without which nothing could be learnt are made anyway, and it is said.
    """
    table, mapping = flatten_to_fit(read, lambda shaped: resolve(shaped, formats, format, columns))
    offered = find_repairs(table, mapping)
    kinds = tuple(repair.kind for repair in offered)
    made = kinds if repairs is None or "all" in repairs else tuple(repairs)
    mended, examples, made, needed = _mended(table, mapping, made, kinds)
    unused = find_unused(table, mapping)
    return Inspection(
        rows=len(table.rows),
        kind=table.kind,
        format=mapping.format.name,
        columns=list(dict.fromkeys([*table.columns, *read.columns])),
        mapping=mapping,
        problems=[
            *table.problems,
            *_ties(mapping),
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
    )


def _mended(
    table: Table, mapping: ColumnMapping, made: tuple[str, ...], offered: tuple[str, ...]
) -> tuple[Table, Examples, tuple[str, ...], list[Problem]]:
    """With the repairs that were asked for, and one more, or all, where nothing could be learnt without."""
    missing = [kind for kind in offered if kind not in made]
    refusal: DataError | None = None
    for more in ((), *((kind,) for kind in missing), tuple(missing)):
        kinds = (*made, *more)
        mended = apply_repairs(table, mapping, kinds)
        try:
            examples = make_examples(mended, mapping)
        except DataError as error:
            refusal = refusal or error
            continue
        needed = [Problem(Sentence(NEEDED, repairs=", ".join(more)))] if more else []
        return mended, examples, kinds, needed
    raise refusal or DataError(NOTHING_KNOWN, columns="")


def _ties(mapping: ColumnMapping) -> list[Problem]:
    sentence = Sentence(
        "The columns could also be read as {others}. Say so by the format or by columns if that is meant.",
        others=", ".join(mapping.others),
    )
    return [Problem(sentence)] if mapping.others else []


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
