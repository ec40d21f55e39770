"""Questions with a choice of answers, however a table holds them: a column for each choice, or all in an object."""

from playground.data import column_names as names
from playground.data.column_names import plain
from playground.data.table import Row, Table, build_table

_SIGNS = ("abcdefgh", "12345678", "01234567")
SURELY = ("option", "choice", "opt", "ending", "sol", "solution", "alternative")
"""Behind these a sign makes a choice, also where there are two of them."""
_STEMS = (*SURELY, "answer", "op", "")
_RIGHT = ("label", "cop", "gold", "correct", "correctoption", "correctchoice", "target", "solution")
"""What may name the right choice where nothing is called an answer."""
_PASSAGE = ("passage", "paragraph", "context", "article")
_STEM = "stem"
_LOOKED_AT = 50


def has_choices(table: Table) -> bool:
    """Whether a column holds the choices of each row, all together."""
    listed = [column for column in table.columns if plain(column) in names.CHOICES]
    return any(isinstance(row.get(column), (list, dict)) for row in table.rows[:_LOOKED_AT] for column in listed)


def with_choices(table: Table) -> Table | None:
    """The choices of each question as one list, and what names the right one as the answer."""
    shaped = table
    for change in (_unpacked, _gathered, _with_answer):
        shaped = change(shaped) or shaped
    return None if shaped is table else shaped


def _unpacked(table: Table) -> Table | None:
    """A question that holds its own choices: {"stem": ..., "choices": [...]}."""
    for column in table.columns:
        first = next((row[column] for row in table.rows if row.get(column)), None)
        if isinstance(first, dict) and _STEM in first:
            return _changed(table, [_with_stem(row, column) for row in table.rows])
    return None


def _with_stem(row: Row, column: str) -> Row:
    held = row.get(column)
    parts = {str(name): value for name, value in held.items()} if isinstance(held, dict) else {}
    rest = {name: value for name, value in row.items() if name != column}
    return {**rest, **{name: value for name, value in parts.items() if name != _STEM}, column: parts.get(_STEM)}


def _gathered(table: Table) -> Table | None:
    """Columns for each choice as one list."""
    by_name = {plain(column): column for column in table.columns}
    if "choices" in table.columns:
        return None
    for start in _STEMS:
        for signs in _SIGNS:
            found = {sign.upper(): by_name[start + sign] for sign in signs if start + sign in by_name}
            if len(found) > (1 if start in SURELY else 2) and signs[0].upper() in found:
                return _changed(table, [_with_list(row, found) for row in table.rows])
    return None


def _with_list(row: Row, columns: dict[str, str]) -> Row:
    choices = {label: row[column] for label, column in columns.items() if row.get(column) not in (None, "")}
    return {**{name: value for name, value in row.items() if name not in columns.values()}, "choices": choices}


def _with_answer(table: Table) -> Table | None:
    """A label beside a list of choices, or a question and its passage, is the answer."""
    known = {plain(column): column for column in table.columns}
    right = next((known[name] for name in _RIGHT if name in known), "")
    judged = not known.keys().isdisjoint(_PASSAGE) and not known.keys().isdisjoint(names.QUESTION)
    if not right or not (judged or has_choices(table)) or not known.keys().isdisjoint(names.ANSWER):
        return None
    return _changed(
        table, [{("answer" if name == right else name): value for name, value in row.items()} for row in table.rows]
    )


def _changed(table: Table, rows: list[Row]) -> Table:
    return build_table(zip(table.numbers, rows, strict=True), table.kind, table.problems)
