"""Rows that stand deeper in a file than its columns: lists of rows within rows, and cells that hold JSON or Python."""

import ast
import json
import re
from collections.abc import Callable
from itertools import islice

from playground.data.chat import is_message, speaker_role
from playground.data.column_mapping import NOTHING_KNOWN, ColumnMapping
from playground.data.column_names import BETTER, CHAT, CHOICES, HISTORY, WORSE, plain
from playground.data.excerpts import cells
from playground.data.shapes.exports import from_service
from playground.data.shapes.options import with_choices
from playground.data.shapes.speakers import by_speakers, with_roles
from playground.data.shapes.tags import with_tags
from playground.data.shapes.turn_marks import Turn, read_turns
from playground.data.shapes.wide import exploded, with_better, with_one_name
from playground.data.table import MAX_DEPTH, MAX_FIELD_CHARS, SHOWN, Change, Problem, Row, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_LOOKED_AT = 40
_TURNS = N_("The texts in column '{column}' are written as turns and were read as such in rows: {count}.")


def flatten_to_fit(table: Table, resolve: Callable[[Table], ColumnMapping]) -> tuple[Table, ColumnMapping]:
    """The table in the shape that leaves the fewest columns unexplained, and the mapping.

    Raises the `DataError` about the table as it is when no shape helps.
    """
    table = with_one_name(_open_cells(table))
    try:
        return _best(table, resolve)
    except DataError:
        flat = _flatten(table)
        for _ in range(MAX_DEPTH):
            if flat is None:
                break
            try:
                return _best(flat, resolve)
            except DataError:
                flat = _flatten(flat)
        raise


def _best(table: Table, resolve: Callable[[Table], ColumnMapping]) -> tuple[Table, ColumnMapping]:
    """Of the table as it is and in each of the shapes that it may have, a shape before none."""
    found: list[tuple[int, Table, ColumnMapping]] = []
    refusal: DataError | None = None
    for shape in (lambda same: same, *_SHAPES):
        shaped = shape(table)
        if shaped is None:
            continue
        try:
            mapping = resolve(shaped)
        except DataError as error:
            refusal = refusal or error
            continue
        if not found or mapping != found[0][2]:  # what makes no difference is not done
            found.append((sum(_holds_some(shaped, column) for column in mapping.unused(shaped)), shaped, mapping))
    if not found:
        raise refusal or DataError(NOTHING_KNOWN, columns="")
    _, shaped, mapping = min(reversed(found), key=lambda each: each[0])
    return shaped, mapping


def _holds_some(table: Table, column: str) -> bool:
    return any(row.get(column) not in (None, "", []) for row in table.rows)


def with_turns(table: Table) -> Table | None:
    """Columns whose texts spell out a conversation as the turns that they are."""
    if (spread := _spread_turns(table)) is not None:
        return spread
    rows, problems = table.rows, []
    for column in table.columns:
        texts = [row[column] for row in islice((row for row in rows if row.get(column)), _LOOKED_AT)]
        read = [isinstance(text, str) and read_turns(text) is not None for text in texts]
        if not texts or sum(read) < 0.8 * len(texts):
            continue
        turns = [read_turns(value) if isinstance(value := row.get(column), str) else None for row in rows]
        places = [place for place, value in enumerate(turns) if value is not None]
        changes = tuple(
            Change(table.numbers[place], cells(rows[place], (column,)), cells({column: turns[place]}))
            for place in places[:SHOWN]
        )
        problems.append(Problem(Sentence(_TURNS, column=column, count=len(places)), changes=changes))
        rows = [row if said is None else {**row, column: said} for row, said in zip(rows, turns, strict=True)]
    if not problems:
        return None
    return build_table(zip(table.numbers, rows, strict=True), table.kind, [*table.problems, *problems])


def with_chat(table: Table) -> Table | None:
    """The one column that holds lists of messages under the name of a chat, whatever it is called."""
    if any(plain(column) in (*CHAT, *BETTER, *HISTORY) for column in table.columns):
        return None
    held = [column for column in table.columns if _holds_chats(table, column)]
    if len(held) != 1:
        return None
    rows = [{("messages" if name == held[0] else name): value for name, value in row.items()} for row in table.rows]
    return build_table(zip(table.numbers, rows, strict=True), table.kind, table.problems)


def _holds_chats(table: Table, column: str) -> bool:
    first = next((row[column] for row in table.rows if row.get(column)), None)
    return (
        isinstance(first, list)
        and len(first) > 1
        and all(isinstance(item, dict) and speaker_role(item) is not None for item in first)
    )


_SHAPES: tuple[Callable[[Table], Table | None], ...] = (
    *(with_turns, with_chat, by_speakers, with_roles, from_service, exploded, with_choices, with_better, with_tags),
)


def _spread_turns(table: Table) -> Table | None:
    """Of a text file whose turns go over several blocks, a row for each question with its answer."""
    if table.kind != "txt" or table.columns != ["text"]:
        return None
    texts = [str(row["text"]) for row in table.rows]
    whole = sum(read_turns(text) is not None for text in texts[:_LOOKED_AT])
    if 2 * whole > len(texts[:_LOOKED_AT]) or read_turns("\n\n".join(texts[:_LOOKED_AT])) is None:
        return None
    chats: list[list[Turn]] = []
    for turn in read_turns("\n\n".join(texts)) or []:
        if not chats or (turn["role"] != "assistant" and chats[-1][-1]["role"] == "assistant"):
            chats.append([])
        chats[-1].append(turn)
    spread = build_table(enumerate(({"text": chat} for chat in chats), 1), table.kind, table.problems)
    spread.problems.append(Problem(Sentence(_TURNS, column="text", count=len(chats))))
    return spread


def _flatten(table: Table) -> Table | None:
    """Make the entries of the one list of objects in each row rows of their own, with the row's other cells."""
    names = [name for name in table.columns if any(_is_list_of_rows(row.get(name)) for row in table.rows)]
    if len(names) != 1:
        return None
    name = names[0]
    rows = (
        {**{other: value for other, value in row.items() if other != name}, **entry}
        for row in table.rows
        for entry in _entries(row.get(name))
    )
    flat = build_table(enumerate(rows, 1), table.kind, table.problems)
    sentence = Sentence(
        "Every row holds a list of rows under '{name}'; those are read, {count} in all.",
        name=name,
        count=len(flat.rows),
    )
    flat.problems.append(Problem(sentence))
    return flat


def _entries(value: object) -> list[Row]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _is_list_of_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _open_cells(table: Table) -> Table:
    """Read the texts of a column named after a chat, a translation or answers as the data that they spell out."""
    rows = table.rows
    problems: list[Problem] = []
    for column in table.columns:
        if not (_holds_structure(column) or _holds_answers(column)):
            continue
        opened = [_opened(row.get(column), column) for row in rows]
        found = [index for index, value in enumerate(opened) if value is not None]
        if not found:
            continue
        first = [
            Change(table.numbers[index], cells(rows[index], (column,)), cells({column: opened[index]}))
            for index in found[:SHOWN]
        ]
        sentence = Sentence(
            "The texts in column '{column}' hold data and were read as such in rows: {count}.",
            column=column,
            count=len(found),
        )
        problems.append(Problem(sentence, changes=tuple(first)))
        rows = [row if value is None else {**row, column: value} for row, value in zip(rows, opened, strict=True)]
    if not problems:
        return table
    return build_table(zip(table.numbers, rows, strict=True), table.kind, [*table.problems, *problems])


def _holds_structure(column: str) -> bool:
    """Whether a column's name promises the turns of a chat, a list of choices, or a pair of languages."""
    return plain(column) in _STRUCTURED


def _holds_answers(column: str) -> bool:
    """Whether a column's name promises an answer, which may be several people's."""
    return plain(column) in ("answer", "answers")


def _opened(value: object, column: str) -> object:
    found = _structure(value)
    if _holds_answers(column):  # an answer may be JSON to be learnt: only SQuAD's way of keeping several is read
        return found if isinstance(found, dict) and "text" in found and "answer_start" in found else None
    if plain(column) in _MESSAGES and not (isinstance(found, list) and all(map(is_message, found))):
        return None
    return found


_MESSAGES = frozenset((*BETTER, *WORSE, "prompt", "completion"))
"""What may hold messages, or JSON to be learnt."""
_STRUCTURED = frozenset((*CHAT, *HISTORY, *CHOICES, *_MESSAGES, "translation"))
_TEXT = re.compile(
    r"\"[^\"\\]*+(?:\\.[^\"\\]*+)*+(?:\"|\\?\Z)|'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)", re.DOTALL
)  # one that never closes ends with the text, which no other need look through then
_ARRAY = re.compile(r"\barray\(|,\s*dtype=\w+\s*\)|\)(?=\s*[,}\]])")


def _structure(value: object) -> object:
    """The list or object that a text spells out, or None; only literals are evaluated, of a bounded length."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{") or len(value) > MAX_FIELD_CHARS:
        return None
    text = value.strip()
    for read in (json.loads, lambda printed: ast.literal_eval(_with_commas(printed))):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return found if isinstance(found, (dict, list)) and found else None
    return None


def _with_commas(printed: str) -> str:
    """A list as numpy prints it, without commas and in array(...), as Python writes it."""
    texts = _TEXT.findall(printed)
    between = [_bare(part) for part in _TEXT.split(printed)]
    parts = [part if part.strip() or place in (0, len(texts)) else ", " for place, part in enumerate(between)]
    return "".join(part + text for part, text in zip(parts, [*texts, ""], strict=True))


def _bare(part: str) -> str:
    if "array" in part or "dtype" in part:
        part = _ARRAY.sub("", part)
    return re.sub(r"([}\]])(\s+)(?=[{\[])", r"\1, ", part)
