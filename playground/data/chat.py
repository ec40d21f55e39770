"""Conversations as people store them, to messages that a chat template takes."""

import re
from collections.abc import Iterable
from typing import Any, TypeGuard

from playground.data.column_names import plain
from playground.data.content import as_json, holds_media, text_of_parts, text_of_pieces
from playground.data.roles import TOOL_SPEAKERS, Role, role_of, side_of
from playground.errors import DataError
from playground.protocol.messages import Message

_SPEAKERS = ("role", "from", "speaker", "sender", "author")
_WORDS = ("content", "value", "text", "message", "utterance")
_CALLS = ("tool_calls", "function_call")
READ_ONLY = "read_only_here"
"""What this program itself sets on an answer that is learnt elsewhere."""
_NOT_LEARNT = ("weight", "train", "loss", "loss_mask", "loss_weight", "trainable", "learn")
_FLAGS = frozenset((*_NOT_LEARNT, READ_ONLY))


class Unusable(DataError):
    """A row that cannot be learned from."""


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def continued(before: object, after: object = None, system: str = "") -> list[Message]:
    """Messages of what was said `before` and of the answer `after` it, which may repeat it; cut after the
    assistant's last. Raises `Unusable`.

    Each may be a list of messages, one of them, a text, or a list of texts said in turns; two lists of texts are
    what was asked and what was answered.
    """
    if are_texts(before) and are_texts(after):
        if len(before) - len(after) not in (0, 1):
            raise Unusable("The lists of questions and answers differ in length.")
        turns = [one for pair in zip(before, after, strict=False) for one in pair]
        return _checked(_alternating(turns), system)
    said = _items(before, "user") if before else []
    answered = _items(after, "assistant") if after is not None else []
    if answered and isinstance(after, list) and speaker_role(answered[0]) in ("user", "system"):
        said = []
    items = [*said, *answered]
    if not items:
        raise Unusable("The conversation is empty or is not a list of messages.")
    messages = [_message(item, place) for place, item in enumerate(items, 1)]
    return _checked(_joined(messages) if any(map(_is_by_tool, items)) else messages, system)


def _is_by_tool(item: object) -> bool:
    return isinstance(item, dict) and (_calls(item) is not None or plain(str(_speaker(item))) in TOOL_SPEAKERS)


def _joined(messages: list[Message]) -> list[Message]:
    """Several results of tools, or a call and what is said with it, as one turn."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"] != "system":
            joined[-1] = {**joined[-1], "content": f"{joined[-1]['content']}\n{message['content']}"}
        else:
            joined.append(message)
    return joined


def are_texts(value: object) -> TypeGuard[list[str]]:
    """Whether this is a list of texts, said in turns."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _alternating(texts: list[str]) -> list[Message]:
    sides: tuple[Role, Role] = ("user", "assistant")
    return [{"role": sides[place % 2], "content": _text(text, place + 1)} for place, text in enumerate(texts)]


def _items(value: object, side: Role) -> list[Any]:
    if isinstance(value, str):
        return [{"role": side, "content": value}]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        raise Unusable("The conversation is empty or is not a list of messages.")
    if are_texts(value):
        return _alternating(value)
    return _one_each(value)


def is_message(item: object) -> bool:
    """Whether an object is what one side says, or a pair of both."""
    return isinstance(item, dict) and (speaker_role(item) is not None or _is_pair(item))


def said_by_assistant(items: list[Any]) -> str:
    """What an answer says that is kept as messages; raises `Unusable`."""
    said = [_message(item, place) for place, item in enumerate(_one_each(items), 1)]
    return "\n".join(message["content"] for message in said if message["role"] == "assistant")


def are_turns(value: object) -> bool:
    """Whether a list may be a conversation: of messages by whomever, or of texts said in turns."""
    if not isinstance(value, list):
        return False
    named = all(isinstance(item, dict) and (any(key in item for key in _SPEAKERS) or _is_pair(item)) for item in value)
    return named or are_texts(value)


def is_open(value: object) -> bool:
    """Whether a conversation ends with words that nobody answers."""
    if are_texts(value):
        return len(value) % 2 == 1
    last = _one_each(value[-1:])[-1:] if isinstance(value, list) else []
    return bool(last) and isinstance(last[0], dict) and speaker_role(last[0]) == "user"


def has_pictures(value: object) -> bool:
    """Whether some message has parts that are no text."""
    items = value if isinstance(value, list) else []
    return any(holds_media(item.get(_words(item))) for item in items if isinstance(item, dict))


def has_unlearnt(value: object) -> bool:
    """Whether the file itself marks some answer as one that is read but not learnt."""
    items = value if isinstance(value, list) else []
    return any(
        isinstance(item, dict) and speaker_role(item) == "assistant" and READ_ONLY not in item and _flagged(item)
        for item in items
    )


def unread_keys(value: object) -> set[str]:
    """The keys of messages that `continued` reads nothing of."""
    items = value if isinstance(value, list) else [value]
    kinds = {tuple(item): item for item in items if isinstance(item, dict)}  # of those with the same keys one will do
    return {key for item in kinds.values() for key in item.keys() - _read_keys(item)}


def _read_keys(item: dict[str, object]) -> set[str]:
    if _is_pair(item):
        return set(item)
    speaker = next((name for name in _SPEAKERS if name in item), "")
    return {speaker, _words(item), *_CALLS, *_NOT_LEARNT, READ_ONLY}


def join_turns(value: object) -> object:
    """Mend a conversation in which a turn is missing, keeping every word that can be learnt from.

    Empty messages go, what one side says twice in a row becomes one message, and what the assistant says before the
    user's first words is left out. Anything that cannot be mended like that is returned as it is.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) and speaker_role(item) for item in value):
        return value
    kept: list[tuple[dict[str, object], list[str]]] = []
    for item in value:
        said = item.get(_words(item))
        if said is None or (isinstance(said, str) and not said.strip()):
            if not _calls(item):
                continue
            return value
        if not isinstance(said, str):
            return value
        if kept and speaker_role(kept[-1][0]) == speaker_role(item) and _flagged(kept[-1][0]) == _flagged(item):
            kept[-1][1].append(said)
        elif speaker_role(item) != "assistant" or any(speaker_role(other) == "user" for other, _ in kept):
            kept.append((item, [said]))
    joined = [{**item, _words(item): "\n\n".join(said)} for item, said in kept]
    return joined if any(speaker_role(item) == "assistant" for item in joined) else value


def _one_each(value: Iterable[Any]) -> list[Any]:
    """Objects that hold what both sides say as one message for each."""
    found: list[Any] = []
    for item in value:
        if not isinstance(item, dict) or not _is_pair(item):
            found.append(item)
            continue
        for side in ("system", "user", "assistant"):
            said = [said for name, said in item.items() if side_of(name) == side and said not in (None, "")]
            if said or side != "system":
                texts = all(isinstance(part, str) for part in said)
                found.append({"role": side, "content": "\n\n".join(said) if texts else said[0]})
    return found


def _is_pair(item: dict[str, object]) -> bool:
    return _speaker(item) is None and len(item) > 1 and all(map(side_of, item))


def speaker_role(item: dict[str, object]) -> Role | None:
    """Which side says a message, or None."""
    return role_of(_speaker(item))


def _speaker(item: dict[str, object]) -> object:
    for name in _SPEAKERS:
        if name in item:
            return item[name]
    return None


def speaker_and_words(item: dict[str, object]) -> tuple[object, str]:
    """Who says a message and what, "" for what is no text."""
    content = item.get(_words(item))
    text = text_of_parts(content) or text_of_pieces(content) if isinstance(content, list) else content
    return _speaker(item), text if isinstance(text, str) else ""


def _words(item: dict[str, object]) -> str:
    for name in _WORDS:
        if name in item:
            return name
    return _WORDS[0]


def _calls(item: dict[str, object]) -> object:
    return next((item[name] for name in _CALLS if item.get(name)), None)


def _flagged(item: dict[str, object]) -> bool:
    """Whether a message is read but not learnt."""
    if _FLAGS.isdisjoint(item):
        return False
    marked = any(item.get(name) in (0, False, "0", "false", "False") for name in _NOT_LEARNT if name in item)
    return marked or READ_ONLY in item


def _checked(found: list[Message], system: str) -> list[Message]:
    if system and found and found[0]["role"] != "system":
        found = [{"role": "system", "content": system}, *found]
    last = max((place for place, message in enumerate(found, 1) if message["role"] == "assistant"), default=0)
    found = found[:last]
    spoken = found[1:] if found and found[0]["role"] == "system" else found
    if not spoken:
        raise Unusable("The assistant says nothing in this conversation.")
    for place, message in enumerate(spoken):
        expected = "assistant" if place % 2 else "user"
        if message["role"] != expected:
            raise Unusable("The user and the assistant do not take turns in this conversation, starting with the user.")
    if all(message.get("weight") == 0 for message in spoken[1::2]):
        raise Unusable("The file marks every answer in it as one that is not to be learnt.")
    return found


def _message(item: object, place: int) -> Message:
    if not isinstance(item, dict):
        raise Unusable("Message {place} is not an object with a role and a content.", place=place)
    speaker = speaker_role(item)
    if not speaker:
        said = str(_speaker(item) or "")[:40]
        raise Unusable(
            "Message {place} is said by '{said}'; only user, assistant and system are known.", place=place, said=said
        )
    content, calls = item.get(_words(item)), _calls(item)
    if calls is None and plain(str(_speaker(item))) in TOOL_SPEAKERS and not isinstance(content, str):
        content = as_json(content)
    if speaker == "assistant" and isinstance(content, (dict, list)) and content and text_of_parts(content) is None:
        content = as_json(content) if not holds_media(content) else content
    written = [] if calls is not None and not content else [_text(content, place)]
    written += [_written(calls)] if calls is not None else []
    message: Message = {"role": speaker, "content": "\n".join(written)}
    if speaker == "assistant" and _flagged(item):
        message["weight"] = 0
    return message


def _written(calls: object) -> str:
    """The call of a tool as the model is to write it."""
    made = [
        call.get("function", call) if isinstance(call, dict) else call
        for call in (calls if isinstance(calls, list) else [calls])
    ]
    return "\n".join(as_json(call) for call in made)


def _text(value: object, place: int) -> str:
    """A content is a text, or a list of parts of which some are text."""
    if isinstance(value, list):
        parts = text_of_parts(value)
        if parts is None:
            raise Unusable("Message {place} holds something other than text.", place=place)
        value = parts
    if not isinstance(value, str) or not value.strip():
        raise Unusable("Message {place} is empty or is not text.", place=place)
    return value


_PREFIX = re.compile(r"(?:(?<!\s)\s++)?system\s*+[:：]\s*+", re.IGNORECASE)


def system_text(*parts: str) -> str:
    """The role of the model, of all that a row says of it."""
    return "\n\n".join(_PREFIX.sub("", part, count=1) for part in parts if part.strip())
