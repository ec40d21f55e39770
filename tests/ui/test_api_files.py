"""Defends what goes through the public API as a file: datasets, what is learnt from them, and adapters."""

import json
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from playground.training.config import TrainingConfig
from tests.support.asking import until
from tests.support.raw_http import raw_call
from tests.support.running_app import RunningApp

FORGED = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


def test_forged_paths_are_refused(api_app: RunningApp) -> None:
    said = raw_call(api_app, "inspect_dataset", json.dumps({"data": [FORGED, "auto"]}))
    assert "error" in said
    assert "root:" not in said


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
    api_app: RunningApp, client: Client, tmp_path: Path, name: str, content: bytes, said: str
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
    wishes = ((["duplicates"], "at least 2 that differ"), (["magic"], "The repair 'magic'"), ("duplicates", "list"))
    for repairs, said in wishes:
        with pytest.raises(AppError, match=said):
            client.predict(handle_file(str(path)), "Taught", repairs=repairs, api_name="/train")


def test_columns_can_be_named(client: Client, tmp_path: Path) -> None:
    """Defends files whose headers nobody can know, and what is told of each row that would be taught."""
    path = tmp_path / "rows.csv"
    path.write_text("client says,we say,day\n" + "".join(f"What is {n}?,It is {n}.,Monday\n" for n in range(120)))
    with pytest.raises(AppError, match="Choose which is which"):
        client.predict(handle_file(str(path)), api_name="/inspect_dataset")
    columns = {"prompt": "client says", "completion": "we say"}
    seen = client.predict(handle_file(str(path)), columns=columns, offset=110, api_name="/inspect_dataset")
    assert (seen["mapping"], seen["unused"], len(seen["held_out"])) == (columns, ["day"], 20)
    rows = {row["row"]: row for row in seen["preview"]}
    assert list(rows) == list(range(111, 121))
    assert "What is 110?" in rows[111]["prompt"]
    assert (rows[111]["completion"], rows[111]["learnt"]) == ("It is 110.", "It is 110.")
    for wrong in ({"columns": ["prompt"]}, {"offset": -1}, {"columns": {"prompt": "nowhere"}}):
        with pytest.raises(AppError, match=r"columns must name|offset must be|no column 'nowhere'"):
            client.predict(handle_file(str(path)), **wrong, api_name="/inspect_dataset")
    with pytest.raises(AppError, match="no column 'nowhere'"):
        client.predict(handle_file(str(path)), "Taught", columns={"prompt": "nowhere"}, api_name="/train")


def test_the_parameters_of_train_are_all_there(client: Client) -> None:
    """Defends programs: what they can set, in the order that they know."""
    described = client.view_api(print_info=False, return_format="dict")["named_endpoints"]["/train"]["parameters"]
    names = [parameter["parameter_name"] for parameter in described]
    assert names[:10] == [
        *("file", "name", "format", "epochs", "max_steps", "r", "lora_alpha", "learning_rate", "max_length", "probes")
    ]
    reading = {"repairs", "columns", "left_out", "edited", "dataset", "configuration", "split", "rows"}
    assert set(names[3:]) == set(TrainingConfig.model_fields) | {"probes"} | reading
    assert all(parameter["parameter_has_default"] for parameter in described[2:])


def test_an_upload_that_breaks_off_leaves_nothing(api_app: RunningApp) -> None:
    """Defends the disk of a server that anybody can reach; Gradio itself forgets such a file."""
    uploads = api_app.data_dir / "uploads"
    there = set(uploads.glob("local/*"))
    body = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n' + bytes(10**6)
    head = b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n"
    host, port = api_app.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as visitor:
        visitor.sendall(head + b"Content-Type: multipart/form-data; boundary=B\r\n\r\n" + body)
        until(lambda: set(uploads.glob("local/*")) > there, 30.0)
    until(lambda: set(uploads.glob("local/*")) == there, 30.0)


def test_an_address_in_a_files_place_is_not_fetched(api_app: RunningApp) -> None:
    """Defends memory and disk, and the network around the server."""
    address = {"path": "https://example.com/rows.csv", "meta": {"_type": "gradio.FileData"}}
    assert "Send the file itself" in raw_call(api_app, "inspect_dataset", json.dumps({"data": [address, "auto"]}))


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


def test_a_whole_model_is_not_made_for_whoever_has_left(api_app: RunningApp, taught: dict[str, Any]) -> None:
    """Defends the next visitor, who would wait for nothing."""
    url = f"{api_app.url}/gradio_api/call/export_adapter"
    body = json.dumps({"data": [taught["adapter"], True]}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"})) as answer:
        event = json.load(answer)["event_id"]
    downloads = api_app.data_dir / "uploads" / "downloads"
    with urllib.request.urlopen(f"{url}/{event}", timeout=60) as stream:
        stream.readline()
        until(lambda: any(downloads.glob("*/whole-*")), 30.0)
    until(lambda: not any(downloads.glob("*/whole-*")), 30.0)


def test_a_zip_that_holds_no_adapter_is_refused(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "not.zip"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    before = client.predict(api_name="/adapters")
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(str(path)), "Nothing", api_name="/import_adapter")
    assert "Traceback" not in str(refusal.value)
    assert client.predict(api_name="/adapters") == before


def test_rows_can_be_changed_and_left_out(client: Client, tmp_path: Path) -> None:
    """Defends what a program changes of single rows: it is told as it would be taught, and bad values are named."""
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\n" + "".join(f"What is {n}?,It is {n}.\n" for n in range(12)))
    written = [{"role": "user", "content": "What is two?"}, {"role": "assistant", "content": "A pair."}]
    changes: dict[str, Any] = {"left_out": [1, 5], "edited": {"3": written}}
    seen = client.predict(handle_file(str(path)), **changes, api_name="/inspect_dataset")
    assert [row["row"] for row in seen["preview"]] == [2, 3, 4, *range(6, 13)]
    assert (seen["preview"][1]["completion"], seen["rows"]) == ("A pair.", 12)
    assert any("You left out rows: 2 (first row 1)" in problem for problem in seen["problems"])
    for bad, said in (({"left_out": [99]}, "no row 99"), ({"edited": {"3": 7}}, "edited must give rows")):
        for endpoint, named in (("/inspect_dataset", {}), ("/train", {"name": "Taught"})):
            with pytest.raises(AppError, match=said):
                client.predict(handle_file(str(path)), **named, **bad, api_name=endpoint)
