"""Tables with a row for each turn: who speaks, and what; put together to conversations."""

from collections.abc import Iterator, Sequence

from playground.data.chat import READ_ONLY, are_turns, is_message, speaker_and_words, unread_keys
from playground.data.column_names import CHAT, GROUP, OWN_ID, PARENT, PLAIN_TEXT, SPEAKER, plain
from playground.data.roles import Role, role_of
from playground.data.table import Problem, Row, Table, build_table
from playground.sentence import Sentence

_SAID = ("utterance", "body", "value", "line", "comment", "said", "words")
_NAMES = ("name", "username", "displayname", "id")
_TURNS_BEFORE = 10
"""So many are read before an answer where the whole file is one conversation."""
MIN_CHATS = 2
Turn = tuple[int, Role, str]
"""Row, side, words."""


def by_speakers(table: Table) -> Table | None:
    """A row for each conversation, or for each answer where there is only one; None where this is no such table."""
    columns = {name: _column(table, words) for name, words in _PARTS.items()}
    if not columns["speaker"] or not columns["text"]:
        return None
    rows = [row for row in zip(table.numbers, table.rows, strict=True) if isinstance(row[1].get(columns["text"]), str)]
    roles = _roles([_name(row.get(columns["speaker"])) for _, row in rows])
    if not roles:
        return None
    chats = list(_chats(rows, columns, roles))
    read = {name for name in columns.values() if name}
    if not (columns["parent"] and columns["id"]):
        read -= {columns["id"], columns["parent"]}
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


def with_roles(table: Table) -> Table | None:
    """Chats between people with names: the first asks, the other answers. Of a single chat each answer is a row."""
    column = next((column for column in table.columns if plain(column) in CHAT), "")
    chats = [_without_events(row.get(column)) for row in table.rows] if column else []
    first = next((chat for chat in chats if chat), None)
    if not isinstance(first, list) or not are_turns(first) or any(map(is_message, first)):
        return None
    made: list[tuple[int, Row]] = []
    for number, row, chat in zip(table.numbers, table.rows, chats, strict=True):
        others = {name: value for name, value in row.items() if name != column}
        turns = _named_turns(chat) if isinstance(chat, list) else []
        windows = [said for _, said in _windows(turns)] if len(chats) < MIN_CHATS else [_as_chat(turns)]
        for window in filter(None, windows):
            window[0] |= dict.fromkeys(unread_keys(chat) - set(window[0]))  # so that they are told as not used
        made += [(number + place, {**others, column: window}) for place, window in enumerate(windows) if window]
    if not made:
        return None
    if len({number for number, _ in made}) < len(made):  # a row is told, and changed, by its number
        made = list(enumerate((row for _, row in made), 1))
    found = build_table(made, table.kind, table.problems)
    sentence = Sentence(
        "In the chats of '{column}' people have names. Who speaks second is the one who answers.", column=column
    )
    found.problems.append(Problem(sentence))
    return found


def _without_events(chat: object) -> object:
    """Without what a messenger notes between the messages: calls, and who came or left."""
    if not isinstance(chat, list):
        return chat
    return [item for item in chat if not (isinstance(item, dict) and item.get("type") == "service")]


def _named_turns(chat: list[object]) -> list[Turn]:
    said = [(str(named), text) for item in chat if isinstance(item, dict) for named, text in [speaker_and_words(item)]]
    roles = _roles([named for named, _ in said])
    return _joined(
        [(place, roles[named], text) for place, (named, text) in enumerate(said, 1) if named in roles and text]
    )


def _as_chat(turns: list[Turn]) -> list[dict[str, object]]:
    return [{"role": role, "content": text} for _, role, text in turns]


_PARTS = {"speaker": SPEAKER, "text": (*PLAIN_TEXT, *_SAID), "group": GROUP, "id": OWN_ID, "parent": PARENT}


def _column(table: Table, words: Sequence[str]) -> str:
    by_name = {plain(column): column for column in reversed(table.columns)}
    return next((by_name[word] for word in words if word in by_name), "")


def _name(speaker: object) -> str:
    """What somebody is called, also where a messenger keeps more of them."""
    if isinstance(speaker, dict):
        return next((str(speaker[key]) for key in _NAMES if speaker.get(key)), "")
    return str(speaker or "")


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
    turns = [(number, roles.get(_name(row.get(columns["speaker"]))), row) for number, row in rows]
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
                yield joined[-1][0], _as_chat(joined)
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
                message[READ_ONLY] = True
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
        if chat and any(READ_ONLY not in message for message in chat if message["role"] == "assistant"):
            yield nodes[path[-1]][0], chat


def _turn(node: tuple[int, Role, str, Row], is_learnt: bool) -> dict[str, object]:
    _, role, text, _ = node
    return {"role": role, "content": text, **({READ_ONLY: True} if is_learnt and role == "assistant" else {})}
