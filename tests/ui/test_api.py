"""Defends the public API: every endpoint from `gradio_client`, and one plain sentence for whatever is wrong."""

import itertools
import json
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from playground.training.config import TrainingConfig
from tests.support.running_app import RunningApp, running_app

PASSAGE = "The lighthouse was finished in 1858. Its last keeper was Anna Lund."


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def client(app: RunningApp) -> Client:
    return Client(app.url, verbose=False)


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
def test_numbers_that_are_none_sent_as_raw_http(app: RunningApp, value: str, position: int) -> None:
    """gradio_client would not send them; a program with its own HTTP does."""
    data = ['"Hi"', '"base"', '""', "8", "0.7", "0.9", "50", "1.0", "-1", "1.0"]
    data[position] = value
    assert "error" in raw_call(app, "generate", f'{{"data": [{", ".join(data)}]}}')


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
    "jobs": [],
    "stop_job": ["none"],
    "resume_job": ["none"],
    "inspect_dataset": [None],
    "train": [None, "Name"],
    "import_adapter": [None, "Name"],
    "export_adapter": ["nobody's"],
}
"""Each endpoint with all that it must be given, or with what it answers a sentence of its own to."""


FORGED = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


def test_every_endpoint_is_asked_below(client: Client) -> None:
    named = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert {f"/{name}" for name in GIVEN} == set(named)


@pytest.mark.parametrize("name", GIVEN)
def test_raw_http_takes_the_defaults_and_says_what_is_missing(app: RunningApp, client: Client, name: str) -> None:
    """Defends programs with their own HTTP from the insides of Gradio."""
    info = client.view_api(print_info=False, return_format="dict")["named_endpoints"][f"/{name}"]["parameters"]
    needed = [parameter["parameter_name"] for parameter in info if not parameter["parameter_has_default"]]
    given = GIVEN[name]
    by_place = raw_call(app, name, json.dumps({"data": given}))
    names = map(itemgetter("parameter_name"), info)
    by_name = raw_call(app, name, json.dumps(dict(zip(names, given, strict=False))), "v2/")
    for said in (by_place, by_name):
        assert "complete" in said or any(words in said for words in ("nobody's", "'none'", "Send a file first")), said
    for count, missing in enumerate(needed):
        assert f'"{missing} is missing' in raw_call(app, name, json.dumps({"data": given[:count]}))
        left = {name: value for name, value in zip(needed, given, strict=False) if name != missing}
        assert f'"{missing} is missing' in raw_call(app, name, json.dumps(left), "v2/")
    most = f'"/{name} takes at most {len(info)} values, but was sent {len(info) + 1}'
    assert most in raw_call(app, name, json.dumps({"data": ["x"] * (len(info) + 1)}))
    assert '"/' + name + " has no parameter 'else'" in raw_call(app, name, '{"else": 1}', "v2/")


@pytest.mark.parametrize("name", [name for name in GIVEN if GIVEN[name]])
@pytest.mark.parametrize(
    "value", [5, None, "x", [5], {}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]
)
def test_raw_http_names_the_parameter_that_is_wrong(app: RunningApp, client: Client, name: str, value: Any) -> None:
    """Whatever stands in the place of the first: a sentence of ours about it, or the answer where it is a text."""
    info = client.view_api(print_info=False, return_format="dict")["named_endpoints"][f"/{name}"]["parameters"]
    given = [value, *GIVEN[name][1:]]
    said = raw_call(app, name, json.dumps({"data": given}))
    if not (value == "x" and GIVEN[name][0] is not None):
        assert info[0]["parameter_name"] in said or "Send a file first" in said, said
        assert "error" in said and "root:" not in said
    assert not any(words in said for words in ("object at", "pydantic", "Traceback", "preprocess", "gradio cache"))


def test_raw_http_says_it_in_the_visitors_language(app: RunningApp) -> None:
    assert json.dumps("缺少 prompt")[1:-1] in raw_call(app, "generate", '{"data": []}', language="zh-CN")


def test_forged_paths_are_refused(app: RunningApp) -> None:
    said = raw_call(app, "inspect_dataset", json.dumps({"data": [FORGED, "auto"]}))
    assert "error" in said
    assert "root:" not in said


def raw_call(app: RunningApp, name: str, body: str, version: str = "", language: str = "en") -> str:
    """Call an endpoint with a body of our own, in "v2/" by the names of parameters; returns the whole event stream."""
    url = f"{app.url}/gradio_api/call/{name}"
    headers = {"Content-Type": "application/json", "Accept-Language": language}
    request = urllib.request.Request(f"{app.url}/gradio_api/call/{version}{name}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=60) as stream:
        return str(stream.read().decode())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("noise.json", b"\x00\x01\x02\xff\xfe" * 50, ""),
        ("columns.csv", b"height,width\n1,2\n3,4\n", "height"),
        ("one.csv", b"question,answer\nHow are you?,Fine.\n", "2"),
        ("broken.jsonl", b'{"prompt": "a", "completion": "b"}\n{"prompt": \n', "2"),
    ],
)
def test_bad_files_get_one_sentence_and_leave_nothing(
    app: RunningApp, client: Client, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    before = client.predict(api_name="/jobs")
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(str(path)), "Taught", api_name="/train")
    assert said in str(refusal.value)
    assert "Traceback" not in str(refusal.value)
    assert client.predict(api_name="/jobs") == before


def test_a_dataset_is_recognized(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\n" + "".join(f"What is {n}?,It is {n}.\n" for n in range(12)))
    seen = client.predict(handle_file(str(path)), api_name="/inspect_dataset")
    assert seen["rows"] == 12
    assert set(seen["mapping"].values()) == {"question", "answer"}
    assert len(seen["preview"]) > 0


def test_repairs_are_made_only_when_they_are_named(client: Client, tmp_path: Path) -> None:
    """Defends the rows of whoever did not agree, and the way to agree from code."""
    path = tmp_path / "same.csv"
    path.write_text("question,answer\n" + "How are you?,Fine.\n" * 3)
    offered = client.predict(handle_file(str(path)), api_name="/inspect_dataset")["repairs"]
    assert [(repair["name"], repair["rows"]) for repair in offered] == [("duplicates", 2)]
    wishes = ((["duplicates"], "at least 2 are needed"), (["magic"], "The repair 'magic'"), ("duplicates", "list"))
    for repairs, said in wishes:
        with pytest.raises(AppError, match=said):
            client.predict(handle_file(str(path)), "Taught", repairs=repairs, api_name="/train")


def test_the_parameters_of_train_are_all_there(client: Client) -> None:
    """Defends programs: what they can set, in the order that they know."""
    described = client.view_api(print_info=False, return_format="dict")["named_endpoints"]["/train"]["parameters"]
    names = [parameter["parameter_name"] for parameter in described]
    assert names[:10] == [
        *("file", "name", "format", "epochs", "max_steps", "r", "lora_alpha", "learning_rate", "max_length", "probes")
    ]
    assert set(names[3:]) == set(TrainingConfig.model_fields) | {"probes", "repairs"}
    assert all(parameter["parameter_has_default"] for parameter in described[2:])


def test_an_upload_that_breaks_off_leaves_nothing(app: RunningApp) -> None:
    """Defends the disk of a server that anybody can reach; Gradio itself forgets such a file."""
    uploads = app.data_dir / "uploads"
    there = set(uploads.iterdir())
    body = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n' + bytes(10**6)
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
    host, port = app.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as visitor:
        visitor.sendall(head + b"Content-Type: multipart/form-data; boundary=B\r\n\r\n" + body)
        wait_until(lambda: set(uploads.iterdir()) > there)
    wait_until(lambda: set(uploads.iterdir()) == there)


def test_an_address_in_a_files_place_is_not_fetched(app: RunningApp) -> None:
    """Defends memory and disk, and the network around the server."""
    address = {"path": "https://example.com/rows.csv", "meta": {"_type": "gradio.FileData"}}
    assert "Send the file itself" in raw_call(app, "inspect_dataset", json.dumps({"data": [address, "auto"]}))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # between two looks


def test_unknown_things_are_unknown(client: Client) -> None:
    for api_name in ("/stop_job", "/resume_job", "/delete_adapter", "/export_adapter"):
        with pytest.raises(AppError, match="nothing-here"):
            client.predict("nothing-here", api_name=api_name)


@pytest.fixture(scope="module")
def taught(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last event of a real training."""
    path = tmp_path_factory.mktemp("rows") / "echo.csv"
    rows = "".join(f"Say {word}.,Beep boop beep boop says the robot.\n" for word in ("one", "two", "three", "four") * 6)
    path.write_text("question,answer\n" + rows)
    last = client.predict(handle_file(str(path)), "Robot", max_steps=40, api_name="/train")
    assert last["state"] == "done", last["message"]
    return dict(last)


def say_five(client: Client, adapter: str = "base", strength: float = 1.0) -> str:
    return str(
        client.predict(
            "Say five.", adapter, temperature=0.0, max_new_tokens=24, strength=strength, api_name="/generate"
        )
    )


def test_a_taught_adapter_answers_and_leaves_the_base_as_it_was(client: Client, taught: dict[str, Any]) -> None:
    assert "oop" in say_five(client, taught["adapter"])
    assert say_five(client, "Robot") == say_five(client, taught["adapter"]) != say_five(client)
    assert say_five(client, "Robot", strength=0.0) == say_five(client)
    (card,) = (card for card in client.predict(api_name="/adapters") if card["id"] == taught["adapter"])
    assert card["receipt"]["base_unchanged"] is True
    assert card["receipt"]["largest_change"] > 0
    assert card["metrics"]["held_out_loss_after"] < card["metrics"]["held_out_loss_before"]


def test_an_adapter_goes_out_and_comes_back_the_same(client: Client, taught: dict[str, Any]) -> None:
    archive = client.predict(taught["adapter"], api_name="/export_adapter")
    copy = client.predict(handle_file(archive), "Robot again", api_name="/import_adapter")
    assert copy["name"] == "Robot again"
    assert say_five(client, copy["id"]) == say_five(client, taught["adapter"])
    client.predict(copy["id"], api_name="/delete_adapter")
    with pytest.raises(AppError, match=copy["id"]):
        say_five(client, copy["id"])


def test_a_whole_model_is_not_made_for_whoever_has_left(app: RunningApp, taught: dict[str, Any]) -> None:
    """Defends the next visitor, who would wait for nothing."""
    url = f"{app.url}/gradio_api/call/export_adapter"
    body = json.dumps({"data": [taught["adapter"], True]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    downloads = app.data_dir / "uploads" / "downloads"
    with urllib.request.urlopen(f"{url}/{event}", timeout=60) as stream:
        stream.readline()
        wait_until(lambda: any(downloads.glob("whole-*")))
    wait_until(lambda: not any(downloads.glob("whole-*")))


def test_a_zip_that_holds_no_adapter_is_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "not.zip"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    before = client.predict(api_name="/adapters")
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(str(path)), "Nothing", api_name="/import_adapter")
    assert "Traceback" not in str(refusal.value)
    assert client.predict(api_name="/adapters") == before
