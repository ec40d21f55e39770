"""Columns are recognised by their headers in English and Chinese, or as a person chose them."""

import pytest

from playground.data.column_mapping import ColumnMapping, recognize, resolve
from playground.data.formats import PROMPT_COMPLETION
from playground.data.table import Table, build_table
from playground.errors import DataError
from playground.tasks.registry import dataset_formats

FORMATS = dataset_formats()


def _table(*rows: dict[str, object]) -> Table:
    return build_table(enumerate(rows, 1), "json", [])


_TURN = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
_CASES: list[tuple[dict[str, object], str, dict[str, str]]] = [
    ({"messages": _TURN}, "messages", {"messages": "messages"}),
    ({"id": "1", "conversations": _TURN, "system": "s"}, "messages", {"messages": "conversations", "system": "system"}),
    ({"input": ["a"], "output": ["b"]}, "messages", {"input": "input", "output": "output"}),
    ({"input": "a", "output": "b"}, "prompt_completion", {"prompt": "input", "completion": "output"}),
    ({"instruction": "a", "output": "b"}, "instruction", {"instruction": "instruction", "output": "output"}),
    (
        {"instruction": "a", "context": "c", "response": "b", "category": "x"},
        "instruction",
        {"instruction": "instruction", "input": "context", "output": "response"},
    ),
    ({"指令": "a", "输入": "", "输出": "b"}, "instruction", {"instruction": "指令", "input": "输入", "output": "输出"}),
    ({"Prompt ": "a", "Completion": "b"}, "prompt_completion", {"prompt": "Prompt", "completion": "Completion"}),
    ({"问题": "a", "答案": "b"}, "prompt_completion", {"prompt": "问题", "completion": "答案"}),
    (
        {"title": "t", "question": "a", "context": "x of c", "answers": {"text": ["x"], "answer_start": [1]}},
        "question_context_answer",
        {"question": "question", "context": "context", "answer": "answers.text"},
    ),
    (
        {"question": "a", "context": "x of c", "answers": ["x", "y"]},
        "question_context_answer",
        {"question": "question", "context": "context", "answer": "answers"},
    ),
    ({"label": 1, "text": "a"}, "text_label", {"text": "text", "label": "label"}),
    ({"文本": "a", "标签": "b"}, "text_label", {"text": "文本", "label": "标签"}),
    ({"文本": "a", "標籤": "b"}, "text_label", {"text": "文本", "label": "標籤"}),
    ({"對話": _TURN}, "messages", {"messages": "對話"}),
    ({"对话": "a", "摘要": "b"}, "summary", {"document": "对话", "summary": "摘要"}),
    ({"原文": "a", "摘要": "b"}, "summary", {"document": "原文", "summary": "摘要"}),
    ({"原文": "a", "译文": "b"}, "translation", {"source": "原文", "target": "译文"}),
    ({"提示": "a", "补全": "b"}, "prompt_completion", {"prompt": "提示", "completion": "补全"}),
    (
        {"问题": "a", "上下文": "bc", "答案": "b"},
        "question_context_answer",
        {"question": "问题", "context": "上下文", "answer": "答案"},
    ),
    (
        {"label": "x", "sentence1": "a", "sentence2": "b", "idx": 1},
        "text_label",
        {"text": "sentence1", "text2": "sentence2", "label": "label"},
    ),
    ({"en": "a", "de": "b"}, "translation", {"source": "en", "target": "de"}),
    ({"id": "1", "English": "a", "中文": "b"}, "translation", {"source": "English", "target": "中文"}),
    ({"source": "a", "target": "b"}, "translation", {"source": "source", "target": "target"}),
    (
        {"translation": {"fr": "a", "en": "b"}},
        "translation",
        {"source": "translation.fr", "target": "translation.en"},
    ),
    (
        {"fname": "f", "dialogue": "d", "summary": "s", "topic": "t"},
        "summary",
        {"document": "dialogue", "summary": "summary"},
    ),
    ({"text": "d", "summary": "s"}, "summary", {"document": "text", "summary": "summary"}),
    ({"text": "d", "source": "web"}, "text", {"text": "text"}),
    (
        {"prompt": "a", "chosen": _TURN, "rejected": _TURN},
        "messages",
        {"input": "prompt", "output": "chosen"},
    ),
    ({"prompt": _TURN, "completion": _TURN}, "messages", {"input": "prompt", "output": "completion"}),
    (
        {"system_prompt": "s", "question": "a", "response": "b"},
        "prompt_completion",
        {"prompt": "question", "completion": "response", "system": "system_prompt"},
    ),
    ({"question": "a", "answer": ["x"]}, "prompt_completion", {"prompt": "question", "completion": "answer"}),
    (
        {"airline_sentiment": "negative", "airline": "a", "text": "late again"},
        "text_label",
        {"text": "text", "label": "airline_sentiment"},
    ),
    ({"Review": "a", "Stars": "5"}, "text_label", {"text": "Review", "label": "Stars"}),
    (
        {"English words/sentences": "a", "French words/sentences": "b"},
        "translation",
        {"source": "English words/sentences", "target": "French words/sentences"},
    ),
    ({"anything at all": "d"}, "text", {"text": "anything at all"}),
]


@pytest.mark.parametrize(("row", "format", "columns"), _CASES)
def test_recognised(row: dict[str, object], format: str, columns: dict[str, str]) -> None:
    """Defends the headers that the datasets of the world use."""
    assert recognize(_table(row), FORMATS) == resolve(_table(row), FORMATS) == ColumnMapping(FORMATS[format], columns)


def test_unknown_columns_are_listed() -> None:
    """Defends a person from guessing which names are expected."""
    with pytest.raises(
        DataError, match=r"The file has: foo, bar\. Choose which is which, or name them prompt and completion"
    ):
        recognize(_table({"foo": "a", "bar": "b"}), FORMATS)


def test_a_person_may_choose() -> None:
    """Defends the dropdowns: a choice wins over what was recognised, the rest is completed."""
    table = _table({"text": "a", "label": "b", "comment": "c"})
    assert resolve(table, FORMATS).columns == {"text": "text", "label": "label"}
    assert resolve(table, FORMATS, columns={"text": "comment"}).columns == {"text": "comment", "label": "label"}
    assert resolve(table, FORMATS, "prompt_completion", {"prompt": "text", "completion": "comment"}) == ColumnMapping(
        PROMPT_COMPLETION, {"prompt": "text", "completion": "comment"}
    )
    assert resolve(
        _table({"foo": "a", "bar": "b"}), FORMATS, columns={"prompt": "foo", "completion": "bar"}
    ) == ColumnMapping(PROMPT_COMPLETION, {"prompt": "foo", "completion": "bar"})


@pytest.mark.parametrize(
    ("format", "columns", "reason"),
    [
        ("auto", {"text": "gone"}, "no column 'gone'"),
        ("poem", {}, "format 'poem'"),
        ("auto", {"verse": "text"}, "no part 'verse'"),
        ("summary", {}, "No column was found for: summary"),
    ],
)
def test_wrong_choices(format: str, columns: dict[str, str], reason: str) -> None:
    """Defends against training on something other than what was asked for."""
    with pytest.raises(DataError, match=reason):
        resolve(_table({"text": "a", "label": "b"}), FORMATS, format, columns)
