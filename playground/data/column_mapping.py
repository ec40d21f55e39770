"""Which columns of a file are a format's: recognised from the header, or chosen by a person."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from playground.data.column_fit import fits, has_words, holds_code, language_pair, paths, shape
from playground.data.column_names import ANSWER, LABEL, QUESTION, VAGUE_PROMPT, last_word, plain
from playground.data.formats import TEXT, DatasetFormat, Formats
from playground.data.mapped_table import MappedTable
from playground.data.nameless import by_content
from playground.data.table import Table
from playground.errors import DataError
from playground.sentence import N_

AUTO = "auto"
_LAST_WORDS = frozenset(name for name in (*QUESTION, *ANSWER) if len(name) > 4)
"""What may stand behind other words, as in "Customer question"."""
NOTHING_KNOWN = N_(
    "No columns to learn from were found. The file has: {columns}. Choose which is which, or name them prompt and "
    "completion, question and answer, instruction and output, text and label, or just text."
)
"""What is said of a file in which no format is recognised."""
NOT_FOUND = N_(
    "No column was found for: {missing}. The file has: {columns}. Choose the columns, or rename them in the file."
)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A format, and the file's column for each of its own that is filled. It may be a path: "answers.text".

    `others` are formats that leave equally few columns unexplained, but other ones.
    """

    format: DatasetFormat
    columns: dict[str, str]
    others: tuple[str, ...] = field(default=(), compare=False)

    def used(self, table: Table) -> set[str]:
        """The columns of the file that are read, whole or in part."""
        return {path if path in table.columns else path.split(".", 1)[0] for path in self.columns.values()}

    def read(self, table: Table) -> set[str]:
        """Those of them that are read or learnt, and not only used to choose rows."""
        own = {column.name for column in self.format.columns}
        return ColumnMapping(self.format, {name: path for name, path in self.columns.items() if name in own}).used(
            table
        )

    def unused(self, table: Table) -> list[str]:
        """The columns of the file of which nothing is read."""
        used = self.used(table)
        return [column for column in table.columns if column not in used]


def recognize(table: Table, formats: Formats) -> ColumnMapping:
    """Among the formats whose required columns are all found, the one that leaves the fewest columns unexplained, the
    first of several; raises `DataError` that lists the file's columns."""
    known = []
    for format in formats.values():
        found = _found(table, format, {})
        if not _missing(format, found) and _suits(table, format, found):
            known.append(ColumnMapping(format, found))
    if known:
        return _best(table, known)
    if guess := by_content(table):
        name, columns = guess
        return ColumnMapping(formats[name], columns)
    if len(table.columns) == 1 and shape(table, table.columns[0]) is str and not holds_code(table, table.columns[0]):
        return _only_texts(table)
    raise DataError(NOTHING_KNOWN, columns=_listed(table.columns))


def _best(table: Table, known: list[ColumnMapping]) -> ColumnMapping:
    explained = [mapping.read(table) for mapping in known]
    most = max(map(len, explained))
    best = [(mapping, used) for mapping, used in zip(known, explained, strict=True) if len(used) == most]
    first, first_used = best[0]
    others = tuple(mapping.format.name for mapping, used in best[1:] if used != first_used and not _is_vague(mapping))
    return ColumnMapping(first.format, first.columns, others)


def _is_vague(mapping: ColumnMapping) -> bool:
    return plain(mapping.columns.get("prompt", "")) in VAGUE_PROMPT


def _suits(table: Table, format: DatasetFormat, found: Mapping[str, str]) -> bool:
    return format.suits is None or format.suits(MappedTable(table, found))


def _only_texts(table: Table) -> ColumnMapping:
    """A file with a single column needs no known name for it."""
    return ColumnMapping(TEXT, {TEXT.columns[0].name: table.columns[0]})


def resolve(
    table: Table, formats: Formats, format: str = AUTO, columns: Mapping[str, str] | None = None
) -> ColumnMapping:
    """What a person chose, completed by what can be recognised; raises `DataError` for a wrong name."""
    chosen = {name: column for name, column in (columns or {}).items() if column}
    if format != AUTO and format not in formats:
        raise DataError(
            "The format '{format}' is not known. Use one of: {known}.",
            format=str(format)[:40],
            known=", ".join((AUTO, *formats)),
        )
    if format == AUTO and not chosen:
        return recognize(table, formats)
    _check_columns(table, chosen)
    resolved = _suiting(table, formats, chosen) if format == AUTO else formats[format]
    _check_parts(resolved, chosen)
    found = {**_found(table, resolved, chosen), **chosen}
    if resolved == TEXT and not found and len(table.columns) == 1:
        return _only_texts(table)
    missing = _missing(resolved, found)
    if missing:
        raise DataError(NOT_FOUND, missing=", ".join(missing), columns=_listed(table.columns))
    return ColumnMapping(resolved, {name: found[name] for name in resolved.column_names if name in found})


def _check_columns(table: Table, chosen: Mapping[str, str]) -> None:
    known = set(paths(table))
    for column in chosen.values():
        if column not in known:
            raise DataError(
                "There is no column '{column}'. The file has: {columns}.",
                column=str(column)[:60],
                columns=_listed(table.columns),
            )


def _check_parts(format: DatasetFormat, chosen: Mapping[str, str]) -> None:
    for name in chosen:
        if name not in format.column_names:
            raise DataError(
                "The format {format} has no part '{role}'. Its parts are: {known}.",
                format=format.name,
                role=str(name)[:40],
                known=", ".join(format.column_names),
            )


def _suiting(table: Table, formats: Formats, chosen: Mapping[str, str]) -> DatasetFormat:
    """The recognised format if it has the chosen columns, otherwise the first whose needs the choice fills."""
    filled = [
        format
        for format in formats.values()
        if not _missing(format, {**_found(table, format, chosen), **chosen}) and set(chosen) <= set(format.column_names)
    ]
    filled.sort(key=lambda format: bool(_missing(format, chosen)))  # what the choice fills alone is surer
    try:
        recognised = recognize(table, formats).format
    except DataError:
        if not filled:
            raise
        return filled[0]
    return recognised if set(chosen) <= set(recognised.column_names) or not filled else filled[0]


def _missing(format: DatasetFormat, found: Mapping[str, str]) -> list[str]:
    absent = [column for column in format.columns if column.required and column.name not in found]
    return [column.name for column in absent if not (column.instead and all(name in found for name in column.instead))]


def _found(table: Table, format: DatasetFormat, chosen: Mapping[str, str]) -> dict[str, str]:
    """Columns by header for what is not chosen, first synonym first; each with cells of the shape that it is to hold.

    Of a column and those that do for it together, the way that explains more is taken.
    """
    ways = [_search(table, format, chosen, instead=False)]
    if any(column.instead for column in format.columns):
        ways.append(_search(table, format, chosen, instead=True))
    return max(ways, key=lambda found: (not _missing(format, {**found, **chosen}), len(found)))


def _search(table: Table, format: DatasetFormat, chosen: Mapping[str, str], instead: bool) -> dict[str, str]:
    taken = set(chosen.values())
    found: dict[str, str] = {}
    if format.by_languages and not chosen and (pair := language_pair(table, taken)):
        found = dict(zip(format.column_names, pair, strict=False))
    by_name = {plain(header): header for header in reversed(table.columns)}
    known = set(by_name)
    by_last_word = {last_word(header): header for header in reversed(table.columns)}
    is_for_labels = any(column.holds == "label" for column in format.columns)
    needless = {name for column in format.columns if not instead for name in column.instead if column.name in chosen}
    for column in format.all_columns:
        if column.name in needless or column.name in found or column.name in chosen or (instead and column.instead):
            continue
        for name in column.names:
            header = by_name.get(name) or (by_last_word.get(name) if column.holds == "label" else None)
            if header is None and column.required and name in _LAST_WORDS and known.isdisjoint(column.names):
                header = by_last_word.get(name)
                header = header if header and has_words(table, header) else None
            if column.holds == "mark" and is_for_labels and name in LABEL:
                continue  # a number beside the name of a label is no judgement
            if header is None or header in taken or header in {path.split(".", 1)[0] for path in found.values()}:
                continue
            path = fits(table, header, column, found)
            if path:
                found[column.name] = path
                needless.update(column.instead)
                break
    return _without_halves(found)


def _without_halves(found: dict[str, str]) -> dict[str, str]:
    """A number of a row says nothing without one of the row before it, nor a role or a reply without a chat."""
    if ("id" in found) != ("parent" in found):
        found = {name: path for name, path in found.items() if name not in ("id", "parent")}
    return found


def _listed(columns: list[str]) -> str:
    shown = ", ".join(column[:40] for column in columns[:20])
    return f"{shown} and {len(columns) - 20} more" if len(columns) > 20 else shown
