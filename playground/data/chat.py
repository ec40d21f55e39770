"""Conversations as people store them, to messages that a chat template takes."""

import re
from typing import Any, Literal, TypeGuard

from playground.errors import DataError
from playground.protocol.messages import Message

_ROLES: dict[str, Literal["user", "assistant", "system"]] = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "system": "system",
    "developer": "system",
}
_SPEAKERS = ("role", "from", "speaker")
_WORDS = ("content", "value", "text")
_SPOKEN = re.compile(r"(?:\A|\n)[ \t]*(Human|Assistant): ?")


class Unusable(DataError):
    """A row that cannot be learned from."""


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


def conversation(value: object, system: str = "") -> list[Message]:
    """Messages of `{"role", "content"}`, `{"from", "value"}` or `{"human", "assistant"}`, cut after the assistant's
    last; raises `Unusable`."""
    if not isinstance(value, list) or not value:
        raise Unusable("The conversation is empty or is not a list of messages.")
    value = _one_each(value)
    return _checked([_weighed(item, _message(item, place)) for place, item in enumerate(value, 1)], system)


def _weighed(item: dict[str, object], message: Message) -> Message:
    """Keep that an answer is not to be learnt."""
    if message["role"] == "assistant" and item.get("weight") == 0:
        message["weight"] = 0
    return message


def turns(asked: object, answered: object, system: str = "") -> list[Message]:
    """Messages from two lists, what was asked and what was answered; the last may be open. Raises `Unusable`.

    Lists of messages rather than of texts are a conversation's beginning and its end.
    """
    if _are_messages(asked) and _are_messages(answered):
        return conversation([*asked, *answered], system)
    if not isinstance(asked, list) or not isinstance(answered, list) or len(asked) - len(answered) not in (0, 1):
        raise Unusable("The lists of questions and answers differ in length.")
    found: list[Message] = []
    for place, (question, answer) in enumerate(zip(asked, answered, strict=False), 1):
        found.append({"role": "user", "content": _text(question, 2 * place - 1)})
        found.append({"role": "assistant", "content": _text(answer, 2 * place)})
    return _checked(found, system)


def is_open(value: object) -> bool:
    """Whether a conversation ends with words that nobody answers."""
    last = _one_each(value)[-1:] if isinstance(value, list) else []
    return bool(last) and isinstance(last[0], dict) and _speaker(last[0]) == "user"


def join_turns(value: object) -> object:
    """Mend a conversation in which a turn is missing, keeping every word that can be learnt from.

    Empty messages go, what one side says twice in a row becomes one message, and what the assistant says before the
    user's first words is left out. Anything that cannot be mended like that is returned as it is.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) and _speaker(item) for item in value):
        return value
    kept: list[tuple[dict[str, object], list[str]]] = []
    for item in value:
        said = item.get(_words(item))
        if said is None or (isinstance(said, str) and not said.strip()):
            continue
        if not isinstance(said, str):
            return value
        if kept and _speaker(kept[-1][0]) == _speaker(item):
            kept[-1][1].append(said)
        elif _speaker(item) != "assistant" or any(_speaker(other) == "user" for other, _ in kept):
            kept.append((item, [said]))
    joined = [{**item, _words(item): "\n\n".join(said)} for item, said in kept]
    return joined if any(_speaker(item) == "assistant" for item in joined) else value


def spoken(text: str) -> list[dict[str, object]] | None:
    """The messages of a text in which each begins with "Human:" or "Assistant:", the human first; else None."""
    start, *parts = _SPOKEN.split(text)
    speakers, words = parts[::2], parts[1::2]
    if start.strip() or speakers[:1] != ["Human"] or "Assistant" not in speakers:
        return None
    return [{"role": _ROLES[who.lower()], "content": said.strip()} for who, said in zip(speakers, words, strict=True)]


def _one_each(value: list[Any]) -> list[Any]:
    """`{"human": …, "assistant": …}`, two messages in one object, as one for each."""
    found: list[Any] = []
    for item in value:
        if isinstance(item, dict) and len(item) > 1 and all(str(name).strip().lower() in _ROLES for name in item):
            found.extend({"role": name, "content": said} for name, said in item.items())
        else:
            found.append(item)
    return found


def _are_messages(value: object) -> TypeGuard[list[dict[str, object]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _speaker(item: dict[str, object]) -> Literal["user", "assistant", "system"] | None:
    named = next((item[name] for name in _SPEAKERS if name in item), "")
    return _ROLES.get(str(named).strip().lower())


def _words(item: dict[str, object]) -> str:
    return next((name for name in _WORDS if name in item), _WORDS[0])


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
    return found


def _message(item: object, place: int) -> Message:
    if not isinstance(item, dict):
        raise Unusable("Message {place} is not an object with a role and a content.", place=place)
    content = _text(item.get(_words(item)), place)
    speaker = _speaker(item)
    if not speaker:
        said = next((str(item[name]) for name in _SPEAKERS if name in item), "")[:40]
        raise Unusable(
            "Message {place} is said by '{said}'; only user, assistant and system are known.", place=place, said=said
        )
    return {"role": speaker, "content": content}


def _text(value: object, place: int) -> str:
    """A content is a text, or a list of parts of which all are text."""
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in value]
        if not all(isinstance(part, str) for part in parts):
            raise Unusable("Message {place} holds something other than text.", place=place)
        value = "".join(str(part) for part in parts)
    if not isinstance(value, str) or not value.strip():
        raise Unusable("Message {place} is empty or is not text.", place=place)
    return value
