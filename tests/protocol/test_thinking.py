"""Defends that thoughts never count as the answer, however little of them has been written."""

import pytest

from playground.protocol.requests import RequestOutput, TokenLogprob
from playground.protocol.thinking import KNOWN_MARKS, ThinkingMarks, without_thinking

THOUGHT, ANSWER = "It is <b>late</b>, I think.", "Good night."
HARMONY = KNOWN_MARKS[-1]


@pytest.mark.parametrize("marks", KNOWN_MARKS, ids=lambda marks: marks.begin)
@pytest.mark.parametrize("opened", [False, True], ids=["by itself", "by the prompt"])
def test_no_piece_of_a_thought_or_a_mark_is_ever_answered(marks: ThinkingMarks, opened: bool) -> None:
    text = f"{'' if opened else marks.begin}\n{THOUGHT}\n{marks.lead}{marks.end}\n\n{ANSWER}"
    for end in range(len(text) + 1):
        thinking, answer_at = marks.split(text[:end], opened)
        assert THOUGHT.startswith(thinking) and ANSWER.startswith(text[answer_at:end])
    assert (thinking, text[answer_at:]) == (THOUGHT, ANSWER)


def test_what_only_speaks_of_marks_is_an_answer() -> None:
    marks = KNOWN_MARKS[0]
    for text in ("The mark <think> begins it, and </think> ends it.", "<thin ice>", "No thought at all."):
        assert marks.split(text, False) == ("", 0)
    assert without_thinking(RequestOutput("<thi", 2, "stop"), marks, False).text == "<thi"


def test_a_channel_without_thoughts_is_the_answer() -> None:
    assert HARMONY.split(HARMONY.end + ANSWER, False) == ("", len(HARMONY.end))


def test_an_output_that_ends_in_its_thinking_has_no_answer_and_says_so() -> None:
    marks = KNOWN_MARKS[0]
    output = without_thinking(RequestOutput("<think>Well, </th", 5, "length"), marks, False)
    assert (output.text, output.thinking, output.unanswered) == ("", "Well,", True)
    assert not without_thinking(RequestOutput("<think>a</think>b", 5, "length"), marks, False).unanswered


def test_words_are_those_of_the_answer() -> None:
    words = tuple(TokenLogprob(token, -0.5, ()) for token in ("<think>", "a", "</think>", "b", " c"))
    output = without_thinking(RequestOutput("<think>a</think>b c", 5, "stop", words), KNOWN_MARKS[0], False)
    assert output.text == "b c" and [word.token for word in output.logprobs] == ["b", " c"]
