"""Conversations as people store them, to messages that a chat template takes."""

from playground.protocol import Message

_ROLES = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "system": "system",
}


class Unusable(Exception):
    """A row that cannot be learned from; the text is the reason, a sentence for people. Never leaves this floor."""


def conversation(value: object, system: str = "") -> list[Message]:
    """Messages of `{"role", "content"}` or `{"from", "value"}`, cut after the assistant's last; raises `Unusable`."""
    if not isinstance(value, list) or not value:
        raise Unusable("The conversation is empty or is not a list of messages.")
    return _checked([_weighed(item, _message(item, place)) for place, item in enumerate(value, 1)], system)


def _weighed(item: dict[str, object], message: Message) -> Message:
    """Keep that an answer is not to be learnt."""
    if message["role"] == "assistant" and item.get("weight") == 0:
        message["weight"] = 0
    return message


def turns(asked: object, answered: object, system: str = "") -> list[Message]:
    """Messages from two lists of equal length, what was asked and what was answered; raises `Unusable`."""
    if not isinstance(asked, list) or not isinstance(answered, list) or len(asked) != len(answered):
        raise Unusable("The lists of questions and answers differ in length.")
    found: list[Message] = []
    for place, (question, answer) in enumerate(zip(asked, answered, strict=True), 1):
        found.append({"role": "user", "content": _text(question, 2 * place - 1)})
        found.append({"role": "assistant", "content": _text(answer, 2 * place)})
    return _checked(found, system)


def _checked(found: list[Message], system: str) -> list[Message]:
    if system and found and found[0]["role"] != "system":
        found = [{"role": "system", "content": system}, *found]
    while found and found[-1]["role"] != "assistant":
        found = found[:-1]
    spoken = found[1:] if found and found[0]["role"] == "system" else found
    if not spoken:
        raise Unusable("The assistant says nothing in this conversation.")
    for place, message in enumerate(spoken):
        wanted = "assistant" if place % 2 else "user"
        if message["role"] != wanted:
            raise Unusable("The user and the assistant do not take turns in this conversation, starting with the user.")
    return found


def _message(item: object, place: int) -> Message:
    if not isinstance(item, dict):
        raise Unusable(f"Message {place} is not an object with a role and a content.")
    said = str(item.get("role", item.get("from", ""))).strip().lower()
    content = _text(item.get("content", item.get("value")), place)
    if _ROLES.get(said) == "user":
        return {"role": "user", "content": content}
    if _ROLES.get(said) == "assistant":
        return {"role": "assistant", "content": content}
    if _ROLES.get(said) == "system":
        return {"role": "system", "content": content}
    raise Unusable(f"Message {place} is said by '{said[:40]}'; only user, assistant and system are known.")


def _text(value: object, place: int) -> str:
    """A content is a text, or a list of parts of which all are text."""
    if isinstance(value, list):
        parts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in value]
        if not all(isinstance(part, str) for part in parts):
            raise Unusable(f"Message {place} holds something other than text.")
        value = "".join(str(part) for part in parts)
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"Message {place} is empty or is not text.")
    return value.strip()
