"""Defends a visitor's key: it is shown to its holder alone, and only a key of this server is taken."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from playground.data_dir import DataDir
from playground.server.app import create_app
from playground.service.owners import COOKIE, HEADER, Owners
from tests.security.visitor import Visitor
from tests.support.running_app import RunningApp


def with_cookie(app: RunningApp, key: str) -> httpx.Client:
    return httpx.Client(base_url=app.url, cookies={COOKIE: key}, timeout=60)


def test_a_key_is_shown_to_its_holder_alone(public_app: RunningApp, ann: Visitor, bob: Visitor) -> None:
    for visitor in (ann, bob):
        key = visitor.http.headers[HEADER]
        for holder in (visitor.http, with_cookie(public_app, key)):
            shown = holder.post("/key/show", content="{}")
            assert shown.json() == {"key": key}
            assert shown.headers["cache-control"] == "no-store"
            assert not [name for name in shown.headers if name.startswith("access-control")]
    for stranger in (httpx.Client(base_url=public_app.url), with_cookie(public_app, "0" * 32 + "." + "0" * 43)):
        refused = stranger.post("/key/show", content="{}")
        assert refused.status_code == 400
        assert "does not know you yet" in refused.json()["error"]["message"]
    assert ann.http.get("/key/show").status_code == 404  # an address alone, as in a link or an image, gives nothing


def test_a_key_is_nowhere_before_it_is_asked_for(public_app: RunningApp, ann: Visitor) -> None:
    key = ann.http.headers[HEADER]
    http = with_cookie(public_app, key)
    answers = [http.get(path) for path in ("/", "/config", "/gradio_api/info", "/model/state")]
    assert all(key not in answer.text + str(answer.headers) for answer in answers)
    files = [path for path in public_app.data_dir.rglob("*") if path.is_file()]
    assert [path for path in files if key.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("proto", ["http", "https"])
def test_a_key_from_another_device_goes_where_the_page_keeps_it(
    public_app: RunningApp, ann: Visitor, proto: str
) -> None:
    """With the very attributes that the page's own cookie has."""
    key, sent = ann.http.headers[HEADER], {"x-forwarded-proto": proto}
    new = httpx.get(public_app.url, headers=sent).headers["set-cookie"]
    answer = httpx.post(f"{public_app.url}/key", json={"key": f" {key}\n"}, headers=sent)
    assert answer.headers["set-cookie"] == f"{COOKIE}={key};{new.partition(';')[2]}"
    assert "HttpOnly" in new
    assert ("Secure" in new) == (proto == "https")
    assert key not in answer.text


@pytest.mark.parametrize(
    "forged", ["last", "nonce", "none", "", 5, None, [], {"key": 1}, "x" * 10_000, "é.é", "a\r\nb"]
)
def test_what_is_no_key_is_refused_in_one_sentence(public_app: RunningApp, ann: Visitor, forged: object) -> None:
    key = ann.http.headers[HEADER]
    made = {"last": key[:-1] + ("a" if key[-1] != "a" else "b"), "nonce": key.partition(".")[0], "none": "."}
    given = made.get(forged, forged) if isinstance(forged, str) else forged
    refused = httpx.post(f"{public_app.url}/key", json={"key": given})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("This is no key of this server.")
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"key"', b"[" * 100_000, b"\xff"])
def test_what_is_no_message_is_refused_too(public_app: RunningApp, body: bytes) -> None:
    refused = httpx.post(f"{public_app.url}/key", content=body, headers={"accept-language": "zh-CN"})
    assert (refused.status_code, "密钥" in refused.json()["error"]["message"]) == (400, True)


def test_in_local_mode_there_is_no_key(tmp_path: Path) -> None:
    """All is the one operator's: the routes are not there."""
    services: Any = SimpleNamespace(owners=Owners(DataDir(tmp_path), "local"), uploads=None)
    with TestClient(create_app(services, ("testserver",))) as client:
        assert [client.post(path, json={"key": "x"}).status_code for path in ("/key", "/key/show")] == [404, 404]
