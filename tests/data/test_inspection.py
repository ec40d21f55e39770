"""Every real upload at hand is read rightly or refused with the place; the answer has the API's shape."""

import json
from pathlib import Path

import pytest

from playground.data.inspection import inspect
from playground.data.repair import KINDS
from playground.errors import DataError
from playground.tasks.registry import dataset_formats

UPLOADS = Path(__file__).resolve().parents[3] / "shared" / "uploads"
EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"

READ = {
    "broken_alpaca_zh_unfinished.json": (2801, "instruction", None),
    "broken_dialogsum_python_dicts.jsonl": (30, "summary", {"document": "dialogue", "summary": "summary"}),
    "chinesevicuna_chat.jsonl": (3, "messages", {"input": "input", "output": "output"}),
    "hf_mrpc_train.csv": (6, "text_label", {"text": "sentence1", "text2": "sentence2", "label": "label"}),
    "litgpt_alpaca.json": (23, "instruction", None),
    "litgpt_dolly.json": (
        12,
        "instruction",
        {"instruction": "instruction", "input": "context", "output": "response"},
    ),
    "llamafactory_alpaca_en_demo.json": (999, "instruction", None),
    "llamafactory_alpaca_zh_demo.json": (1000, "instruction", None),
    "llamafactory_c4_demo.jsonl": (300, "text", {"text": "text"}),
    "llamafactory_identity.json": (91, "instruction", None),
    "llamafactory_wiki_demo.txt": (30, "text", {"text": "text"}),
    "loratuner_yoda.json": (149, "instruction", {"instruction": "instruction", "output": "output"}),
    "mlx_wikisql_train.jsonl": (1000, "text", {"text": "text"}),
    "simplefinetuner_limericks.txt": (68, "text", {"text": "text"}),
}
EMPTY_ANSWERS = {"broken_alpaca_zh_unfinished.json": [1921, 2036]}
REFUSED = {"axolotl_conversation.json": "Only 1 of the 1 rows"}
GOOD = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
ALPACA = {"instruction": "instruction", "input": "input", "output": "output"}


def _upload(name: str) -> Path:
    if not UPLOADS.is_dir():
        pytest.skip("the real uploads are not part of the project")
    return UPLOADS / name


@pytest.mark.parametrize("name", READ)
def test_real_uploads_are_read(name: str) -> None:
    """Defends what people really upload: rows counted, roles found, every row usable."""
    rows, format, mapping = READ[name]
    found = inspect(_upload(name), formats=dataset_formats())
    assert (found.rows, found.format, found.mapping.columns) == (rows, format, mapping or ALPACA)
    skipped = [row for row, _ in found.examples.skipped]
    assert (len(found.examples.usable), skipped) == (rows - len(skipped), EMPTY_ANSWERS.get(name, []))


@pytest.mark.parametrize("name", REFUSED)
def test_real_uploads_are_refused(name: str) -> None:
    """Defends the place in the sentence about a file that cannot be used."""
    with pytest.raises(DataError, match=REFUSED[name]):
        inspect(_upload(name), formats=dataset_formats())


def test_no_real_upload_is_forgotten() -> None:
    """Defends the two lists above from a file that nobody looks at."""
    assert {path.name for path in _upload(".").iterdir()} == {*READ, *REFUSED}


def test_shape_of_the_answer(tmp_path: Path) -> None:
    """Defends /inspect_dataset: its keys, plain JSON, and left-out rows with their reason."""
    rows = ["text,label", "Hello there,greeting", "Bye,farewell", ",greeting", "Bye,farewell"]
    path = tmp_path / "upload"
    path.write_text("\n".join(rows), encoding="utf-8")
    answer = inspect(path, name="mine.csv", formats=dataset_formats()).to_dict()
    assert list(answer) == ["rows", "format", "columns", "mapping", "problems", "repairs", "unused"]
    assert (answer["rows"], answer["format"], answer["columns"]) == (4, "text_label", ["text", "label"])
    assert answer["mapping"] == {"text": "text", "label": "label"}
    assert answer["problems"] == [
        "Row 3 is left out: The column 'text' is empty.",
        "Leave out repeated rows: 1 (4)",
    ]
    json.dumps(answer, allow_nan=False)


def test_repairs_that_were_made_are_told(tmp_path: Path) -> None:
    """Defends the page's ticks: what is offered stays on offer, made or not, and None makes it all."""
    path = tmp_path / "mine.csv"
    path.write_text("text,label\n hi,a\nbye,b\nbye,b\n", encoding="utf-8")
    for asked, made, usable in [((), (), 3), (("duplicates",), ("duplicates",), 2), (None, KINDS, 2)]:
        found = inspect(path, formats=dataset_formats(), repairs=asked)
        assert [repair.kind for repair in found.repairs] == ["outer_spaces", "duplicates"]
        assert (set(found.made) & set(KINDS), len(found.examples.usable)) == (
            set(made) & {"outer_spaces", "duplicates"},
            usable,
        )


def test_repairs_can_be_what_makes_a_file_usable(tmp_path: Path) -> None:
    """Defends a file of chats that all begin with a greeting."""
    chat = [{"role": "assistant", "content": "Hi!"}, *GOOD]
    path = tmp_path / "mine.jsonl"
    path.write_text((json.dumps({"messages": chat}) + "\n") * 2, encoding="utf-8")
    for asked, told in ((["turns"], []), ([], ["Without repairs hardly a row could be used. These are made: turns."])):
        found = inspect(path, formats=dataset_formats(), repairs=asked)
        assert found.examples.usable[0].messages == tuple(GOOD)
        assert ([problem.text for problem in found.problems], found.made) == (told, ("turns",))


@pytest.mark.parametrize(
    ("name", "format", "least"),
    [
        ("pirate_talk.csv", "prompt_completion", 130),
        ("sort_messages.csv", "text_label", 200),
        ("polite_replies.jsonl", "prompt_completion", 120),
    ],
)
def test_shipped_examples(name: str, format: str, least: int) -> None:
    """Defends the first thing that a visitor tries: each shipped file is whole, with nothing to mend."""
    found = inspect(EXAMPLES / name, formats=dataset_formats())
    assert found.format == format
    assert len(found.examples.usable) >= least
    assert (found.problems, found.repairs) == ([], [])
