"""The measures agree with values worked out by hand, and a run over a real tiny model fills the table."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engine.host import LocalModelHost
from playground.errors import DataError
from playground.evaluation import __main__ as command
from playground.evaluation.benchmark import answers, evaluate, table
from playground.metrics import scores as measures
from playground.models.loader import load_model
from playground.protocol.client import SamplingClient
from tests.support.benchmark_rows import make_data


@pytest.fixture(scope="module")
def client(tiny_model_folder: Path) -> Iterator[SamplingClient]:
    loaded = load_model(str(tiny_model_folder), "none")
    host = LocalModelHost(loaded)
    yield host.client()
    host.close()


def test_labels() -> None:
    given, wanted = ["a", "a", "b", "a"], ["a", "b", "b", "b"]
    assert measures.accuracy(given, wanted) == 50
    assert measures.macro_f1(given, wanted) == pytest.approx(50)  # a: 2*1/(3+1); b: 2*1/(1+3)
    assert measures.macro_f1(["a"] * 4, wanted) == pytest.approx(20)  # a: 2*1/(4+1); b: 0


def test_answers_are_compared_as_squad_does() -> None:
    wanted = [["The Nobel Prize!", "prize"], ["1972"]]
    assert measures.exact_match(["nobel prize", "in 1972"], wanted) == 50
    assert measures.answer_f1(["nobel prize", "in 1972"], wanted) == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert measures.answer_f1(["nothing", ""], wanted) == 0


def test_translations() -> None:
    text = ["The little dog runs through the deep snow."]
    assert measures.bleu(text, text)[0] == pytest.approx(100)
    assert measures.chrf(text, text)[0] == pytest.approx(100)
    assert measures.bleu(["a cat sleeps on a red sofa"], text)[0] < 5
    assert "tok:13a" in measures.bleu(text, text)[1]
    chinese = ["小狗在花园里睡觉"]
    assert measures.bleu(chinese, chinese, chinese=True)[0] == pytest.approx(100)
    assert measures.bleu(["小狗在花园里跑步"], chinese, chinese=True)[0] > 50  # counted by characters


def test_rouge() -> None:
    scores = measures.rouge(["the cat sat"], ["the cat slept"])
    assert scores["rouge1"] == pytest.approx(100 * 2 / 3)
    assert scores["rouge2"] == pytest.approx(50)


@pytest.mark.parametrize("measure", [measures.accuracy, measures.macro_f1, measures.bleu, measures.rouge])
def test_uneven_lists_are_refused(measure: object) -> None:
    """A measure over too few answers would look like a good model."""
    with pytest.raises(ValueError):
        measure(["a"], ["a", "b"])  # type: ignore[operator]
    with pytest.raises(ValueError):
        measure([], [])  # type: ignore[operator]


def test_answers_keep_the_order_of_the_rows(client: SamplingClient) -> None:
    """Rows are asked at the same time and finish in any order."""
    inputs = [{"context": f"The lamp burned for {n} days.", "question": "How long?"} for n in range(12)]
    together = asyncio.run(answers(client, "answer", inputs))
    alone = [asyncio.run(answers(client, "answer", [row]))[0] for row in inputs]
    assert together == alone


def test_a_table_over_held_out_rows(client: SamplingClient, tmp_path: Path) -> None:
    measured = asyncio.run(evaluate(client, make_data(tmp_path), rows=3))
    titles = [row.title for row in measured]
    assert any("SST-2" in title for title in titles) and any("English to Chinese" in title for title in titles)
    assert all(0 <= value <= 100 for row in measured[:-1] for value in row.values.values())
    assert measured[-1].values["perplexity per byte"] > 1
    lines = table(measured).splitlines()
    assert len(lines) == 2 + len(measured) and len({line.count("|") for line in lines}) == 1


def test_only_what_a_folder_holds_is_measured(client: SamplingClient, tmp_path: Path) -> None:
    data = make_data(tmp_path / "data")
    (tmp_path / "some/qa").mkdir(parents=True)
    (data / "qa/squad_train.jsonl").rename(tmp_path / "some/qa/squad_train.jsonl")
    measured = asyncio.run(evaluate(client, tmp_path / "some", rows=2))
    assert [row.title for row in measured] == ["Question answering, SQuAD"]
    with pytest.raises(DataError, match="holds none of the files"):
        asyncio.run(evaluate(client, tmp_path, rows=2))


def run_command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluation", *map(str, arguments)])
    return command.main()


def test_the_command_measures_a_model_and_an_adapter_on_its_own_base(
    tiny_model_folder: Path,
    adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = make_data(tmp_path)
    assert run_command(monkeypatch, tiny_model_folder, "--data", data, "--rows", 2) == 0
    base = capsys.readouterr().out
    assert run_command(monkeypatch, adapters[0], "--base", tiny_model_folder, "--data", data, "--rows", 2) == 0
    taught = capsys.readouterr().out
    for said in ("| Stories, TinyStories |", "tok:13a", "tok:zh", "tiny-llama"):
        assert said in base and said in taught
    assert "with the adapter plain" in taught
    assert base.splitlines()[-3] != taught.splitlines()[-3]  # the stories' perplexity


def test_the_command_says_what_is_wrong_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert run_command(monkeypatch, tmp_path, "--data", tmp_path) == 2
    assert "does not say which model it is for" in capsys.readouterr().err
    assert run_command(monkeypatch, tmp_path / "nowhere", "--data", tmp_path) == 2
    assert "There is no model" in capsys.readouterr().err
