"""Defends that two models are asked at the same time, and that however it ends, neither goes on by itself."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.errors import BusyError
from playground.protocol.requests import TokenLogprob
from playground.service.generation import merged
from playground.tasks.outputs import ClassificationOutput, TextOutput
from playground.tasks.registry import all_tasks
from playground.ui.components.compare import ComparedOutput
from playground.ui.components.token_probabilities import DRAWN_EVERY_S, TokenProbabilities, in_place, shaded
from playground.ui.tabs.sentiment import _compared
from tests.support.page import build_real_page


def speak(template: str, **fields: object) -> str:
    return template.format(**fields)


class Streams:
    """Streams whose steps the test lets happen; knows which of them were closed."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    async def follow(self, name: str, *steps: Callable[[], Awaitable[Any]]) -> AsyncIterator[Any]:
        try:
            for step in steps:
                yield await step()
        finally:
            self.closed.append(name)


def giving(value: Any) -> Callable[[], Awaitable[Any]]:
    async def give() -> Any:
        await asyncio.sleep(0)
        return value

    return give


async def never() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise BusyError("The model is busy.")


def test_both_run_at_the_same_time() -> None:
    """Each waits for the other to have begun: one after the other would never end."""

    async def read() -> list[Any]:
        streams = Streams()
        meeting = asyncio.Barrier(2)

        async def meet() -> str:
            await meeting.wait()
            return "met"

        sides = [streams.follow("base", meet), streams.follow("own", meet)]
        async with asyncio.timeout(5):
            return [newest async for newest in merged(sides)]

    assert asyncio.run(read())[-1] == ["met", "met"]


def test_the_newest_of_each_is_passed_on_and_the_last_is_whole() -> None:
    async def read() -> tuple[list[Any], list[str]]:
        streams = Streams()
        sides = [streams.follow("base", giving("a")), streams.follow("own", *map(giving, ("x", "xy", "xyz")))]
        return [newest async for newest in merged(sides)], streams.closed

    seen, closed = asyncio.run(read())
    assert seen[-1] == ["a", "xyz"]
    assert sorted(closed) == ["base", "own"]


def test_an_error_of_one_ends_both() -> None:
    streams = Streams()

    async def read() -> None:
        sides = [streams.follow("base", giving("a"), fail), streams.follow("own", giving("x"), never)]
        async with asyncio.timeout(5):
            async for _ in merged(sides):
                pass

    with pytest.raises(BusyError):
        asyncio.run(read())
    assert sorted(streams.closed) == ["base", "own"]


def test_whoever_leaves_closes_both() -> None:
    streams = Streams()

    async def leave() -> None:
        reading = merged([streams.follow(name, giving(name), never) for name in ("base", "own")])
        await anext(reading)
        await reading.aclose()

    asyncio.run(leave())
    assert sorted(streams.closed) == ["base", "own"]


def test_a_half_keeps_its_text_until_the_first_new_word_and_goes_without_compare() -> None:
    both = ComparedOutput[str](None, "new", "Yoda at 100 %", taught=True, comparing=True)
    base, own, title, answered = both.drawn(str.upper)
    assert base["__type__"] == "update" and "value" not in base
    assert (own, answered) == ("NEW", True)
    assert "mine" in title
    assert replace(both, comparing=False).drawn(str.upper)[0] == ""


def test_both_moods_stand_on_one_scale() -> None:
    good = ClassificationOutput("positive", (("positive", 0.9), ("negative", 0.1)))
    bad = ClassificationOutput("negative", (("negative", 0.8), ("positive", 0.2)))
    drawn = _compared(
        speak,
        ["<b>fine</b>", "two"],
        ComparedOutput([("<b>fine</b>", good)], [("", bad), ("", bad)], "<i>Yoda</i>", True, True),
    )
    assert drawn.count('class="scale"') == 2
    assert drawn.count('<i class="b" style="left:') == 1
    assert "<b>fine" not in drawn and "<i>Yoda" not in drawn


def test_a_task_without_a_view_of_its_own_compares_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playground.ui.page.find_spec", lambda name: None)
    with build_real_page(tmp_path) as page:
        places = {component["props"].get("elem_id") for component in page.config["components"]}
    assert {f"{task}-result{side}" for task in all_tasks() for side in ("", "-base")} <= places


WORDS = (
    TokenLogprob("A", math.log(0.9), (("The", math.log(0.05)),)),
    TokenLogprob("<img>", math.log(0.004), (("", math.log(0.5)), ("\n", math.log(0.3)), (' "', math.log(0.001)))),
)


def test_words_of_the_model_are_text_and_never_html() -> None:
    drawn = shaded(speak, "chat", "A <img>", WORDS)
    assert "<img" not in drawn and "&lt;img&gt;" in drawn
    assert "--unsure:0.10" in drawn and "&lt;1%" in drawn
    assert "(the end)" in drawn and "↵" in drawn


def test_a_space_that_was_lost_in_decoding_alone_is_put_back() -> None:
    assert "".join(shown for shown, _ in in_place("A <img>", WORDS)) == "A <img>"


def test_words_are_drawn_seldom_while_they_grow_but_always_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("playground.ui.components.token_probabilities.time.monotonic", lambda: now[0])
    shades = TokenProbabilities(speak, "chat")
    growing = TextOutput("A", words=WORDS[:1])
    whole = TextOutput("A <img>", finished=True, words=WORDS)
    assert isinstance(shades.drawn(growing), str)
    assert not isinstance(shades.drawn(replace(growing, text="A <")), str)
    now[0] += DRAWN_EVERY_S
    assert isinstance(shades.drawn(replace(growing, text="A <i")), str)
    assert isinstance(shades.drawn(whole), str)
    assert not isinstance(shades.drawn(whole), str)  # drawn again, the chosen word would be forgotten
