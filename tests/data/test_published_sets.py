"""Files in the shapes of sets that many people know: what they mean is what would be taught."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from playground.errors import DataError
from tests.support.uploads import assistant, inspected, lines, said, told, two, user

_HELLASWAG = {"ctx_a": "He sits.", "ctx_b": "then he", "ctx": "He sits. then he", "endings": ["sings.", "runs."]}
_CLASSES = {"_type": "ClassLabel", "names": ["O", "B-PER", "I-PER", "B-ORG"]}
_FOUR = {"opa": "a", "opb": "b", "opc": "c", "opd": "d"}
_LABELLED = [{"text": "up", "label": "A"}, {"text": "down", "label": "B"}]
_PLAIN = {"_type": "Value", "dtype": "string"}


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        ("hellaswag.jsonl", lines(*({**_HELLASWAG, "ind": n, "label": str(n)} for n in (1, 0))),
         "u:He sits. then he\n\nA. sings.\nB. runs. | a:B. runs."),
        ("piqa.jsonl", lines(*({"goal": f"Dry {n}", "sol1": "Burn it", "sol2": "Hang it", "label": n} for n in (1, 0))),
         "u:Dry 1\n\n1. Burn it\n2. Hang it | a:2. Hang it"),
        ("copa.jsonl",
         lines(*({"premise": f"It rained {n}.", "choice1": "Dry.", "choice2": "Wet.", "question": "effect", "label": n}
                 for n in (1, 0))),
         "u:It rained 1.\n\neffect\n\n1. Dry.\n2. Wet. | a:2. Wet."),
        ("winogrande.jsonl",
         lines(*({"sentence": f"_ slept {n}.", "option1": "Bo", "option2": "Ann", "answer": str(n)} for n in (2, 1))),
         "u:_ slept 2.\n\n1. Bo\n2. Ann | a:2. Ann"),
        ("medmcqa.jsonl",
         lines(*({"question": f"Which {n}?", **_FOUR, "cop": n} for n in (2, 0))),
         "u:Which 2?\n\nA. a\nB. b\nC. c\nD. d | a:C. c"),
        ("arc.jsonl",
         two(lambda n: {"question": {"stem": f"Why {n}?", "choices": _LABELLED}, "answerKey": "B"}),
         "u:Why 1?\n\nA. up\nB. down | a:B. down"),
        ("boolq.jsonl", two(lambda n: {"question": f"is it {n}", "passage": "It is 1.", "label": n == 1}),
         "u:It is 1.\n\nis it 1 | a:true"),
        ("trivia.jsonl", two(lambda n: {"question": f"Who {n}?", "answer": {"value": "Ann", "aliases": ["Anna"]}}),
         "u:Who 1? | a:Ann"),
        ("qnli.tsv", "index\tquestion\tsentence\tlabel\n0\tWhen?\tIn 1990.\tentailment\n1\tWho?\tNo.\tnot_entailment\n",
         "u:Which of these fits: entailment, not_entailment?\nIn 1990.\nWhen? | a:entailment"),
        ("reviews.jsonl", two(lambda n: {"reviewText": f"Great {n}", "overall": float(n), "summary": "Wow"}),
         "u:Which of these fits: 1.0, 2.0?\nGreat 1 | a:1.0"),
        ("emotions.csv", "text,emotions\nI won,joy; surprise\nGo,anger\nOh,fear; joy\n",
         "u:Which of these fit, one or more: anger, fear, joy, surprise?\nI won | a:joy, surprise"),
        ("genres.csv", 'text,genre\nA,"drama, war"\nB,war\nC,drama\nD,"war, love"\nE,love\n',
         "u:Which of these fit, one or more: drama, love, war?\nA | a:drama, war"),
        ("one_label.csv", 'text,label\nA,"sad, but fine"\nB,good\nC,bad\nD,good\n',
         "u:Which of these fits: bad, good, sad, but fine?\nA | a:sad, but fine"),
        ("labels.jsonl", lines({"text": "I won", "labels": ["joy", "pride"]}, {"text": "Go", "labels": ["anger"]}),
         "u:Which of these fit, one or more: anger, joy, pride?\nI won | a:joy, pride"),
        ("ner.jsonl", two(lambda n: {"tokens": ["Ann", "Lee", f"sleeps{n}"], "ner_tags": ["B-PER", "I-PER", "O"]}),
         "u:Find the names in this text, with the kind of each: PER.\n\nAnn Lee sleeps1 | a:Ann Lee: PER"),
        ("pos.jsonl", two(lambda n: {"words": ["Go", f"home{n}"], "pos_tags": ["VERB", "NOUN"]}),
         "u:Give the tag of each word in this text: NOUN, VERB.\n\nGo home1 | a:Go: VERB\nhome1: NOUN"),
        ("conll.txt", "-DOCSTART- -X- O\n\nEU NNP B-ORG\nsays VBZ O\n\nNobody NN O\nsleeps VBZ O\n",
         "u:Find the names in this text, with the kind of each: ORG.\n\nEU says | a:EU: ORG"),
        ("words.csv", "Sentence #,Word,POS,Tag\nSentence: 1,In,IN,O\n,London,NNP,B-geo\nSentence: 2,Go,VB,O\n",
         "u:Find the names in this text, with the kind of each: geo.\n\nIn London | a:London: geo"),
        ("zh.jsonl", lines({"tokens": list("我在北京"), "tags": ["O", "O", "B-LOC", "I-LOC"]},
                           {"tokens": ["我"], "tags": ["O"]}),
         "u:Find the names in this text, with the kind of each: LOC.\n\n我在北京 | a:北京: LOC"),
        ("viewer.json", json.dumps({"features": [{"name": "label", "type": {**_CLASSES, "names": ["x", "y"]}}],
                                    "rows": [{"row_idx": n, "row": {"text": f"t{n}", "label": n}} for n in (0, 1)]}),
         "u:Which of these fits: x, y?\nt0 | a:x"),
        ("names.json", json.dumps({"id2label": {"0": "refund", "1": "delivery"},
                                   "data": [{"text": f"t{n}", "label": n} for n in (0, 1)]}),
         "u:Which of these fits: delivery, refund?\nt0 | a:refund"),
        ("items.jsonl", two(lambda n: {"items": [{"from": "human", "value": f"q{n}"}, {"from": "gpt", "value": "a"}]}),
         "u:q1 | a:a"),
        ("belle.jsonl", two(lambda n: {"instruction": f"Human:q{n}\nAssistant:b\nHuman:c\nAssistant:", "input": "",
                                       "output": "d"}), "u:q1 | a:b | u:c | a:d"),
        ("arena.jsonl", two(lambda n: {"model_a": "x", "model_b": "y", "winner": "model_b",
                                       "conversation_a": [user(f"q{n}"), assistant("no")],
                                       "conversation_b": [user(f"q{n}"), assistant("yes")]}), "u:q1 | a:yes"),
        ("telegram.json", json.dumps({"name": "Ann", "messages": [
            {"type": "message", "from": "Ann", "text": "Hi"}, {"type": "service", "actor": "Ann", "text": ""},
            {"type": "message", "from": "Bo", "text": ["see ", {"type": "link", "text": "x.org"}]},
            {"type": "message", "from": "Ann", "text": "Thanks"}, {"type": "message", "from": "Bo", "text": "Sure"}]}),
         "u:Hi | a:see x.org"),
        ("discord.json", json.dumps({"guild": {"id": "1"}, "messages": [
            {"content": text, "author": {"id": name, "name": name}}
            for text, name in (("How?", "ann"), ("So.", "bo"), ("Then?", "ann"), ("Thus.", "bo"))]}), "u:How? | a:So."),
        ("wechat.txt", "2024-01-01 10:00:01 小明\n你好\n\n2024-01-01 10:01:00 小红\n您好\n在的\n\n"
                       "2024-01-01 10:02:00 小明\n再见\n\n2024-01-01 10:03:00 小红\n再会\n", "u:你好 | a:您好\n在的"),
        ("anki.txt", "#separator:tab\n#html:true\n#tags column:3\nhello\thallo\tx\nbye\ttschüss\tx\n",
         "u:hello | a:hallo"),
        ("anki2.txt", "#separator:Semicolon\n#columns:Front;Back\nhello;hallo\nbye;tschüss\n", "u:hello | a:hallo"),
        ("three.csv", "en,de,fr\nHello,Hallo,Bonjour\nThanks,Danke,Merci\n",
         "u:Translate to German:\n\nHello | a:Hallo"),
        ("opus.jsonl", lines({"translation": {"en": "Hi", "fi": "Hei", "sv": "Hej"}},
                             {"translation": {"en": "Bye", "fi": "Moi", "sv": "Hejdå"}}),
         "u:Translate to Finnish:\n\nHi | a:Hei"),
    ],
)  # fmt: skip
def test_what_is_taught(tmp_path: Path, name: str, content: str, first: str) -> None:
    assert said(inspected(tmp_path, name, content))[0] == first


@pytest.mark.parametrize(
    ("feature", "held", "first"),
    [
        ({"_type": "Sequence", "feature": {**_CLASSES, "names": ["joy", "anger"]}}, [0, 1],
         "u:Which of these fit, one or more: anger, joy?\nt0 x | a:joy, anger"),
        ([{**_CLASSES, "names": ["joy", "anger"]}], [1, 0],
         "u:Which of these fit, one or more: anger, joy?\nt0 x | a:anger, joy"),
    ],
)  # fmt: skip
def test_lists_of_classes_in_parquet(tmp_path: Path, feature: object, held: list[int], first: str) -> None:
    found = inspected(
        tmp_path,
        "a.parquet",
        _parquet([{"text": f"t{n} x", "labels": held} for n in range(3)], {"text": _PLAIN, "labels": feature}),
    )
    assert said(found)[0] == first
    assert "read as the names of classes" in told(found)


def test_tags_by_their_names_in_parquet(tmp_path: Path) -> None:
    rows = [{"tokens": ["Ann", "Lee", f"s{n}"], "ner_tags": [1, 2, 0]} for n in range(2)]
    content = _parquet(rows, {"ner_tags": {"_type": "List", "feature": _CLASSES}})
    assert said(inspected(tmp_path, "a.parquet", content))[0].endswith("Ann Lee s0 | a:Ann Lee: PER")


def _parquet(rows: list[dict[str, object]], features: dict[str, object]) -> bytes:
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(told), made)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("three.csv", "en,de,fr\nHello,Hallo,Bonjour\nThanks,Danke,Merci\n",
         "'en' to 'de' is taught. For another pair"),
        ("mnli.jsonl", lines(*({"premise": f"p{n}", "hypothesis": "h", "label": n} for n in (0, 1, 2))),
         "numbers, and the file does not say what they stand for"),
        ("ner.jsonl", two(lambda n: {"tokens": ["Ann", f"s{n}"], "ner_tags": ["B-PER", "O"], "pos_tags": [1, 2]}),
         "Not used: pos_tags."),
        ("hidden.jsonl", lines(*({**_HELLASWAG, "label": label} for label in ("0", "1", "-1"))),
         "not said which of the choices is right"),
    ],
)  # fmt: skip
def test_what_is_told(tmp_path: Path, name: str, content: str, words: str) -> None:
    assert words in told(inspected(tmp_path, name, content))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ner.jsonl", two(lambda n: {"tokens": ["Ann", f"s{n}"], "ner_tags": [1, 0]}), "does not hold their names"),
        ("alike.csv", "question,answer\n" + "Hi,Hello\n" * 6, "All 6 rows teach the same"),
    ],
)  # fmt: skip
def test_refused_with_the_true_reason(tmp_path: Path, name: str, content: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        inspected(tmp_path, name, content)
