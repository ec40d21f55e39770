"""Defends that every word of the page is there in Chinese, and that errors become one sentence in either language."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.errors import InputError
from playground.ui.errors import show_errors
from tests.i18n.test_extraction import read_catalog
from tests.support.page import build_real_page


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
