"""Defends the routes of ours: who asks is known from the headers, and whatever goes wrong is one sentence of JSON."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from playground.data_dir import DataDir
from playground.errors import BusyError, InputError
from playground.server import route_table
from playground.server.app import create_app
from playground.server.owner import KnownOwner, Owner
from playground.server.route_table import Route, Who
from playground.service.owners import COOKIE, HEADER, Owners


@pytest.fixture
def owners(tmp_path: Path) -> Owners:
    return Owners(DataDir(tmp_path), "public")


@pytest.fixture
def client(owners: Owners, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    ours = [Route(("GET",), path, Who.ANYBODY, "") for path in ("/mine", "/wrong/{what}")]
    monkeypatch.setattr(route_table, "OPEN", (*route_table.OPEN, *ours))
    services: Any = SimpleNamespace(owners=owners, uploads=None)
    app = create_app(services)

    @app.get("/")
    async def who(owner: Owner) -> str:
        return owner

    @app.get("/mine")
    async def mine(owner: KnownOwner) -> str:
        return owner

    @app.get("/wrong/{what}")
    async def wrong(what: str) -> None:
        raise {"input": InputError("Write or paste a text first."), "busy": BusyError("Come back later.")}.get(
            what, KeyError("secret inner workings")
        )

    with TestClient(app, raise_server_exceptions=False) as asking:
        yield asking


def test_errors_are_one_sentence_in_the_callers_language(client: TestClient) -> None:
    told = client.get("/wrong/input", headers={"accept-language": "zh-CN"})
    assert told.status_code == 400
    assert told.json() == {"error": {"message": "请先写入或粘贴一段文字。", "type": "InputError"}}
    busy = client.get("/wrong/busy")
    assert (busy.status_code, busy.json()["error"]["message"]) == (503, "Come back later.")


def test_unknown_errors_tell_an_id_and_nothing_else(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    told = client.get("/wrong/else")
    assert told.status_code == 500
    assert "secret" not in told.text
    assert told.json()["error"]["message"].rstrip(".").split()[-1] in caplog.text


def test_who_asks_is_known_by_header_or_cookie(client: TestClient, owners: Owners) -> None:
    key = owners.issue()
    stranger = client.get("/mine")
    assert (stranger.status_code, stranger.json()["error"]["type"]) == (400, "InputError")
    for given in ({HEADER: key}, {"cookie": f"{COOKIE}={key}"}):
        assert client.get("/mine", headers=given).json() == owners.identify({HEADER: key})
    first = client.get("/")
    assert first.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert client.get("/mine").json() == client.get("/").json()
    assert "set-cookie" not in client.get("/").headers
