"""Conversations: as the Chatbot shows them, as the model reads them, and as rows to learn from."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NotRequired, TypedDict, cast

from playground.errors import InputError
from playground.i18n.catalog import Gettext
from playground.metrics.scores import has_spaces
from playground.protocol.messages import BASE, Message
from playground.sentence import N_
from playground.tasks.generate import CUT, ONLY_ENGLISH, REPEATED
from playground.tasks.outputs import UNANSWERED, TextOutput


class Author(TypedDict):
    """Who gave an answer, under the names that the Chatbot keeps such things by."""

    id: str
    """`BASE`, `TAUGHT` for any adapter, or `PAGE` for what no model said."""
    log: str
    """Name and strength, as they were."""
    status: NotRequired[Literal["pending", "done"]]
    """"pending" where the answer was cut, so that it can go on; "done" where it was corrected, and is kept."""
    duration: NotRequired[float]
    """Seconds from the first word to the last, once the answer has ended."""


class Thought(TypedDict):
    """Marks a turn as what was thought before the answer that follows it, which the Chatbot then folds."""

    id: str
    title: str
    status: Literal["pending", "done"]
    """Open while "pending"."""


TAUGHT, PAGE, THOUGHT = "taught", "page", "thought"
WORDS, WORDS_AND_PACE = N_("{count} words"), N_("{count} words, {rate} a second")
CHARACTERS, CHARACTERS_AND_PACE = N_("{count} characters"), N_("{count} characters, {rate} a second")
KEPT = N_("✓ Corrected by you, and kept as an example")
MIN_PACE_S = 0.5
"""An answer that is there sooner tells nothing of how fast the model writes."""


@dataclass(frozen=True)
class ChatEvents:
    """What the chat does for other parts of the page."""

    letter: Any
    """The `gr.JSON` with what is asked next: `{"text": ..., "new": True}`."""
    afresh: Callable[[Callable[..., Any]], None]
    """Has a trigger, such as a button's `click`, begin a new chat."""
    stop: Callable[[Callable[..., Any]], None]
    """Has a trigger end the answer that goes on."""
    ask_afresh: Callable[[Any], None]
    """Has an event that puts something into `letter` begin a new chat and ask it there."""


class Turn(TypedDict):
    """A message as the Chatbot shows it: an answer stays its author's, whoever is chosen later."""

    role: Literal["system", "user", "assistant"]
    content: str
    metadata: NotRequired[Author | Thought]


def author(name: str, taught: bool) -> Author:
    return {"id": TAUGHT if taught else BASE, "log": name}


def author_of(gettext: Gettext, result: TextOutput | None, by: Author) -> Author:
    """Who gave `result` when `by` was asked."""
    if result and result.note == ONLY_ENGLISH:
        return {"id": PAGE, "log": gettext("This page")}
    if result and result.unanswered:
        return {"id": PAGE, "log": gettext("This page")}
    if result and result.note == REPEATED:
        return {**by, "log": gettext("{name}, ended where it repeated itself", name=by["log"])}
    if result and result.note == CUT:
        return {**by, "log": gettext("{name}, cut at the longest answer", name=by["log"]), "status": "pending"}
    return by


def cut_answer(turns: list[Turn]) -> str | None:
    """The newest answer as far as it goes, where it was cut; None where it was not."""
    by = author_in(turns[-1]) if turns else None
    return turns[-1]["content"] if by and by.get("status") == "pending" else None


def as_turns(shown: Any) -> list[Turn]:
    """The conversation with its authors, whatever shape the Chatbot gives it in."""
    turns: list[Turn] = []
    for message in shown or []:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
        turn: Turn = {"role": message["role"], "content": content}
        by = message.get("metadata") or {}
        if by.get("title"):
            turn["metadata"] = {"id": THOUGHT, "title": str(by["title"]), "status": "done"}
        elif by.get("log"):
            signed: Author = {"id": str(by.get("id")), "log": str(by["log"])}
            if by.get("status") in ("pending", "done"):
                signed["status"] = by["status"]
            if isinstance(by.get("duration"), int | float):
                signed["duration"] = float(by["duration"])
            turn["metadata"] = signed
        turns.append(turn)
    return turns


def as_messages(shown: Any) -> list[Message]:
    """The conversation as the model reads it: roles and contents alone, without thoughts, and nothing that the page
    said itself."""
    return [
        {"role": turn["role"], "content": "" if _marked(turn) == PAGE else turn["content"]}
        for turn in without_thoughts(as_turns(shown))
    ]


def without_thoughts(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if _marked(turn) != THOUGHT]


def _marked(turn: Turn) -> str:
    return turn["metadata"]["id"] if "metadata" in turn else ""


def with_answer(gettext: Gettext, history: list[Turn], said: str, result: TextOutput | None, by: Author) -> list[Turn]:
    """The conversation with what was said, and as much of the thoughts and the answer as there is."""
    asked: list[Turn] = [*history, {"role": "user", "content": said}]
    if result is None:
        return asked
    if result.thinking:
        over = result.finished or bool(result.text)
        asked.append({"role": "assistant", "content": result.thinking, "metadata": _thought(gettext, result, over)})
        if not over:
            return asked
    content = gettext(UNANSWERED) if result.unanswered else result.text
    return [*asked, {"role": "assistant", "content": content, "metadata": by}]


def _thought(gettext: Gettext, result: TextOutput, over: bool) -> Thought:
    if not over:
        return {"id": THOUGHT, "title": gettext("Thinking…"), "status": "pending"}
    title = gettext("Thought for {seconds} s", seconds=max(1, round(result.thought_s)))
    return {"id": THOUGHT, "title": title, "status": "done"}


def marked(turns: list[Turn], kept: Collection[tuple[str, str]]) -> list[Turn]:
    """The conversation with a mark at each answer that is kept; `kept` are questions with their corrected answers."""
    asked = ""
    found: list[Turn] = []
    for turn in turns:
        by = author_in(turn)
        if turn["role"] == "user":
            asked = turn["content"]
        elif by and (asked.strip(), turn["content"].strip()) in kept:
            by = {**by, "status": "done"}
        elif by and by.get("status") == "done":
            by = {"id": by["id"], "log": by["log"]}
        found.append({**turn, "metadata": by} if by else turn)
    return found


def signatures(place: str, turns: list[Turn], by: Author | None, gettext: Gettext) -> str:
    """Style that signs each answer in the Chatbot of this id, tells how long and how fast it was, and signs the one
    that `by` is to give next, where that is known."""
    given = [(author_in(turn), turn["content"]) for turn in without_thoughts(turns) if turn["role"] == "assistant"]
    rules = "".join(
        f"#{place} .bot-row:nth-child({number} of .bot-row) {{ {_signature(one, pace(gettext, one, text))} }}"
        for number, (one, text) in enumerate([*given, (by, "")], 1)
        if one
    )
    return f"<style>{rules}</style>"


def author_in(turn: Turn) -> Author | None:
    """Who gave it; None for what nobody signed, and for thoughts."""
    by = turn.get("metadata")
    return cast(Author, by) if by and "log" in by else None


def _signature(by: Author, told: str) -> str:
    green = " --dot: var(--color-accent); --bar: var(--color-accent);" if by["id"] == TAUGHT else ""
    kept = " --told: var(--color-accent);" if by.get("status") == "done" else ""
    return f"--by: {_quoted(by['log'])};{green}{kept}" + (f" --pace: {_quoted(told)};" if told else "")


def _quoted(text: str) -> str:
    """For a style sheet. A visitor named the adapter: what is no letter and no digit becomes a number."""
    return '"' + "".join(one if one.isalnum() or one == " " else f"\\{ord(one):x} " for one in text) + '"'


class AnswerClock:
    """Counts the seconds between an answer's first word and its last; what it took before it goes on counts too."""

    def __init__(self, begun: Turn | None) -> None:
        by = author_in(begun) if begun else None
        self._before = by.get("duration", 0.0) if by else 0.0
        self._first = self._last = 0.0
        self._ended = False

    def took(self, result: TextOutput) -> float:
        """With the newest result, which may be told several times."""
        if not self._ended:
            self._last = time.monotonic()
            self._first = self._first or self._last
            self._ended = result.finished
        return self._before + self._last - self._first


def pace(gettext: Gettext, by: Author, text: str) -> str:
    """How long an answer is, and how fast it was written where that took long enough to tell; "" while it comes. Of one
    that was corrected, what has become of it."""
    if by.get("status") == "done":
        return gettext(KEPT)
    seconds = by.get("duration")
    if seconds is None or by["id"] == PAGE:
        return ""
    spaced = has_spaces([text])
    count = len(text.split()) if spaced else len(text)
    if count < 2 or seconds < MIN_PACE_S:
        return gettext(WORDS if spaced else CHARACTERS, count=count) if count > 1 else ""
    rate = count / seconds
    told = WORDS_AND_PACE if spaced else CHARACTERS_AND_PACE
    return gettext(told, count=count, rate=f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}")


def before_last(messages: list[Turn]) -> tuple[list[Turn], str]:
    """The conversation before the last thing that the visitor said, and that; "" for none."""
    history = list(messages)
    while history and history[-1]["role"] == "assistant":
        history.pop()
    said = history.pop()["content"] if history else ""
    return history, said


def caught_up(behind: list[Turn], ahead: list[Turn]) -> list[Turn]:
    """`behind`, with what was said since it was last asked; all of `ahead` where they are not one conversation."""
    one, two = without_thoughts(behind), without_thoughts(ahead)
    same = len(one) <= len(two) and all(
        mine["role"] == other["role"] and (mine["role"] == "assistant" or mine["content"] == other["content"])
        for mine, other in zip(one, two, strict=False)
    )
    return [*behind, *two[len(one) :]] if same else list(ahead)


def answer_at(turns: Sequence[Turn], place: Any) -> Any:
    """Where the turn that is shown at `place` stands in `as_messages`. Raises `InputError` for a thought."""
    if not isinstance(place, int) or not 0 <= place < len(turns):
        return place
    if _marked(turns[place]) == THOUGHT:
        raise InputError("Thoughts are not learnt. Correct the answer below them.")
    return len(without_thoughts(turns[:place]))


def asked_before(messages: list[Message], place: Any) -> list[Message]:
    """What the answer at `place` of what a model reads answers: the conversation up to it, without what never got an
    answer.

    Rows to learn from must take turns. Raises `InputError` where no answer stands there.
    """
    inside = isinstance(place, int) and 0 < place < len(messages)
    if not inside or [message["role"] for message in messages[place - 1 : place + 1]] != ["user", "assistant"]:
        raise InputError("There is no such answer in this conversation.")
    return [*answered(messages[:place]), messages[place - 1]]


def answered(messages: list[Message]) -> list[Message]:
    """What was said and got an answer, with that."""
    kept: list[Message] = []
    for said, answer in pairwise(messages):
        if said["role"] == "user" and answer["role"] == "assistant" and answer["content"].strip():
            kept += [said, answer]
    return kept
