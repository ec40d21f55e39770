"""A summary made of a text's own sentences: which ones, in which order, and that none is changed."""

import pytest

from playground.tasks.nlp.extractive import extractive_summary
from playground.tasks.nlp.sentences import sentences
from playground.tasks.summarize import OWN_SENTENCES, SHORT_ALREADY, own_sentences

ABSTRACT = (
    "Training takes much memory. However, little of it is needed at once. We propose a method that keeps the state of "
    "the optimizer in few bits. It has 3 parts. In experiments it reaches the same accuracy."
)


def test_what_the_authors_say_they_did_is_told_first() -> None:
    assert extractive_summary(ABSTRACT, 1).startswith("We propose a method")


def test_sentences_keep_the_texts_order_and_words() -> None:
    two = extractive_summary(ABSTRACT, 2)
    assert two.index("Training takes much memory.") < two.index("We propose a method")
    assert extractive_summary(ABSTRACT, 99) == ABSTRACT


@pytest.mark.parametrize("text", ["One sentence only", "小狗在花园里睡觉。猫在屋里。", "!!! ...", "Two\nlines here."])
def test_any_text_has_a_best_sentence(text: str) -> None:
    assert extractive_summary(text, 1).strip()


@pytest.mark.parametrize(("count", "long"), [(2, 1), (3, 2), (5, 4), (6, 4), (40, 6)])
def test_a_summary_is_never_the_whole_text_and_grows_with_its_length(count: int, long: int) -> None:
    text = " ".join(f"Number {number} was found in the harbour." for number in range(count))
    made = [own_sentences(text, length) for length in ("short", "medium", "long")]
    sizes = [len(list(sentences(one.text))) for one in made]
    assert sizes == sorted(sizes) and sizes[0] == 1 and sizes[-1] == long < count
    assert {one.note for one in made} == {OWN_SENTENCES}


def test_a_single_sentence_is_said_to_be_short() -> None:
    assert own_sentences("The council met.", "long").note == SHORT_ALREADY
