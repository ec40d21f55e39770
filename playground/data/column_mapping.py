"""Which column plays which role: recognised from the header, or chosen by a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from playground.data.column_names import FORMATS, ROLES, language_of, last_word, plain
from playground.data.table import Table
from playground.errors import DataError
from playground.sentence import N_

AUTO = "auto"
NOTHING_KNOWN = N_(
    "No columns to learn from were found. The file has: {columns}. Name them prompt and completion, question and "
    "answer, instruction and output, text and label, or just text."
)
"""What is said of a file in which no format is recognised."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A format of `ROLES`, and the column for each role that is filled. A column may be a path: "answers.text"."""

    format: str
    columns: dict[str, str]

    @property
    def target_language(self) -> str:
        """The English name of the language that a translation's target column is named after, or ""."""
        return language_of(self.columns.get("target", "")) if self.format == "translation" else ""


def recognize(table: Table) -> ColumnMapping:
    """The first format whose required roles all find a column; raises `DataError` that lists the columns."""
    for name in FORMATS:
        columns = _match(table, name)
        if columns is not None:
            return ColumnMapping(name, columns)
    if len(table.columns) == 1 and _shape(table, table.columns[0]) is str:
        return ColumnMapping("text", {"text": table.columns[0]})
    raise DataError(NOTHING_KNOWN, columns=_listed(table.columns))


def resolve(table: Table, format: str = AUTO, columns: Mapping[str, str] | None = None) -> ColumnMapping:
    """What a person chose, completed by what can be recognised; raises `DataError` for a wrong name."""
    chosen = {role: column for role, column in (columns or {}).items() if column}
    if format == AUTO:
        format = _suiting(table, chosen)
    if format not in ROLES:
        raise DataError(
            "The format '{format}' is not known. Use one of: {known}.",
            format=str(format)[:40],
            known=", ".join((AUTO, *FORMATS)),
        )
    known = [role.name for role in ROLES[format]]
    for role, column in chosen.items():
        if role not in known:
            raise DataError(
                "The format {format} has no part '{role}'. Its parts are: {known}.",
                format=format,
                role=str(role)[:40],
                known=", ".join(known),
            )
        if column not in _paths(table):
            raise DataError(
                "There is no column '{column}'. The file has: {columns}.",
                column=str(column)[:60],
                columns=_listed(table.columns),
            )
    found = {**_found(table, format, set(chosen.values())), **chosen}
    if format == "text" and not found and len(table.columns) == 1:
        found = {"text": table.columns[0]}
    missing = _missing(format, found)
    if missing:
        raise DataError(
            "No column was found for: {missing}. The file has: {columns}. Choose the columns, or rename "
            "them in the file.",
            missing=", ".join(missing),
            columns=_listed(table.columns),
        )
    return ColumnMapping(format, {name: found[name] for name in known if name in found})


def cell(row: dict[str, object], column: str) -> object:
    """The value of a column or of a path into one ("answers.text"); None where the row has none."""
    if column in row or "." not in column:
        return row.get(column)
    outer, inner = column.split(".", 1)
    value = row.get(outer)
    return cell(value, inner) if isinstance(value, dict) else None


def is_chat(column: str) -> bool:
    """Whether a column's name says that its cells hold structure: the turns of a chat, or a pair of languages."""
    return plain(column) in (*ROLES["messages"][0].names, "translation")


def is_answer(column: str) -> bool:
    """Whether a column's name says that it may hold several people's answers."""
    return plain(column) in ("answer", "answers")


def _match(table: Table, format: str) -> dict[str, str] | None:
    found = _found(table, format, set())
    return None if _missing(format, found) else found


def _missing(format: str, found: Mapping[str, str]) -> list[str]:
    if format == "messages" and "input" in found and "output" in found:
        return []
    return [role.name for role in ROLES[format] if role.required and role.name not in found]


def _found(table: Table, format: str, taken: set[str]) -> dict[str, str]:
    """Columns by header, first synonym first; lists where the format wants lists, texts everywhere else."""
    if format == "translation" and (pair := _language_pair(table, taken)):
        return pair
    by_name = {plain(column): column for column in reversed(table.columns)}
    by_last_word = {last_word(column): column for column in reversed(table.columns)}
    found: dict[str, str] = {}
    for role in ROLES[format]:
        if format == "messages" and "messages" in found and role.name in ("input", "output"):
            continue
        for name in role.names:
            column = by_name.get(name) or (by_last_word.get(name) if role.name == "label" else None)
            if column is None or column in taken or column in found.values():
                continue
            path = _fitting(table, column, format, role.name)
            if path:
                found[role.name] = path
                break
    return found


def _fitting(table: Table, column: str, format: str, role: str) -> str:
    """The column if its cells are of the right shape, SQuAD's place of answers inside it, or ""."""
    shape = _shape(table, column)
    if format == "messages" and role != "system":
        return column if shape is list else ""
    if role in ("answer", "completion") and shape is dict:
        return f"{column}.text" if f"{column}.text" in _paths(table) else ""
    return column if shape is str or (role in ("answer", "completion") and shape is list) else ""


def _language_pair(table: Table, taken: set[str]) -> dict[str, str] | None:
    """Exactly two columns named after two languages, also inside one column called "translation"."""
    named = [path for path in _paths(table) if path not in taken and language_of(path)]
    nested = [path for path in named if "." in path]
    pair = nested if len(nested) == 2 else [path for path in named if "." not in path]
    pair = [path for path in pair if plain(path) != "id"] if len(pair) == 3 else pair
    if len(pair) == 2 and language_of(pair[0]) != language_of(pair[1]) and all(_shape(table, p) is str for p in pair):
        return {"source": pair[0], "target": pair[1]}
    return None


def _paths(table: Table) -> list[str]:
    """All columns, and the keys one level inside those that hold objects."""
    paths = list(table.columns)
    for column in table.columns:
        first = next((row[column] for row in table.rows if row.get(column) is not None), None)
        if isinstance(first, dict):
            paths += [f"{column}.{key}" for key in first]
    return paths


def _shape(table: Table, column: str) -> type:
    """str for cells that read as text, list or dict; from the first cells that hold anything."""
    cells = (cell(row, column) for row in table.rows)
    first = list(islice((value for value in cells if value is not None and value != ""), 5))
    for kind in (list, dict):
        if first and all(isinstance(value, kind) for value in first):
            return kind
    return str


def _suiting(table: Table, chosen: Mapping[str, str]) -> str:
    """The recognised format if it has the chosen roles, otherwise the first whose needs the choice fills."""
    filled = [
        name
        for name, roles in ROLES.items()
        if chosen and not _missing(name, chosen) and set(chosen) <= {role.name for role in roles}
    ]
    try:
        recognised = recognize(table).format
    except DataError:
        if not filled:
            raise
        return filled[0]
    fits = set(chosen) <= {role.name for role in ROLES[recognised]}
    return recognised if fits or not filled else filled[0]


def _listed(columns: list[str]) -> str:
    shown = ", ".join(column[:40] for column in columns[:20])
    return f"{shown} and {len(columns) - 20} more" if len(columns) > 20 else shown
