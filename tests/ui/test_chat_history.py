"""Defends what becomes of a conversation: shown, read by two models, and learned from."""

from typing import Any

import pytest

from playground.errors import InputError
from playground.protocol.messages import Message
from playground.tasks.generate import CUT, ONLY_ENGLISH, REPEATED
from playground.tasks.outputs import TextOutput
from playground.ui.components.chat_history import (
    Turn,
    answered,
    as_messages,
    as_turns,
    asked_before,
    author,
    author_of,
    before_last,
    caught_up,
    cut_answer,
    marked,
    pace,
    signatures,
    with_answer,
)


def talk(*turns: str) -> list[Message]:
    """ "u:Hi" is said by the visitor, "a:Hello" answered."""
    roles: dict[str, Any] = {"u": "user", "a": "assistant"}
    return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]


def test_parts_of_text_become_one() -> None:
    shown = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert as_messages(shown) == talk("u:ab")


def test_an_answer_keeps_its_author_and_the_model_reads_none() -> None:
    turns = with_answer(str.format, [], "1", TextOutput("one"), author("Pirate at 50 %", taught=True))
    turns = with_answer(str.format, turns, "2", TextOutput("two"), author("Base model", taught=False))
    assert as_turns(turns) == turns
    assert as_messages(turns) == talk("u:1", "a:one", "u:2", "a:two")
    assert caught_up([], turns) == turns
    names = [turn["metadata"]["log"] for turn in turns if "metadata" in turn]
    assert names == ["Pirate at 50 %", "Base model"]


def test_what_the_page_said_is_signed_by_it_and_read_by_no_model() -> None:
    """The model would read there that it speaks only English, in a language that it does not know."""
    by = author("Base model", taught=False)
    page = author_of(str.format, TextOutput("Nur Englisch.", True, note=ONLY_ENGLISH), by)
    turns = with_answer(str.format, [], "Wie?", TextOutput("Nur Englisch."), page)
    turns = with_answer(str.format, turns, "How?", TextOutput("So."), by)
    assert page["log"] == "This page" and "color-accent" not in signatures("chat", turns, page, str.format)
    assert as_turns(turns) == turns
    assert answered(as_messages(turns)) == talk("u:How?", "a:So.")


def test_an_answer_that_was_ended_says_so() -> None:
    by = author("Pirate", taught=True)
    ended = author_of(str.format, TextOutput("Arr.", True, note=REPEATED), by)
    assert ended == {**by, "log": "Pirate, ended where it repeated itself"}
    cut = author_of(str.format, TextOutput("Arr, I be", True, note=CUT), by)
    assert cut == {**by, "log": "Pirate, cut at the longest answer", "status": "pending"}
    assert cut_answer(with_answer(str.format, [], "1", TextOutput("Arr, I be"), cut)) == "Arr, I be"
    assert cut_answer(with_answer(str.format, [], "1", TextOutput("Arr."), by)) is None
    assert author_of(str.format, TextOutput("Arr.", True), by) == author_of(str.format, None, by) == by


def test_the_small_print_counts_words_and_tells_their_pace() -> None:
    by = author("Pirate", taught=True)
    told = [
        pace(str.format, {**by, "duration": seconds}, text)
        for seconds, text in ((2.0, "Arr, I be a pirate of old"), (0.1, "Arr, matey"), (10.0, "我" * 123), (2.0, "Arr"))
    ]
    assert told == ["7 words, 3.5 a second", "2 words", "123 characters, 12 a second", ""]
    assert pace(str.format, by, "Arr, I be") == ""  # it still comes
    turns = with_answer(str.format, [], "1", TextOutput("Arr, matey"), {**by, "duration": 0.1})
    assert as_turns(turns) == turns and '--pace: "2 words"' in signatures("chat", turns, by, str.format)


def test_what_is_kept_looks_kept_for_as_long_as_it_is() -> None:
    by = {**author("Pirate", taught=True), "duration": 2.0}
    turns = with_answer(str.format, [], "1", TextOutput("Arr "), by)
    turns = with_answer(str.format, turns, "2", TextOutput("Ahoy"), by)
    kept = marked(turns, {("1", "Arr")})
    assert [turn["metadata"].get("status") for turn in kept if "metadata" in turn] == ["done", None]
    assert as_turns(kept) == kept
    assert pace(str.format, kept[1]["metadata"], "Arr").endswith("kept as an example")
    dropped = marked(kept, ())
    assert "status" not in dropped[1]["metadata"]
    assert pace(str.format, dropped[1]["metadata"], "Arr") == ""  # nobody measured how fast a visitor writes


def test_a_name_cannot_write_style_of_its_own() -> None:
    turns: list[Turn] = with_answer(
        str.format, [], "1", TextOutput("one"), author('</style><b>"; } * { color: red', taught=True)
    )
    drawn = signatures("chat", turns, author("船长\n", taught=False), str.format)
    assert drawn.count("<") == 2 and drawn.count("}") == 2 and drawn.count('"') == 4
    assert "船长" in drawn and drawn.count("--color-accent") == 2


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
