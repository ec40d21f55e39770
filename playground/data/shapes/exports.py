"""What chat services and messengers export, as conversations and turns."""

import re
from collections.abc import Iterator

from playground.data.roles import role_of
from playground.data.shapes.turn_marks import side_of
from playground.data.table import Problem, Row, Table, build_table
from playground.sentence import Sentence

_LINE = re.compile(
    r"[\u200e\u200f]?\[?(\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?\s\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[\s\u202f]?[AaPp]\.?[Mm]\.?)?)\]?"
    r"(?:\s[-–])?[:\s]\s*([^:]{1,40}):\s(.*)"
)
_TIME = r"\d{4}[./-]\d{1,2}[./-]\d{1,2} \d{1,2}:\d{2}(?::\d{2})?"
_HEADED = re.compile(rf"({_TIME}) (\S.{{0,39}})|(\S.{{0,39}}?) ({_TIME})")
"""A line with a time and a name alone, above what is said."""
_NAMED = re.compile(r"([^\W\d_][\w .'-]{0,29}):\s+(\S.*)")


def from_service(table: Table) -> Table | None:
    """Conversations that a service keeps as a tree of messages, each up to where it ended."""
    if not {"mapping", "current_node"} <= set(table.columns) and "mapping" not in table.columns:
        return None
    first = next((row["mapping"] for row in table.rows if row.get("mapping")), None)
    if not isinstance(first, dict) or not all(isinstance(node, dict) and "message" in node for node in first.values()):
        return None
    rows = ((number, _unrolled(row)) for number, row in zip(table.numbers, table.rows, strict=True))
    found = build_table(rows, table.kind, table.problems)
    found.problems.append(Problem(Sentence("The file is an export of a chat service. Its conversations were read.")))
    return found


def _unrolled(row: Row) -> Row:
    nodes = row.get("mapping")
    nodes = nodes if isinstance(nodes, dict) else {}
    key = row.get("current_node")
    if key not in nodes:
        inner = {node.get("parent") for node in nodes.values()}
        key = next((name for name in reversed(list(nodes)) if name not in inner), None)
    messages: list[dict[str, object]] = []
    seen: set[object] = set()
    while key in nodes and key not in seen:
        seen.add(key)
        node = nodes[key]
        if (message := _message(node.get("message"))) is not None:
            messages.append(message)
        key = node.get("parent")
    kept = {name: value for name, value in row.items() if name not in ("mapping", "current_node")}
    return {**kept, "messages": messages[::-1]}


def _message(message: object) -> dict[str, object] | None:
    if not isinstance(message, dict):
        return None
    author, content = message.get("author"), message.get("content")
    parts = content.get("parts") if isinstance(content, dict) else content
    text = "\n".join(part for part in parts if isinstance(part, str)) if isinstance(parts, list) else parts
    if not isinstance(text, str) or not text.strip() or role_of(author) is None:
        return None
    return {"role": role_of(author), "content": text}


def messenger_rows(text: str) -> list[Row] | None:
    """Turns of a messenger's export, "[20.06.24, 15:58] Runa: hello", or None; lines without a time go on from the
    one before. Lines that all begin with one of two names are such turns as well."""
    lines = [line for line in text.split("\n") if line.strip()]
    timed = sum(_LINE.match(line) is not None for line in lines[:200])
    if timed >= max(2, len(lines[:200]) // 2):
        return list(_timed(lines)) or None
    if headed := _headed(lines):
        return headed
    named = [_NAMED.fullmatch(line.strip()) for line in lines]
    names = [found[1] for found in named if found]
    if len(names) == len(lines) >= 4 and len(set(names)) == 2 and not any(map(side_of, names)):
        return [{"speaker": found[1], "text": found[2]} for found in named if found]
    return None


def _headed(lines: list[str]) -> list[Row]:
    first = lines[:200]
    if not first or not _is_head(first[0]) or 6 * sum(map(_is_head, first)) < len(first):
        return []
    turns: list[Row] = []
    for line in lines:
        if found := _HEADED.fullmatch(line.strip()):
            turns.append({"time": found[1] or found[4], "speaker": found[2] or found[3], "text": ""})
        else:
            turns[-1]["text"] = f"{turns[-1]['text']}\n{line}".strip("\n")
    return turns if len(turns) > 1 else []


def _is_head(line: str) -> bool:
    return _HEADED.fullmatch(line.strip()) is not None


def _timed(lines: list[str]) -> Iterator[Row]:
    turn: Row = {}
    for line in lines:
        if found := _LINE.match(line):
            if turn:
                yield turn
            turn = {"time": found[1], "speaker": found[2].strip(), "text": found[3]}
        elif turn and not line[:3].strip("[\u200e").isdigit():
            turn["text"] = f"{turn['text']}\n{line}"
    if turn:
        yield turn
