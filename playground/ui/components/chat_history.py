"""Conversations: as the Chatbot shows them, as the model reads them, and as rows to learn from."""

from itertools import pairwise
from typing import Any

from playground.errors import InputError
from playground.protocol.messages import Message
from playground.tasks.base import TextOutput


def as_messages(shown: Any) -> list[Message]:
    """The conversation as plain messages, whatever shape the Chatbot gives it in."""
    messages: list[Message] = []
    for message in shown or []:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
        messages.append({"role": message["role"], "content": content})
    return messages


def with_answer(history: list[Message], said: str, result: TextOutput | None) -> list[Message]:
    """The conversation with what was said, and as much of the answer as there is."""
    asked: list[Message] = [*history, {"role": "user", "content": said}]
    return [*asked, {"role": "assistant", "content": result.text}] if result else asked


def before_last(messages: list[Message]) -> tuple[list[Message], str]:
    """The conversation before the last thing that the visitor said, and that; "" for none."""
    history = list(messages)
    while history and history[-1]["role"] == "assistant":
        history.pop()
    said = history.pop()["content"] if history else ""
    return history, said


def caught_up(behind: list[Message], ahead: list[Message]) -> list[Message]:
    """`behind`, with what was said since it was last asked; all of `ahead` where they are not one conversation."""
    same = len(behind) <= len(ahead) and all(
        mine["role"] == other["role"] and (mine["role"] == "assistant" or mine["content"] == other["content"])
        for mine, other in zip(behind, ahead, strict=False)
    )
    return [*behind, *ahead[len(behind) :]] if same else list(ahead)


def asked_before(messages: list[Message], place: Any) -> list[Message]:
    """What the answer at `place` answers: the conversation up to it, without what never got an answer.

    Rows to learn from must take turns. Raises `InputError` where no answer stands there.
    """
    inside = isinstance(place, int) and 0 < place < len(messages)
    if not inside or [message["role"] for message in messages[place - 1 : place + 1]] != ["user", "assistant"]:
        raise InputError("There is no such answer in this conversation.")
    asked: list[Message] = []
    for said, answer in pairwise(messages[:place]):
        if said["role"] == "user" and answer["role"] == "assistant" and answer["content"].strip():
            asked += [said, answer]
    return [*asked, messages[place - 1]]
