"""Each task's rows in files are recognised, and become the very prompts that its tab writes."""

import pytest

from playground.data.chat import assistant, user
from playground.data.column_mapping import recognize
from playground.data.column_names import is_known, plain
from playground.data.examples import Examples, make_examples
from playground.data.formats import GENERAL_FORMATS
from playground.data.table import build_table
from playground.protocol.messages import Message
from playground.tasks.answer import NOT_SAID
from playground.tasks.registry import all_tasks, dataset_formats


def _made(*rows: dict[str, object]) -> Examples:
    table = build_table(enumerate(rows, 1), "json", [])
    return make_examples(table, recognize(table, dataset_formats()))


def _said(*rows: dict[str, object]) -> list[list[Message]]:
    return [list(example.messages or ()) for example in _made(*rows).usable]


def _prompt(task: str, **inputs: str) -> list[Message]:
    return all_tasks()[task].prompt(**inputs)


def test_formats_are_tried_in_this_order() -> None:
    """Defends files that fit several: what a row is taken for depends on which format comes first."""
    assert list(dataset_formats()) == [
        *("messages", "translation", "question_context_answer", "instruction"),
        *("text_label", "prompt_completion", "summary", "text"),
    ]


def test_names_and_turns_are_taken_once() -> None:
    """Defends a new task's format from pushing another one out of the list."""
    declared = [*GENERAL_FORMATS, *(format for task in all_tasks().values() for format in task.formats)]
    assert len({format.name for format in declared}) == len({format.order for format in declared}) == len(declared)


@pytest.mark.parametrize("name", dataset_formats())
def test_readers_know_the_words_of_each_format(name: str) -> None:
    """Defends headers below a title: readers find them by their words, before any format is tried."""
    for column in dataset_formats()[name].columns:
        assert [word for word in column.names if not is_known(word) or plain(word) != word] == []
        assert set(column.instead) <= set(dataset_formats()[name].column_names)


def test_a_translation_goes_into_the_language_that_its_column_is_named_after() -> None:
    """Defends short texts, whose language nobody can detect."""
    assert _said({"en": "Hi", "de": "Hallo"}, {"en": "Bye", "de": "Ciao"})[1] == [
        *_prompt("translate", text="Bye", target="German"),
        assistant("Ciao"),
    ]


def test_a_translation_goes_into_the_language_that_it_is_in() -> None:
    row: dict[str, object] = {"source": "A dog runs.", "target": "Ein Hund läuft durch den Schnee."}
    assert _said(row, row)[0] == [
        *_prompt("translate", text="A dog runs.", target="German"),
        assistant("Ein Hund läuft durch den Schnee."),
    ]


def test_summaries_are_asked_for_as_the_tab_asks() -> None:
    assert _said({"text": "a", "summary": "b"}, {"text": "c", "summary": "d"})[1] == [
        *_prompt("summarize", text="c", length="short"),
        assistant("d"),
    ]


def test_questions_about_a_passage_take_the_first_answer() -> None:
    asked = _prompt("answer", question="q", context="x c")
    several: dict[str, object] = {"question": "q", "context": "x c", "answers": {"text": ["x", "y"]}}
    assert _said(several, several)[0] == [*asked, assistant("x")]


def test_what_the_passage_does_not_say_is_learnt() -> None:
    """Defends SQuAD's unanswerable questions; an answer that is merely missing is left out."""
    made = _made(*({"question": "q", "context": "x c", "answers": answers} for answers in (["x"], [], None)))
    assert (made.usable[1].messages or ())[-1] == assistant(NOT_SAID)
    assert (list(made.remarks.values()), [row for row, _ in made.skipped]) == ([[2]], [3])


def test_moods_train_the_tab_and_numbers_are_never_guessed_to_be_moods() -> None:
    assert _said({"text": "a", "label": "POS"}, {"text": "b", "label": "negative"}) == [
        [*_prompt("sentiment", text="a"), assistant("positive")],
        [*_prompt("sentiment", text="b"), assistant("negative")],
    ]
    numbers = _said({"text": "a", "label": 1}, {"text": "b", "label": 0})
    assert numbers[0] == [user("Which of these fits: 0, 1?\na"), assistant("1")]


def test_other_labels_are_listed_unless_they_are_many() -> None:
    """Defends that a model asked to sort knows the choices, and prompts from growing with the file."""
    rows: list[dict[str, object]] = [
        {"sentence1": "a", "sentence2": "b", "label": "same"},
        {"sentence1": "c", "sentence2": "d", "label": "other"},
    ]
    assert _said(*rows)[0] == [user("Which of these fits: other, same?\na\nb"), assistant("same")]
    many = _said(*({"text": "a", "label": f"label {number}"} for number in range(31)))
    assert many[0] == [user("Which of these fits?\na"), assistant("label 0")]
    long = _said(*({"text": "a", "label": letter * 2000} for letter in "xyxy"))
    assert long[0] == [user("Which of these fits?\na"), assistant("x" * 2000)]
