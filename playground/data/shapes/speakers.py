"""Tables with a row for each turn: who speaks, and what; put together to conversations."""

from collections.abc import Iterator, Sequence

from playground.data.chat import Role, role_of
from playground.data.column_names import GROUP, OWN_ID, PARENT, PLAIN_TEXT, SPEAKER, plain
from playground.data.table import Problem, Row, Table, build_table
from playground.sentence import Sentence

_TURNS_BEFORE = 10
"""So many are read before an answer where the whole file is one conversation."""
Turn = tuple[int, Role, str]
"""Row, side, words."""


def by_speakers(table: Table) -> Table | None:
    """A row for each conversation, or for each answer where there is only one; None where this is no such table."""
    columns = {name: _column(table, words) for name, words in _PARTS.items()}
    if not columns["speaker"] or not columns["text"]:
        return None
    rows = [row for row in zip(table.numbers, table.rows, strict=True) if isinstance(row[1].get(columns["text"]), str)]
    roles = _roles([str(row.get(columns["speaker"]) or "") for _, row in rows])
    if not roles:
        return None
    chats = list(_chats(rows, columns, roles))
    read = {name for name in columns.values() if name}
    if not columns["parent"]:
        read -= {columns["id"]}
    made = ((number, {**_others(table, number, read), "messages": chat}) for number, chat in chats)
    if not chats:
        return None
    found = build_table(made, table.kind, table.problems)
    answering = ", ".join(sorted(speaker for speaker, role in roles.items() if role == "assistant"))
    sentence = Sentence(
        "The rows are turns of a conversation by '{speaker}'. They were put together; what {answering} says is learnt.",
        speaker=columns["speaker"],
        answering=answering[:80],
    )
    found.problems.append(Problem(sentence))
    return found


_PARTS = {"speaker": SPEAKER, "text": PLAIN_TEXT, "group": GROUP, "id": OWN_ID, "parent": PARENT}


def _column(table: Table, words: Sequence[str]) -> str:
    by_name = {plain(column): column for column in reversed(table.columns)}
    return next((by_name[word] for word in words if word in by_name), "")


def _others(table: Table, number: int, read: set[str]) -> Row:
    """What else stands in a row, so that it is told as not used."""
    row = table.rows[number - 1] if table.numbers[number - 1 : number] == [number] else {}
    return {name: value for name, value in row.items() if name not in read}


def _roles(speakers: list[str]) -> dict[str, Role]:
    """The side of each speaker: by their names, or of two who talk to each other the second answers."""
    known = dict.fromkeys(filter(None, speakers))
    roles = {speaker: role for speaker in known if (role := role_of(speaker))}
    if len(roles) == len(known) and {"user", "assistant"} <= set(roles.values()):
        return roles
    others = [speaker for speaker in known if speaker not in roles]
    if len(known) == 2 and not roles:
        asking, answering = others
        return {asking: "user", answering: "assistant"}
    if len(others) == 1 and len(known) == 2 and "system" not in roles.values():
        missing: Role = "assistant" if "user" in roles.values() else "user"
        return {**roles, others[0]: missing}
    return {}


def _chats(
    rows: list[tuple[int, Row]], columns: dict[str, str], roles: dict[str, Role]
) -> Iterator[tuple[int, list[dict[str, object]]]]:
    turns = [(number, roles.get(str(row.get(columns["speaker"]) or "")), row) for number, row in rows]
    said = [(number, role, str(row[columns["text"]]), row) for number, role, row in turns if role]
    if columns["parent"] and columns["id"]:
        yield from _paths(said, columns)
        return
    groups: dict[str, list[Turn]] = {}
    for number, role, text, row in said:
        groups.setdefault(str(row.get(columns["group"]) or "") if columns["group"] else "", []).append(
            (number, role, text)
        )
    if len(groups) > 1:
        for group in groups.values():
            joined = _joined(group)
            if any(role == "assistant" for _, role, _ in joined):
                yield joined[-1][0], [{"role": role, "content": text} for _, role, text in joined]
        return
    yield from _windows(_joined([turn for group in groups.values() for turn in group]))


def _joined(turns: list[Turn]) -> list[Turn]:
    """What one side says in a row as one turn, from the first question on."""
    found: list[Turn] = []
    for number, role, text in turns:
        if found and found[-1][1] == role:
            found[-1] = (number, role, f"{found[-1][2]}\n{text}")
        elif found or role != "assistant":
            found.append((number, role, text))
    return found


def _windows(turns: list[Turn]) -> Iterator[tuple[int, list[dict[str, object]]]]:
    """Each answer with some turns before it, of which only this answer is learnt."""
    for place, (number, role, _) in enumerate(turns):
        if role != "assistant":
            continue
        before = turns[max(0, place - _TURNS_BEFORE) : place + 1]
        start = next((at for at, turn in enumerate(before) if turn[1] != "assistant"), 0)
        chat: list[dict[str, object]] = [{"role": side, "content": words} for _, side, words in before[start:]]
        for message in chat[:-1]:
            if message["role"] == "assistant":
                message["weight"] = 0
        yield number, chat


def _paths(
    said: list[tuple[int, Role, str, Row]], columns: dict[str, str]
) -> Iterator[tuple[int, list[dict[str, object]]]]:
    """From the first message of a tree to each of its last answers; an answer that two paths share is learnt once."""
    nodes = {str(row.get(columns["id"])): (number, role, text, row) for number, role, text, row in said}
    parents = {key: str(node[3].get(columns["parent"]) or "") for key, node in nodes.items()}
    learnt: set[str] = set()
    inner = set(parents.values())
    for leaf in nodes:
        if leaf in inner:
            continue
        path: list[str] = []
        key = leaf
        while key in nodes and key not in path and len(path) < 100:
            path.append(key)
            key = parents[key]
        path.reverse()
        while path and nodes[path[-1]][1] != "assistant":
            path.pop()
        chat = [_turn(nodes[key], key in learnt) for key in path]
        learnt.update(path)
        if chat and any("weight" not in message for message in chat if message["role"] == "assistant"):
            yield nodes[path[-1]][0], chat


def _turn(node: tuple[int, Role, str, Row], is_learnt: bool) -> dict[str, object]:
    _, role, text, _ = node
    return {"role": role, "content": text, **({"weight": 0} if is_learnt and role == "assistant" else {})}
