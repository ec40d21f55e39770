"""Look at a dataset file before learning from it: rows, roles, problems, and the first examples as written."""

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from pathlib import Path

from playground.data.examples import Example, Examples, Writers, make_examples
from playground.data.mapping import AUTO, Mapping, resolve
from playground.data.read import read_table
from playground.data.repair import Repair, find_repairs
from playground.data.table import Problem, Table

_PREVIEWED = 5
_PREVIEW_CHARS = 2_000
_SKIPPED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Inspection:
    """`rows` counts what the file holds, `examples.usable` what can be learned from."""

    rows: int
    format: str
    columns: list[str]
    mapping: Mapping
    problems: list[Problem]
    preview: list[Example]
    repairs: list[Repair]
    table: Table
    examples: Examples

    def to_dict(self) -> dict[str, object]:
        """The answer of `/inspect_dataset`: plain lists, dictionaries and texts."""
        return {
            "rows": self.rows,
            "format": self.format,
            "columns": self.columns,
            "mapping": dict(self.mapping.columns),
            "problems": [problem.text for problem in self.problems] + [repair.text for repair in self.repairs],
            "preview": [_shown(example) for example in self.preview],
        }


def inspect(
    path: Path,
    format: str = AUTO,
    columns: AbstractMapping[str, str] | None = None,
    *,
    writers: Writers,
    name: str | None = None,
) -> Inspection:
    """Read and map a file without changing anything; raises `DataError` when it cannot be learned from.

    `columns` overrides the recognised column of a role; `name` is the file's own name where `path` is temporary.
    """
    table = read_table(path, name)
    mapping = resolve(table, format, columns)
    examples = make_examples(table, mapping, writers)
    return Inspection(
        rows=len(table.rows),
        format=mapping.format,
        columns=table.columns,
        mapping=mapping,
        problems=[*table.problems, *_skipped(examples)],
        preview=examples.usable[:_PREVIEWED],
        repairs=find_repairs(table),
        table=table,
        examples=examples,
    )


def _skipped(examples: Examples) -> list[Problem]:
    shown = [
        Problem("Row {row} is left out: {reason}", {"row": row, "reason": reason}, row)
        for row, reason in examples.skipped[:_SKIPPED_SHOWN]
    ]
    if more := len(examples.skipped) - len(shown):
        shown.append(Problem("{count} more rows are left out.", {"count": more}))
    return shown


def _shown(example: Example) -> dict[str, object]:
    if example.messages is None:
        return {"row": example.row, "text": _short(example.text or "")}
    messages = [{"role": message["role"], "content": _short(message["content"])} for message in example.messages]
    return {"row": example.row, "messages": messages}


def _short(text: str) -> str:
    return text if len(text) <= _PREVIEW_CHARS else text[: _PREVIEW_CHARS - 1] + "…"
