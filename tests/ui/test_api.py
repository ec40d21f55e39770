"""Defends the public API's tasks: every endpoint from `gradio_client`, and one plain sentence for whatever is wrong."""

import itertools
import json
from operator import itemgetter
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests.support.raw_http import raw_call
from tests.support.running_app import RunningApp

PASSAGE = "The lighthouse was finished in 1858. Its last keeper was Anna Lund."


def test_generate_streams_the_whole_text_so_far(client: Client) -> None:
    job = client.submit("Tell a story about a cat.", temperature=0.0, max_new_tokens=40, api_name="/generate")
    seen = list(job)
    assert len(seen) > 1
    assert all(later.startswith(earlier.rstrip("\ufffd")) for earlier, later in itertools.pairwise(seen))
    assert seen[-1] == client.predict(
        "Tell a story about a cat.", temperature=0.0, max_new_tokens=40, api_name="/generate"
    )


def test_every_task_answers(client: Client) -> None:
    assert client.predict("A dog runs through the snow.", "German", api_name="/translate")
    assert client.predict("The council met. It voted for gravel.", "short", api_name="/summarize")
    mood = client.predict("A wonderful film.", api_name="/sentiment")
    assert mood["label"] in ("positive", "negative")
    assert sum(share["confidence"] for share in mood["confidences"]) == pytest.approx(1.0)
    answer = client.predict("Who was the last keeper?", PASSAGE, api_name="/answer")
    assert set(answer) == {"answer", "start", "end", "confidence"}
    if answer["start"] is not None:
        assert PASSAGE[answer["start"] : answer["end"]] == answer["answer"]


def test_status_says_what_is_loaded(client: Client) -> None:
    status = client.predict(api_name="/status")
    assert status["quantization"] == "4-bit"
    assert status["memory_gib"] > 0
    assert status["device"]


def test_an_answer_that_goes_round_in_circles_is_cut_back_at_its_end(client: Client) -> None:
    """The last text is shorter than the one before. A penalty below 1 has a model say again what it said."""
    asked = {"temperature": 0.0, "repetition_penalty": 0.5, "max_new_tokens": 400, "api_name": "/generate"}
    job = client.submit("Tell a story about a cat.", **asked)
    last = job.result(60)
    longest = max(job.outputs(), key=len)
    assert last and last == job.outputs()[-1]
    assert longest.startswith(last) and len(last) < len(longest)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"prompt": ""}, "Write or paste a text first"),
        ({"prompt": "Hi", "adapter": "nobody's"}, "nobody's"),
        ({"prompt": "Hi", "temperature": -1.0}, "temperature"),
        ({"prompt": "Hi", "temperature": "hot"}, "temperature"),
        ({"prompt": "Hi", "top_p": 7.0}, "top_p"),
        ({"prompt": "Hi", "top_k": 1.5}, "top_k"),
        ({"prompt": "Hi", "max_new_tokens": 0}, "max_new_tokens"),
        ({"prompt": "Hi", "repetition_penalty": 0.0}, "repetition_penalty"),
        ({"prompt": "Hi", "seed": -7}, "seed"),
        ({"prompt": "Hi", "strength": 9.0}, "strength"),
        ({"prompt": "word " * 5000}, "words, and the model reads about"),
        ({"prompt": 5}, "prompt must be text"),
    ],
)
def test_bad_values_get_one_sentence(client: Client, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError) as refusal:
        client.predict(**arguments, api_name="/generate")
    sentence = str(refusal.value)
    assert said in sentence
    assert "Traceback" not in sentence
    assert "\n" not in sentence.strip()


@pytest.mark.parametrize("value", ["NaN", "1e999", "-Infinity"])
@pytest.mark.parametrize("position", [4, 5, 7, 9])
def test_numbers_that_are_none_sent_as_raw_http(api_app: RunningApp, value: str, position: int) -> None:
    """gradio_client would not send them; a program with its own HTTP does."""
    data = ['"Hi"', '"base"', '""', "8", "0.7", "0.9", "50", "1.0", "-1", "1.0"]
    data[position] = value
    assert "error" in raw_call(api_app, "generate", f'{{"data": [{", ".join(data)}]}}')


GIVEN: dict[str, list[Any]] = {
    "generate": ["Hi", "base", "", 2],
    "translate": ["A dog runs.", "German"],
    "summarize": ["The council met. It voted for gravel."],
    "sentiment": ["A wonderful film."],
    "answer": ["Who was the last keeper?", PASSAGE],
    "adapters": [],
    "delete_adapter": ["nobody's"],
    "status": [],
    "new_key": [],
    "delete_everything": [],
    "jobs": [],
    "stop_job": ["none"],
    "resume_job": ["none"],
    "inspect_dataset": [None],
    "train": [None, "Name"],
    "dataset_facts": ["nobody's"],
    "import_adapter": [None, "Name"],
    "export_adapter": ["nobody's"],
    "models": [],
    "search_models": ["nobody's"],
    "use_model": ["nobody's"],
    "get_model": ["nobody's"],
    "stop_download": ["nobody's"],
    "forget_model": ["nobody's"],
}
"""Each endpoint with all that it must be given, or with what it answers a sentence of its own to."""


ANSWERED = "nobody's", "'none'", "Send a file first", "Only the operator", "HF_HUB_OFFLINE"


def test_every_endpoint_is_asked_below(client: Client) -> None:
    named = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert {f"/{name}" for name in GIVEN} == set(named)


@pytest.mark.parametrize("name", GIVEN)
def test_raw_http_takes_the_defaults_and_says_what_is_missing(api_app: RunningApp, client: Client, name: str) -> None:
    """Defends programs with their own HTTP from the insides of Gradio."""
    info = client.view_api(print_info=False, return_format="dict")["named_endpoints"][f"/{name}"]["parameters"]
    needed = [parameter["parameter_name"] for parameter in info if not parameter["parameter_has_default"]]
    given = GIVEN[name]
    by_place = raw_call(api_app, name, json.dumps({"data": given}))
    names = map(itemgetter("parameter_name"), info)
    by_name = raw_call(api_app, name, json.dumps(dict(zip(names, given, strict=False))), "v2/")
    for said in (by_place, by_name):
        assert "complete" in said or any(words in said for words in ANSWERED), said
    for count, missing in enumerate(needed):
        assert f'"{missing} is missing' in raw_call(api_app, name, json.dumps({"data": given[:count]}))
        left = {name: value for name, value in zip(needed, given, strict=False) if name != missing}
        assert f'"{missing} is missing' in raw_call(api_app, name, json.dumps(left), "v2/")
    most = f'"/{name} takes at most {len(info)} values, but was sent {len(info) + 1}'
    assert most in raw_call(api_app, name, json.dumps({"data": ["x"] * (len(info) + 1)}))
    assert '"/' + name + " has no parameter 'else'" in raw_call(api_app, name, '{"else": 1}', "v2/")


@pytest.mark.parametrize("name", [name for name in GIVEN if GIVEN[name]])
@pytest.mark.parametrize(
    "value", [5, None, "x", [5], {}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]
)
def test_raw_http_names_the_parameter_that_is_wrong(api_app: RunningApp, client: Client, name: str, value: Any) -> None:
    """Whatever stands in the place of the first: a sentence of ours about it, or the answer where it is a text."""
    info = client.view_api(print_info=False, return_format="dict")["named_endpoints"][f"/{name}"]["parameters"]
    given = [value, *GIVEN[name][1:]]
    said = raw_call(api_app, name, json.dumps({"data": given}))
    if not (value == "x" and GIVEN[name][0] is not None):
        assert any(words in said for words in (info[0]["parameter_name"], "Send a file first", "Only the operator")), (
            said
        )
        assert "error" in said and "root:" not in said
    assert not any(words in said for words in ("object at", "pydantic", "Traceback", "preprocess", "gradio cache"))


def test_raw_http_says_it_in_the_visitors_language(api_app: RunningApp) -> None:
    assert json.dumps("缺少 prompt")[1:-1] in raw_call(api_app, "generate", '{"data": []}', language="zh-CN")


def test_unknown_things_are_unknown(client: Client) -> None:
    for api_name in ("/stop_job", "/resume_job", "/delete_adapter", "/export_adapter"):
        with pytest.raises(AppError, match="nothing-here"):
            client.predict("nothing-here", api_name=api_name)
