"""Conversations are read in the shapes in which people keep them: learnt is what the assistant says, and no mark."""

import json
from pathlib import Path

import pytest

from tests.support.uploads import assistant, inspected, lines, said, told, two, user

_HUMAN_GPT = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "x"}, {"from": "human", "value": "r"}]
_TREE = [
    {"message_id": "1", "parent_id": None, "role": "prompter", "text": "hi"},
    {"message_id": "2", "parent_id": "1", "role": "assistant", "text": "ho"},
    {"message_id": "3", "parent_id": "2", "role": "prompter", "text": "how"},
    {"message_id": "4", "parent_id": "3", "role": "assistant", "text": "so"},
    {"message_id": "5", "parent_id": "1", "role": "assistant", "text": "hey"},
]
_CALLS = [{"function": {"name": name, "arguments": "{}"}} for name in ("f", "g")]
_NODE = {"id": "n", "message": {"author": {"role": "user"}, "content": {"parts": ["q"]}}, "parent": None}
_REPLY = {"id": "m", "message": {"author": {"role": "assistant"}, "content": {"parts": ["a"]}}, "parent": "n"}
_OTHER = {"author": {"role": "assistant"}, "content": {"parts": ["b"]}}
_EXPORT = {"title": "t", "mapping": {"n": _NODE, "m": _REPLY}, "current_node": "m"}


@pytest.mark.parametrize(
    ("name", "content", "first"),
    [
        # written out for other models
        ("a.jsonl", two(lambda n: {"text": f"<|start_header_id|>user<|end_header_id|>\n\nq{n}<|eot_id|>"
                                      "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"}),
         "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"text": f"<s>[INST] q{n} [/INST] a </s><s>[INST] r [/INST] b </s>"}),
         "u:q1 | a:a | u:r | a:b"),
        ("a.jsonl", two(lambda n: {"prompt": f"[INST] q{n} [/INST]", "completion": "a"}), "u:q1 | a:a"),
        ("a.txt", "USER: q1 ASSISTANT: a</s>\nUSER: q2 ASSISTANT: b</s>\n", "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"text": f"### Instruction:\ndo {n}\n\n### Input:\nx\n\n### Response:\ny"}),
         "u:do 1\n\nx | a:y"),
        ("a.txt", "Frage: Was?\nAntwort: Hut.\n\nFrage: Wer?\nAntwort: Ann.\n", "u:Was? | a:Hut."),
        ("a.txt", "Q: a?\n\nA: b\n\nQ: c?\n\nA: d\n", "u:a? | a:b"),
        ("a.txt", "".join(f"<|im_start|>user\nq{n}<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n" for n in (1, 2)),
         "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"text": f"<human>: q{n}\n<bot>: a"}), "u:q1 | a:a"),
        ("a.txt", "问：几点？\n答：八点。\n\n问：在哪？\n答：村口。\n", "u:几点？ | a:八点。"),
        # lists
        ("a.jsonl", two(lambda n: {"turns": [f"q{n}", "a", "r", "b"]}), "u:q1 | a:a | u:r | a:b"),
        ("a.json", json.dumps({"conversations": [["hi", "ho"], ["bye", "see you"]]}), "u:hi | a:ho"),
        ("a.jsonl", two(lambda n: {"chat": [{"instruction": "i", "input": f"q{n}", "output": "a"}]}),
         "u:i\n\nq1 | a:a"),
        ("a.csv",
         'messages\n"[{\'content\': \'q\', \'role\': \'user\'}\n {\'content\': \'a\', \'role\': \'assistant\'}]"\n'
         '"[{\'content\': \'r\', \'role\': \'user\'} {\'content\': \'b\', \'role\': \'assistant\'}]"\n',
         "u:q | a:a"),
        # a row for each turn
        ("a.jsonl", lines(*_TREE), "u:hi | a:ho | u:how | a:so"),
        ("a.csv", "dialogue_id,speaker,utterance\n1,customer,q\n1,agent,a\n2,customer,r\n2,agent,b\n", "u:q | a:a"),
        ("a.csv", "author,message\nAnn,q\nBob,a\nAnn,r\nBob,b\n", "u:q | a:a"),
        ("a.txt", "12/05/2023, 10:15 - Ann: q\n12/05/2023, 10:16 - Bo: a\nmore\n12/05/2023, 10:17 - Ann: r\n"
                  "12/05/2023, 10:18 - Bo: b\n", "u:q | a:a\nmore"),
        ("a.json", json.dumps({"name": "Ann", "messages": [{"from": who, "text": text} for who, text in
                                                           (("Ann", "q"), ("Bo", "a"), ("Ann", "r"), ("Bo", "b"))]}),
         "u:q | a:a"),
        # tools, parts, exports
        ("a.jsonl", two(lambda n: {"messages": [user(f"q{n}"), {"role": "assistant", "tool_calls": _CALLS},
                                          {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"},
                                          assistant("a")]}),
         'u:q1 | a:{"name": "f", "arguments": "{}"}\n{"name": "g", "arguments": "{}"} | u:1\n2 | a:a'),
        ("a.jsonl", two(lambda n: {"messages": [user([{"type": "text", "text": f"q{n}"}, {"type": "image_url"}]),
                                          assistant("a")]}), "u:q1 | a:a"),
        ("a.json", json.dumps([_EXPORT, {**_EXPORT, "mapping": {"n": _NODE, "m": {**_REPLY, "message": _OTHER}}}]),
         "u:q | a:a"),
        # a better and a worse answer
        ("a.jsonl", two(lambda n: {"prompt": f"q{n}", "chosen": [user(f"q{n}"), assistant("a")], "rejected": []}),
         "u:q1 | a:a"),
        ("a.jsonl", two(lambda n: {"messages": _HUMAN_GPT, "n": n, "chosen": f"a{n}", "rejected": "z"}),
         "u:q | a:x | u:r | a:a1"),
        ("a.csv", "question,answer_0,answer_1,score_0,score_1\nq?,z,a,0.1,0.9\nr?,b,z,0.9,0.1\n", "u:q? | a:a"),
        ("a.csv", "prompt,response_a,response_b,winner\nq?,z,a,model_b\nr?,b,z,model_a\n", "u:q? | a:a"),
        # what was said before
        ("a.jsonl", two(lambda n: {"history": [["q", "a"]], "instruction": f"r{n}", "output": "b"}),
         "u:q | r:a | u:r1 | a:b"),
        ("a.csv", "id,question,answer,parent_id\n2,r?,b,1\n1,q?,a,\n", "u:q? | r:a | u:r? | a:b"),
    ],
)  # fmt: skip
def test_is_taught_as_a_conversation(tmp_path: Path, name: str, content: str, first: str) -> None:
    assert said(inspected(tmp_path, name, content))[0] == first


@pytest.mark.parametrize(
    "mark", [{"weight": 0.0}, {"train": False}, {"loss": False}, {"loss_mask": 0}, {"trainable": "false"}]
)
def test_what_the_file_says_not_to_learn_is_read_and_told(tmp_path: Path, mark: dict[str, object]) -> None:
    chats = [[user(f"q{n}"), assistant("bad", **mark), user("r"), assistant("good")] for n in (1, 2)]
    found = inspected(tmp_path, "a.jsonl", lines(*({"messages": chat} for chat in chats)))
    assert said(found) == ["u:q1 | r:bad | u:r | a:good", "u:q2 | r:bad | u:r | a:good"]
    assert "says not to learn: 2 (first row 1)" in told(found)


def test_marks_are_no_words(tmp_path: Path) -> None:
    """Defends texts from the ends and thoughts of other models, and web pages from losing what is struck out."""
    rows = [
        {"prompt": "<s>one\n\n###\n\n", "completion": "<think>hm</think> a</s>"},
        {"prompt": "<image>\ntwo\n\n###\n\n", "completion": " <s>b</s> b"},
    ]
    found = inspected(tmp_path, "a.jsonl", lines(*rows))
    assert said(found) == ["u:one | a:a", "u:two | a:b</s> b"]
    for part in ("such as <s>", "Places of pictures (<image>)", "Thinking before the answer"):
        assert part in told(found)


def test_several_documents_in_a_text_file(tmp_path: Path) -> None:
    found = inspected(tmp_path, "a.txt", "one\n\ntwo\n<|endoftext|>\nthree<|endoftext|>")
    assert said(found) == ["t:one\n\ntwo", "t:three"]
