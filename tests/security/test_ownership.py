"""Defends what is whose: files, answers, sessions and drafts come to their owner alone, whoever knows their names."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from playground.service.owners import HEADER
from tests.security.visitor import Visitor, as_file
from tests.support.running_app import RunningApp

ROWS = b"question,answer\n" + b"".join(b"Which is colour %d?,It is shade %d.\n" % (one, one) for one in range(30))
STORY = ("Tell me of the sea.", "base", "", 24, 0.0)


@pytest.fixture
def sent(ann: Visitor) -> str:
    return ann.upload("colours.csv", ROWS)


def test_a_file_comes_back_to_its_owner_alone(ann: Visitor, bob: Visitor, nobody: Visitor, sent: str) -> None:
    assert ann.fetch(sent).content == ROWS
    for other in (bob, nobody):
        refused, unknown = other.fetch(sent), other.fetch(f"{sent}x")
        assert refused.status_code == unknown.status_code == 404
        assert refused.text == unknown.text


def test_a_browser_is_known_by_its_cookie(public_app: RunningApp, ann: Visitor, sent: str) -> None:
    cookie = f"playground_key={ann.http.headers[HEADER]}"
    assert Visitor(public_app.url, {"cookie": cookie}).fetch(sent).content == ROWS


def test_another_way_to_write_a_path_opens_nothing(
    public_app: RunningApp, ann: Visitor, bob: Visitor, sent: str
) -> None:
    """Defends the signing key, and others' files, from what stands between two slashes."""
    home = bob.upload("mine.csv", ROWS).rsplit("/", 3)[0]
    secret = public_app.data_dir / "signing.key"
    link = ann.upload("link.csv", ROWS)
    assert secret.is_file()
    for path in (
        *(
            str(secret),
            f"{home}/../../signing.key",
            f"{home}/..%2f..%2fsigning.key",
            f"{home}/%2e%2e/%2e%2e/signing.key",
        ),
        *(f"{home}/../{link.split('uploads/')[1]}", "signing.key", "/etc/passwd", "//etc/passwd", "file:///etc/passwd"),
        *("http://127.0.0.1/", "https://example.com/", "/proc/self/environ", f"{home}\x00", home, ""),
    ):
        assert bob.http.get("/gradio_api/file=" + path.replace("\x00", "%00")).status_code == 404, path


def test_a_link_out_of_ones_folder_is_not_followed(public_app: RunningApp, ann: Visitor) -> None:
    place = public_app.data_dir / "uploads" / ann.upload("a.csv", ROWS).split("uploads/")[1]
    (place.parent / "b.csv").symlink_to(public_app.data_dir / "signing.key")
    assert ann.fetch(str(place)).status_code == 200
    assert ann.fetch(str(place.parent / "b.csv")).status_code == 404


def test_a_range_is_answered_without_the_requests_headers(ann: Visitor, sent: str) -> None:
    """Defends the key: the cookie is kept from scripts, and would stand in the answer to each of them."""
    part = ann.fetch(sent, range="bytes=9-14", cookie="a=secret", **{"x-mine": "secret"})
    assert (part.status_code, part.content) == (206, ROWS[9:15])
    assert "secret" not in str(part.headers)
    assert HEADER not in part.headers
    assert part.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("endpoint", ["inspect_dataset", "train", "import_adapter"])
def test_no_endpoint_takes_anothers_file(bob: Visitor, nobody: Visitor, sent: str, endpoint: str) -> None:
    values = {"inspect_dataset": ["auto"], "train": ["Stolen"], "import_adapter": ["Stolen"]}[endpoint]
    for other in (bob, nobody):
        kind, told = other.answer(endpoint, other.call(endpoint, as_file(sent), *values))
        assert kind == "error"
        assert "shade" not in json.dumps(told)


def test_no_event_of_the_page_takes_anothers_file(ann: Visitor, bob: Visitor, sent: str) -> None:
    assert ann.event("ann-file", "received", as_file(sent))["success"]
    told = bob.event("bob-file", "received", as_file(sent))
    assert not told["success"]
    assert "shade" not in json.dumps(told)


def test_a_file_of_the_server_is_nobodys_upload(public_app: RunningApp, ann: Visitor) -> None:
    """Also what Gradio would copy to where it can be fetched: it looks at a path only in pages that it launched."""
    for path in ("/etc/hostname", str(public_app.data_dir / "signing.key"), "app.py"):
        kind, told = ann.answer("inspect_dataset", ann.call("inspect_dataset", as_file(path)))
        assert (kind, "must be a file that was sent" in json.dumps(told)) == ("error", True), told


def test_the_same_content_is_two_files(ann: Visitor, bob: Visitor) -> None:
    """Defends one visitor's file from another's of the same bytes, which cannot be read under its name."""
    hers, his = ann.upload("same.csv", ROWS), bob.upload("same.exe", ROWS)
    kind, _ = bob.answer("inspect_dataset", bob.call("inspect_dataset", as_file(his)))
    assert kind == "error"
    assert ann.fetch(hers).content == ROWS
    again = ann.upload("same.csv", ROWS)
    assert again != hers


def test_who_has_no_key_cannot_send_a_file(nobody: Visitor) -> None:
    """Nobody could find it again; and what nobody owns could be anybody's."""
    refused = nobody.http.post("/gradio_api/upload", files={"files": ("a.csv", ROWS)})
    assert refused.status_code == 400
    assert "does not know you yet" in refused.text


def test_an_answer_is_for_whoever_asked(ann: Visitor, bob: Visitor, nobody: Visitor) -> None:
    event = ann.call("generate", *STORY)
    bare = event.split(".")[0]
    for other in (bob, nobody):
        for name in (event, bare, f"{bare}.", f"{bare}.{'0' * 32}"):
            status, told = other.answer("generate", name)
            assert (status, json.loads(told)) == ("404", {"detail": "There is no such answer, or it is not yours."})
    assert ann.answer("generate", bare)[0] == "404"
    kind, _ = ann.answer("generate", event)
    assert kind == "complete"


def test_a_session_is_for_whoever_opened_it(ann: Visitor, bob: Visitor, nobody: Visitor, sent: str) -> None:
    """Its stream with what it is told, and its draft: a name is chosen by the client, and stands in addresses."""
    told = ann.event("shared-name", "received", as_file(sent))
    assert "shade" in json.dumps(told)
    for other in (bob, nobody):
        assert other.http.get("/gradio_api/queue/data", params={"session_hash": "shared-name"}).status_code == 404
        leafed = other.event("shared-name", "leaf", None, None)
        assert "shade" not in json.dumps(leafed)


def test_only_its_owner_ends_an_event(ann: Visitor, bob: Visitor) -> None:
    found = ann.http.get("/config").json()["dependencies"]
    place = next(one["id"] for one in found if one["api_name"] == "generate")
    values = ["Tell me of the sea.", "base", "", 400, 0.9, 1.0, 0, 1.0, 1, 1.0]
    joined = ann.http.post(
        "/gradio_api/queue/join", json={"data": values, "fn_index": place, "session_hash": "to-be-ended"}
    )
    event = {"event_id": joined.json()["event_id"], "fn_index": place, "session_hash": "to-be-ended"}
    assert bob.http.post("/gradio_api/cancel", json=event).status_code == 200  # of a session of his own
    kinds = []
    with ann.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "to-be-ended"}) as stream:
        for line in stream.iter_lines():
            told = json.loads(line.removeprefix("data: ")) if line else {}
            kinds.append(told.get("msg"))
            if told.get("msg") == "process_generating" and kinds.count("process_generating") == 1:
                assert bob.http.post("/gradio_api/cancel", json=event).status_code == 200
            if told.get("msg") == "process_completed":
                assert told["output"]["data"]
                break
    assert kinds.count("process_generating") > 1


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"session_hash": 5}', b"[" * 100_000, b"\xff"])
def test_what_cannot_be_ended_is_refused(ann: Visitor, body: bytes) -> None:
    sent = ann.http.post("/gradio_api/cancel", content=body, headers={"content-type": "application/json"})
    assert sent.status_code == 422


def test_the_progress_of_an_upload_is_its_senders(public_app: RunningApp, ann: Visitor, bob: Visitor) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="files"; filename="secret name.csv"\r\n\r\n' + ROWS
    told: dict[str, httpx.Response] = {}
    going, more = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield body
        going.set()
        more.wait(60)
        yield b"\r\n--B--\r\n"

    def send() -> None:
        told["sent"] = httpx.post(
            f"{public_app.url}/gradio_api/upload?upload_id=mine",
            content=pieces(),
            headers={"content-type": "multipart/form-data; boundary=B", HEADER: ann.http.headers[HEADER]},
            timeout=60,
        )

    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert going.wait(60)
        with ann.http.stream("GET", "/gradio_api/upload_progress", params={"upload_id": "mine"}) as progress:
            assert "secret name" in next(progress.iter_lines())
        watched = bob.http.get("/gradio_api/upload_progress", params={"upload_id": "mine"})
        assert (watched.status_code, "secret" in watched.text) == (404, False)
    finally:
        more.set()
        thread.join()
    assert told["sent"].status_code == 200


def test_an_export_is_for_its_owner_alone(ann: Visitor, bob: Visitor, nobody: Visitor) -> None:
    taught = ann.result("train", as_file(ann.upload("sea.csv", ROWS)), "Sea", "auto", 1, 3)
    assert taught["state"] == "done"
    path = ann.result("export_adapter", taught["adapter"])["path"]
    assert ann.fetch(path).content[:2] == b"PK"
    for other in (bob, nobody):
        assert other.fetch(path).status_code == 404
        kind, _ = other.answer("import_adapter", other.call("import_adapter", as_file(path), "Stolen"))
        assert kind == "error"
    assert "Stolen" not in json.dumps(bob.result("adapters"))


def test_the_page_leaves_no_empty_files(public_app: RunningApp, ann: Visitor, sent: str) -> None:
    for one in range(3):
        ann.event(f"again-{one}", "received", as_file(sent))
    empty = [
        path for path in (public_app.data_dir / "uploads").rglob("*") if path.is_file() and not path.stat().st_size
    ]
    assert empty == []
