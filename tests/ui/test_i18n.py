"""Defends that every word of the page is there in Chinese, and that errors become one sentence in either language."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.owners import COOKIE, HEADER, OPERATOR, OwnerCookieMiddleware, Owners
from playground.ui.errors import show_errors
from tests.i18n.test_extraction import read_catalog
from tests.page import build_real_page


class Asked(gr.Request):
    def __init__(self, headers: dict[str, str]) -> None:
        self.given = headers

    @property
    def headers(self) -> dict[str, str]:
        return self.given


def test_everything_on_the_page_is_there_in_chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what `t` is given by a name, which no extraction finds."""
    missing: set[str] = set()

    def listening(english: str, context: str = "") -> str:
        if (context, english) not in known:
            missing.add(english)
        return english

    known = {(message.context or "", message.id) for message in read_catalog()}
    monkeypatch.setattr("playground.ui.i18n.in_chinese", listening)
    with build_real_page(tmp_path):
        assert missing == set()


def test_known_errors_are_said_in_the_visitors_language() -> None:
    @show_errors
    async def fail(request: gr.Request) -> None:
        raise InputError("Write or paste a text first.")

    with pytest.raises(gr.Error, match="请先写入"):
        asyncio.run(fail(Asked({"accept-language": "zh-CN"})))
    with pytest.raises(gr.Error, match="Write or paste"):
        asyncio.run(fail(Asked({})))


def test_unknown_errors_tell_an_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    @show_errors
    async def fail(request: gr.Request) -> AsyncIterator[str]:
        yield "so far"
        raise KeyError("secret inner workings")

    async def read() -> list[str]:
        return [text async for text in fail(Asked({}))]

    with pytest.raises(gr.Error) as told:
        asyncio.run(read())
    assert "secret" not in str(told.value)
    error_id = str(told.value).rstrip(".'").split()[-1]
    assert error_id in caplog.text
    assert "secret inner workings" in caplog.text


def test_a_reader_who_leaves_closes_the_handler() -> None:
    closed: list[bool] = []

    @show_errors
    async def stream(request: gr.Request) -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    async def leave() -> None:
        reading: Any = stream(Asked({}))
        await anext(reading)
        await reading.aclose()

    asyncio.run(leave())
    assert closed == [True]


def test_owners_are_known_by_keys_that_this_server_issued(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public")
    key, other = owners.issue(), owners.issue()
    assert owners.owner({"cookie": f"{COOKIE}={key}"}) == owners.owner({HEADER: key}) != ""
    assert owners.owner({HEADER: key}) != owners.owner({HEADER: other})
    assert key not in owners.owner({HEADER: key})
    assert Owners(DataDir(tmp_path), "public").owner({HEADER: key}) == owners.owner({HEADER: key})
    for forged in ("", "x", key[:-1], key[:-1] + "é", "0" * 32 + "." + "0" * 32, key.replace(".", "")):
        assert owners.owner({HEADER: forged}) == ""
    assert Owners(DataDir(tmp_path), "local").owner({}) == OPERATOR


def test_the_signing_secret_is_for_the_server_alone(tmp_path: Path) -> None:
    Owners(DataDir(tmp_path), "public")
    assert (tmp_path / "signing.key").stat().st_mode & 0o077 == 0


def test_a_browser_without_a_key_gets_one_it_cannot_read(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public")

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def cookies(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "path": "/", "scheme": "http", "headers": headers}
        asyncio.run(OwnerCookieMiddleware(page, owners)(scope, None, send))
        return [value for name, value in sent[0]["headers"] if name == b"set-cookie"]

    (cookie,) = cookies([])
    assert b"HttpOnly" in cookie
    kept = cookie.split(b";")[0]
    assert cookies([(b"cookie", kept)]) == []
    (secure,) = cookies([(b"x-forwarded-proto", b"https")])
    assert b"Secure" in secure
