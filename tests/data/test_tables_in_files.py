"""Tables are taught as they are meant: the question with all that belongs to it, and nothing that is marked as bad."""

import io
import json
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from playground.data.inspection import inspect
from playground.data.split import split
from playground.tasks.registry import dataset_formats
from tests.support.uploads import assistant, inspected, lines, said, told, two, user


def _workbook(*rows: list[object]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def _parquet_with_classes() -> bytes:
    features = {"label": {"names": ["rain", "sun"], "_type": "ClassLabel"}}
    table = pyarrow.table({"text": ["wet", "dry"], "label": [0, 1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        # what belongs to the question
        ("a.jsonl", two(lambda n: {"story": f"The barn {n} is old.", "query": "What?", "response": "It is."}),
         "u:The barn 1 is old.\n\nWhat? | a:It is."),
        ("a.csv", "question,A,B,C,answer\nWho?,Ann,Bo,Cy,B\nWhat?,hat,cat,rat,A\n",
         "u:Who?\n\nA. Ann\nB. Bo\nC. Cy | a:B. Bo"),
        ("a.csv", "question,choices,answer\nWho?,\"['Ann' 'Bo']\",1\nWhat?,\"['hat' 'cat']\",0\n",
         "u:Who?\n\nA. Ann\nB. Bo | a:B. Bo"),
        ("a.jsonl", two(lambda n: {"persona": f"p{n}", "prompt": "q", "reply": "a"}), "s:p1 | u:q | a:a"),
        ("a.json", json.dumps([{"task": "closed_qa", "input": f"q {n}", "output": "a"} for n in (1, 2)]),
         "u:q 1 | a:a"),
        ("a.jsonl", two(lambda n: {"question": f"q{n}", "schema": "CREATE TABLE t (a INT)", "query": "SELECT 1"}),
         "u:CREATE TABLE t (a INT)\n\nq1 | a:SELECT 1"),
        ("a.jsonl", two(lambda n: {"passage": f"Cats purr {n}.", "question": "do they", "answer": True}),
         "u:Cats purr 1.\n\ndo they | a:true"),
        # answers that are JSON, or mean something
        ("a.jsonl", two(lambda n: {"question": f"q{n}", "answer": {"unit": "m", "of": [1, 2]}}),
         'u:q1 | a:{"unit": "m", "of": [1, 2]}'),
        ("a.jsonl", two(lambda n: {"prompt": f"q{n}", "response": [{"type": "text", "text": "a"}]}), "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"prompt": f"q{n}", "completion": [assistant("a")]}), "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"messages": [user(f"q{n}"), assistant({"x": 1})]}), 'u:q1 | a:{"x": 1}'),
        # labels by their names
        ("a.csv", "text,category_id,category\nwet,1,rain\ndry,2,sun\n",
         "u:Which of these fits: rain, sun?\nwet | a:rain"),
        ("a.jsonl", lines(*({"text": f"t{n}", "label": n, "label_name": f"l{n}"} for n in (0, 1))),
         "u:Which of these fits: l0, l1?\nt0 | a:l0"),
        ("a.parquet", _parquet_with_classes(), "u:Which of these fits: rain, sun?\nwet | a:rain"),
        ("a.json", json.dumps([{"intent": "hi", "examples": ["yo", "hey"]}, {"intent": "bye", "examples": ["ciao"]}]),
         "u:Which of these fits: bye, hi?\nyo | a:hi"),
        # without a header, and with lines above it
        ("a.csv", "sun,it is a fine day\nrain,it is wet now\nsun,dry and warm out\nrain,so much water\n",
         "u:Which of these fits: rain, sun?\nit is a fine day | a:sun"),
        ("a.csv", "it is a fine day,1\nit is wet now,0\ndry and warm out,1\nso much water,0\n",
         "u:Which of these fits: 0, 1?\nit is a fine day | a:1"),
        ("a.txt", "Go.\tVa !\nWho?\tQui ?\nStop!\tArrête !\n", "u:Go. | a:Va !"),
        ("a.csv", "All questions of 2024\n\nPergunta,Resposta\nq,a\nr,b\n", "u:q | a:a"),
        ("a.xlsx", _workbook(["Domande"], [], ["Domanda", "Risposta"], ["q", "a"], ["r", "b"]), "u:q | a:a"),
        # separators and quotes
        ("a.csv", "sep=;\nquestion;answer\nWho, me?;1,5\nWhy?;2,5\n", "u:Who, me? | a:1,5"),
        ("a.csv", "soru;cevap\nq;1,5 m\nr;2,5 m\n", "u:q | a:1,5 m"),
        ("a.tsv", 'text\tlabel\n"Great," she said, "really"\tgood\nBad "film\tbad\n',
         'u:Which of these fits: bad, good?\n"Great," she said, "really" | a:good'),
        ("a.csv", "question,answer\nWho is it?,Ann, Bo, and Cy\nWhat?,Hats\n", "u:Who is it? | a:Ann, Bo, and Cy"),
        # languages
        ("a.csv", "deu,fin\nHallo,Hei\nHaus,Talo\n", "u:Translate to Finnish:\n\nHallo | a:Hei"),
        ("a.csv", "pt_BR,uk-UA\nOi,Привіт\nCasa,Дім\n", "u:Translate to Ukrainian:\n\nOi | a:Привіт"),
        ("a.csv", "text,lang,translation\nHello,hu,Szia\nHouse,fi,Talo\n",
         "u:Translate to Hungarian:\n\nHello | a:Szia"),
        ("a.csv", "src,tgt\nHello,ok\nHouse,no\n", "u:Translate:\n\nHello | a:ok"),
        # the same parts under other names further on
        ("a.jsonl", lines({"prompt": "q", "completion": "a"}, {"question": "r", "answer": "b"}), "u:q | a:a"),
    ],
)  # fmt: skip
def test_is_taught_as_it_is_meant(tmp_path: Path, name: str, content: str | bytes, first: str) -> None:
    assert said(inspected(tmp_path, name, content))[0] == first


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "question,answer,is_correct\nq,a,True\nr,bad,False\ns,b,True\n", "'is_correct' marks rows as bad: 1"),
        ("a.csv", "question,answer,label\nq,a,good\nr,bad,bad\ns,b,good\n", "'label' marks rows as bad: 1"),
        ("a.jsonl", lines(*({"messages": [user(f"q{n}"), assistant("bad" if n == 1 else "a")], "kto_tag": n != 1}
                            for n in range(3))), "'kto_tag' marks rows as bad: 1 (first row 2)"),
    ],
)  # fmt: skip
def test_what_is_marked_as_bad_is_not_taught(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    found = inspected(tmp_path, name, content)
    assert len(said(found)) == 2
    assert not any("bad" in example for example in said(found))
    assert sentence in told(found)


def test_rows_for_testing_are_set_aside(tmp_path: Path) -> None:
    """Defends the measuring from rows that were learnt, in a column and in lists of their own."""
    rows = [{"question": f"q{n}", "answer": "a"} for n in range(4)]
    table = "question,answer,subset\n" + "".join(f"q{n},a,{'dev' if n == 3 else 'train'}\n" for n in range(4))
    for name, content in (("a.csv", table), ("a.json", json.dumps({"train_set": rows[:3], "validation": rows[3:]}))):
        found = inspected(tmp_path, name, content)
        assert [example.row for example in found.examples.usable if example.held_out] == [4]
        assert "keeps rows for testing: 1 (first row 4)" in told(found)
        assert [[example.row for example in side] for side in split(found.examples.usable)] == [[1, 2, 3], [4]]
    only_tests = inspected(tmp_path, "b.csv", table.replace("train", "test"))
    assert only_tests.unused == ["subset"]


def test_low_ratings_are_left_out_where_a_person_says_so(tmp_path: Path) -> None:
    """Defends good answers: whether high is the better, nobody but a person knows."""
    path = tmp_path / "a.csv"
    path.write_text("prompt,response,stars\nq,a,5\nr,bad,1\ns,b,4\n")
    found = inspect(path, formats=dataset_formats())
    assert (len(found.examples.usable), found.unused) == (3, ["stars"])
    assert "choose it as the rating" in told(found)
    found = inspect(path, columns={"rating": "stars"}, formats=dataset_formats())
    assert [example.row for example in found.examples.usable] == [1, 3]
    assert "lower half of its range in rows: 1" in told(found)


def test_equal_ways_of_reading_are_told(tmp_path: Path) -> None:
    """Defends a person's right to decide."""
    found = inspected(tmp_path, "a.csv", "text,summary,label\nlong one,short,x\nlong two,brief,y\n")
    assert (found.format, found.mapping.others) == ("text_label", ("summary",))
    assert "could also be read as summary" in told(found)
