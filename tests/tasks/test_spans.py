"""Which words of a passage may be an answer: never punctuation, small words or half of two sentences."""

import pytest

from playground.tasks.nlp.spans import find_starts, kind_of_question

PASSAGE = 'The "last keeper" was Anna Lund. In 1972, she left the tower.'


def spans(context: str, question: str) -> set[str]:
    return {context[start.begin : end] for start in find_starts(context, question) for end in start.ends}


def test_answers_are_bare_words_of_one_sentence() -> None:
    found = spans(PASSAGE, "Who was the last keeper?")
    assert {"Anna Lund", "1972", "last keeper", "left the tower"} <= found
    assert all("." not in span for span in found)  # none goes on into the next sentence
    assert {"The", "was", "In", "was Anna"}.isdisjoint(found)


def test_sentences_that_share_words_with_the_question_are_known() -> None:
    starts = {PASSAGE[s.begin : s.first_word_end]: s for s in find_starts(PASSAGE, "Who was the last keeper?")}
    assert starts["Anna"].shared == 1.0
    assert starts["1972"].shared == 0.0


def test_chinese_is_taken_by_characters() -> None:
    assert {"学校", "昨天", "汤姆"} <= spans("汤姆昨天去了学校。他很高兴。", "汤姆去了哪里？")


def test_a_passage_of_small_words_or_signs_has_at_most_one_start() -> None:
    assert len(find_starts("It is what it is.", "Why?")) == 1
    assert find_starts("... !", "Why?") == []


def best(context: str, question: str) -> str:
    places = [(nats, start.begin, end) for start in find_starts(context, question) for end, nats in start.ends.items()]
    _, begin, end = max(places)
    return context[begin:end]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Who was the last keeper?", "Anna Lund"),
        ("In what year did she leave the tower?", "1972"),
        ("How many lamps did it have?", "three"),
        ("Where was Peter Moore born?", "Oldport"),
    ],
)
def test_words_alone_find_what_kind_of_answer_is_wanted_and_where(question: str, wanted: str) -> None:
    context = f"{PASSAGE} The tower had three lamps. The mayor, Peter Moore, was born in Oldport."
    assert best(context, question) == wanted


@pytest.mark.parametrize(
    ("question", "kind"),
    [("Wie viele Kinder?", "count"), ("Où est-il ?", "where"), ("什么时候开门？", "when"), ("Name a tower.", "what")],
)
def test_questions_are_told_apart_in_four_languages(question: str, kind: str) -> None:
    assert kind_of_question(question) == kind
