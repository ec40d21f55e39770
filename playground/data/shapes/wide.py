"""Tables that spread one thing over several columns or lists: two answers and which is better, patterns and responses
of an intent, and the same part under two names."""

from collections.abc import Iterator

from playground.data import column_names as names
from playground.data.column_names import plain
from playground.data.shapes.options import SURELY, has_choices
from playground.data.table import Problem, Row, Table, build_table
from playground.sentence import Sentence

_PATTERNS = ("patterns", "examples", "utterances", "phrases", "questions", "texts")
_RESPONSES = ("responses", "response", "answers", "replies")
_DECIDES = frozenset(
    "winner preference preferred label labels choice better betterresponse chosenposition saferresponseid best "
    "overallpreference".split()
)
_SIDES = (("a", "b"), ("0", "1"), ("1", "2"), ("j", "k"))
_NO_ANSWERS = (*SURELY, "model", "name", "id", "author")
"""Pairs of these are no two answers, but choices, or who gave them."""
_CONCEPTS = (
    *(names.INSTRUCTION, names.INSTRUCTION_OUTPUT, names.QUESTION, names.ANSWER, names.SUMMARY, names.SYSTEM),
    *(names.CHAT, names.SOURCE, names.TARGET, names.INPUT, names.PROMPT, names.COMPLETION, names.PLAIN_TEXT),
)


def with_better(table: Table) -> Table | None:
    """Two answers of which another column, or a number for each, says the better one."""
    by_name = {plain(column): column for column in table.columns}
    if has_choices(table):  # of these the label tells
        return None
    for first, second in _SIDES:
        pairs = [
            name[: -len(first)] for name in by_name if name.endswith(first) and name[: -len(first)] + second in by_name
        ]
        scores = [stem for stem in pairs if stem in ("score", "scores", "rating", "reward", "votes")]
        answers = [stem for stem in pairs if stem and stem not in (*scores, *_NO_ANSWERS)]
        decides = next((by_name[name] for name in by_name if name in _DECIDES), "")
        if not answers or not (decides or scores):
            continue
        pair = (by_name[answers[0] + first], by_name[answers[0] + second])
        rated = (by_name[scores[0] + first], by_name[scores[0] + second]) if scores else None
        read = {*pair, *(rated or (decides,))}
        rows = (_with_better(row, pair, _better(row, rated, decides, (first, second)), read) for row in table.rows)
        return _changed(table, rows)
    return None


def _with_better(row: Row, pair: tuple[str, str], better: int | None, read: set[str]) -> Row:
    kept = {name: value for name, value in row.items() if name not in read}
    if better is None:
        return {**kept, "chosen": None, "rejected": None}
    return {**kept, "chosen": row.get(pair[better]), "rejected": row.get(pair[1 - better])}


def _better(row: Row, rated: tuple[str, str] | None, decides: str, signs: tuple[str, str]) -> int | None:
    """0 or 1, None for a draw."""
    if rated:
        try:
            first, second = (float(str(row.get(column))) for column in rated)
        except ValueError:
            return None
        return None if first == second else int(second > first)
    said = plain(str(row.get(decides)))
    for place, sign in enumerate(signs):
        if said == sign or (len(said) > 2 and said.endswith(sign)):
            return place
    # SHP and its like: 1 for the first, 0 for the second, though they are called A and B.
    return {"1": 0, "0": 1}.get(said)


def exploded(table: Table) -> Table | None:
    """A row for each pattern of an intent, with one of its responses."""
    by_name = {plain(column): column for column in table.columns}
    patterns = next((by_name[name] for name in _PATTERNS if _lists_texts(table, by_name.get(name, ""))), "")
    if not patterns:
        return None
    responses = next((by_name[name] for name in _RESPONSES if _lists_texts(table, by_name.get(name, ""))), "")
    asked, answered = ("prompt", "completion") if responses else ("text", "")
    made: list[Row] = []
    for row in table.rows:
        kept = {name: value for name, value in row.items() if name not in (patterns, responses)}
        said = _texts(row.get(responses))
        for place, text in enumerate(_texts(row.get(patterns))):
            answer = {answered: said[place % len(said)] if said else ""} if answered else {}
            made.append({**kept, asked: text, **answer})
    flat = build_table(enumerate(made, 1), table.kind, table.problems)
    sentence = Sentence(
        "Every row holds a list under '{name}'; each of its texts is a row, {count} in all.",
        name=patterns,
        count=len(flat.rows),
    )
    flat.problems.append(Problem(sentence))
    return flat


def _lists_texts(table: Table, column: str) -> bool:
    first = next((row[column] for row in table.rows if row.get(column)), None) if column else None
    return isinstance(first, list) and all(isinstance(item, str) for item in first)


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str) and item.strip()] if isinstance(value, list) else []


def with_one_name(table: Table) -> Table:
    """Rows that have the same part under another name than the rows before, under one name."""
    if all(len(row) == len(table.columns) for row in table.rows):
        return table
    renamed: dict[str, str] = {}
    for words in _CONCEPTS:
        named = [column for column in table.columns if plain(column) in words and column not in renamed]
        for other in named[1:]:
            if not any(row.get(named[0]) is not None and row.get(other) is not None for row in table.rows):
                renamed[other] = named[0]
    if not renamed:
        return table
    changed = _changed(table, ({renamed.get(name, name): value for name, value in row.items()} for row in table.rows))
    for other, name in renamed.items():
        sentence = Sentence(
            "Rows that have '{other}' in the place of '{name}' were read alike.", other=other, name=name
        )
        changed.problems.append(Problem(sentence))
    return changed


def _changed(table: Table, rows: Iterator[Row]) -> Table:
    return build_table(zip(table.numbers, rows, strict=True), table.kind, table.problems)
