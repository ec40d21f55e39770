"""Defends that every word of the page is there in Chinese, and that errors become one sentence in either language."""

import ast
import asyncio
import string
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.owners import COOKIE, HEADER, OPERATOR, OwnerCookieMiddleware, Owners
from playground.ui import i18n as texts
from playground.ui.errors import show_errors
from playground.ui.i18n import CHINESE, ENGLISH, ZH, gettext, locale_of
from tests.page import build_real_page


class Asked(gr.Request):
    def __init__(self, headers: dict[str, str]) -> None:
        self.given = headers

    @property
    def headers(self) -> dict[str, str]:
        return self.given


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_everything_on_the_page_is_there_in_chinese(tmp_path: Path) -> None:
    with build_real_page(tmp_path):
        assert texts.missing == set()


def sentences_of_errors() -> set[str]:
    """Every template that a visitor's error is raised with; starting the app and making its model are not theirs."""
    kinds = {"InputError", "DataError", "AdapterError", "BusyError", "TrainingError", "EngineError"}
    calls: list[ast.expr] = []
    constants: dict[str, str] = {}
    for path in (Path(__file__).parents[2] / "playground").rglob("*.py"):
        if path.parent.name in ("starter", "evaluation"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds and node.args:
                calls.append(node.args[0])
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                named = [target.id for target in node.targets if isinstance(target, ast.Name)]
                constants.update(dict.fromkeys(named, node.value.value) if isinstance(node.value.value, str) else {})
    said = [constants.get(text.id) if isinstance(text, ast.Name) else getattr(text, "value", None) for text in calls]
    return {text for text in said if isinstance(text, str)}


def test_every_error_is_there_in_chinese() -> None:
    sentences = sentences_of_errors()
    assert len(sentences) > 100
    assert sorted(sentences - set(ZH)) == []


def test_translations_keep_the_fields() -> None:
    """A `{name}` that a translation lost or invented would be an error at the worst moment."""
    templates = {english: chinese for english, chinese in ZH.items() if "{" in english and "<" not in english}
    assert len(templates) > 10
    for english, chinese in templates.items():
        assert fields(chinese) <= fields(english), english


@pytest.mark.parametrize(
    ("headers", "locale"),
    [
        ({}, ENGLISH),
        ({"accept-language": "zh-HK,zh;q=0.9,en;q=0.8"}, CHINESE),
        ({"accept-language": "de-DE,zh;q=0.5"}, ENGLISH),
        ({"accept-language": "en-US", "cookie": "playground_language=zh-CN"}, CHINESE),
        ({"accept-language": "zh-CN", "cookie": "playground_language=en"}, ENGLISH),
        ({"cookie": 'a="b; playground_language'}, ENGLISH),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(headers: dict[str, str], locale: str) -> None:
    assert locale_of(Asked(headers)) == locale


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


def test_say_fills_in_the_fields() -> None:
    assert gettext(CHINESE, "Part {part} of {parts}", part=2, parts=5) == "第 2 / 5 部分"
    assert gettext(ENGLISH, "Part {part} of {parts}", part=2, parts=5) == "Part 2 of 5"
