"""Defends what becomes of a conversation: shown, read by two models, and learned from."""

from typing import Any

import pytest

from playground.errors import InputError
from playground.protocol.messages import Message
from playground.ui.components.chat_history import as_messages, asked_before, before_last, caught_up


def talk(*turns: str) -> list[Message]:
    """ "u:Hi" is said by the visitor, "a:Hello" answered."""
    roles: dict[str, Any] = {"u": "user", "a": "assistant"}
    return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]


def test_parts_of_text_become_one() -> None:
    shown = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert as_messages(shown) == talk("u:ab")


def test_again_takes_back_the_last_question() -> None:
    assert before_last(talk("u:1", "a:one", "u:2", "a:two")) == (talk("u:1", "a:one"), "2")
    assert before_last([]) == ([], "")


def test_the_base_model_asked_late_reads_the_whole_conversation() -> None:
    own = talk("u:1", "a:one", "u:2", "a:two")
    assert caught_up([], own) == own
    assert caught_up(talk("u:1", "a:eins"), own) == talk("u:1", "a:eins", "u:2", "a:two")
    assert caught_up(talk("u:other", "a:eins"), own) == own
    assert caught_up(talk("u:1", "a:eins", "u:2", "a:zwei"), own)[-1]["content"] == "zwei"


def test_a_row_to_learn_from_takes_turns() -> None:
    broken = talk("u:stopped", "u:1", "a:one", "u:2", "a:", "u:3", "a:three")
    assert asked_before(broken, 6) == talk("u:1", "a:one", "u:3")


@pytest.mark.parametrize("place", [-1, 0, 2, 4, None, "1", [1, 0]])
def test_only_an_answer_can_be_corrected(place: Any) -> None:
    with pytest.raises(InputError):
        asked_before(talk("u:1", "a:one", "u:2", "a:two"), place)
