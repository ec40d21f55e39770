"""The conversation in Generate: asking, asking again, at another strength too, and beginning anew."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.service.generation import Ask
from playground.service.services import Services
from playground.tasks.generate import CUT, TASK
from playground.tasks.outputs import TextOutput
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.chat_history import (
    AnswerClock,
    Author,
    ChatEvents,
    Turn,
    answered,
    as_messages,
    as_turns,
    author,
    author_in,
    author_of,
    before_last,
    caught_up,
    cut_answer,
    signatures,
    with_answer,
)
from playground.ui.components.compare import CompareView, answers
from playground.ui.components.run_button import wire as wire_run
from playground.ui.components.token_probabilities import TokenProbabilities, shaded
from playground.ui.errors import errors_under
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import gettext_for
from playground.ui.tabs import generate_controls
from playground.ui.tabs.generate_controls import Asked

ELSEWHERE, ANEW = "generate-elsewhere", "generate-anew"
"""Buttons that a script presses: once another place on the page has put a question into the letter, and for the last
question once more."""
NUM_DRAWN = 8
"""Components that an answer is drawn in."""
CHOICES = 3
"""How many values `AdapterPicker.inputs` has; the controls' follow."""


@dataclass(frozen=True)
class Half:
    """The conversation or the text of one who answers, and how sure it was of each word."""

    shown: Any
    words: gr.HTML
    signed: gr.HTML | None = None
    """In a conversation, who gave each answer."""


def outputs(halves: CompareView) -> list[Any]:
    return [halves.base.shown, halves.own.shown, halves.base.words, halves.own.words]


def wire(
    services: Services,
    choice: AdapterPicker,
    chat: CompareView,
    composer: tuple[gr.Textbox, gr.Button, gr.Button],
    go_on: gr.Button,
    asked_with: list[Any],
) -> ChatEvents:
    """Bind everything that asks; `composer` is where it is written, Send, and Stop; `go_on` continues an answer that
    was cut. Returns what other tabs bind."""
    prompt, *send = composer
    buttons = send[0], send[1]
    cut = gr.JSON({}, visible=False)
    drawn = [*outputs(chat), chat.base.signed, chat.own.signed, cut, go_on]
    emptying = [*outputs(chat), *send, cut, go_on]
    letter = gr.JSON({"text": "", "new": False}, visible=False)
    kept = [chat.base.shown, chat.own.shown, *asked_with]
    given = [letter, *kept]
    answer = _answering(services)
    asked = [send[0].click, prompt.submit]
    sent = [letter, prompt, *send]
    sending = gr.on(asked, None, [prompt, letter], sent, js=in_browser("send"), **EVENT_OPTIONS)
    send[1].click(None, None, letter, js=in_browser("forgetLetter"))  # to Gradio a run that is stopped has failed
    answering = wire_run([], buttons, answer, given, drawn, started=sending)
    answering.failure(None, [letter, prompt], prompt, js=in_browser("giveBack"), **EVENT_OPTIONS)
    repeating = _wire_newest(services, choice, chat, buttons, kept, (cut, go_on), drawn)
    elsewhere = gr.Button(elem_id=ELSEWHERE, elem_classes=["pressed-by-script"])
    emptied = elsewhere.click(_emptied, None, emptying, **EVENT_OPTIONS)
    begun = emptied.success(None, letter, [*send], js=in_browser("sendLetter"), **EVENT_OPTIONS)
    asked_there = wire_run([], buttons, answer, given, drawn, started=begun)
    _remember(chat, cut, go_on)
    for half in (chat.base, chat.own):
        half.shown.copy(None, half.shown, None, js=in_browser("copyAnswer"), **EVENT_OPTIONS)
    runs = [answering, *repeating, asked_there]

    def stop(trigger: Callable[..., Any]) -> None:
        # First, since its next word would bring back what is emptied.
        trigger(None, None, None, cancels=runs, **EVENT_OPTIONS)

    def afresh(trigger: Callable[..., Any]) -> None:
        trigger(None, None, letter, js=in_browser("forgetLetter"))
        stop(trigger)
        trigger(_emptied, None, emptying, **EVENT_OPTIONS)

    def ask_afresh(event: Any) -> None:
        event.success(None, js=in_browser("press", ELSEWHERE), **EVENT_OPTIONS)

    return ChatEvents(letter, afresh, stop, ask_afresh)


def _wire_newest(
    services: Services,
    choice: AdapterPicker,
    chat: CompareView,
    buttons: tuple[gr.Button, gr.Button],
    kept: list[Any],
    going_on: tuple[gr.JSON, gr.Button],
    drawn: list[Any],
) -> list[Any]:
    """Bind what is done with the newest answer: asking it again, at another strength too, and going on with it."""
    again, at_strength = _again(services), _again(services, at_strength=True)
    cut, go_on = going_on
    strengths = [choice.picker, choice.strength, chat.own.shown]
    choice.strength.release(None, strengths, None, js=in_browser("askAnew", ANEW), **EVENT_OPTIONS)
    anew = gr.Button(elem_id=ANEW, elem_classes=["pressed-by-script"])
    return [
        wire_run([chat.base.shown.retry, chat.own.shown.retry], buttons, again, kept, drawn),
        wire_run([anew.click], buttons, at_strength, kept, drawn),
        wire_run([go_on.click], buttons, _going_on(services), [cut, *kept], drawn),
    ]


_errors_under_field = errors_under("generate-prompt", {"prompt": "generate-prompt", "system": "generate-role"})


def _answering(services: Services) -> Callable[..., Any]:
    @_errors_under_field
    async def answer(request: gr.Request, letter: Any, *values: Any) -> AsyncIterator[Any]:
        if not letter["new"]:
            yield [gr.skip()] * NUM_DRAWN  # to yield nothing would empty all
            return
        base, own, *rest = values
        history = as_turns(own)
        histories = caught_up(as_turns(base), history), history
        async for update in _spoken(services, request, letter["text"], histories, rest):
            yield update

    return answer


def _again(services: Services, at_strength: bool = False) -> Callable[..., Any]:
    """The last question once more. At another strength the base model's answer to it stays as it is."""

    async def again(request: gr.Request, values: Sequence[Any]) -> AsyncIterator[Any]:
        base, own, *rest = values
        history, said = before_last(as_turns(own))
        earlier, said_to_base = before_last(as_turns(base))
        kept = earlier if said_to_base == said else as_turns(base)
        async for update in _spoken(services, request, said, (caught_up(kept, history), history), rest):
            yield update

    @_errors_under_field
    async def repeat(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        async for update in again(request, values):
            yield update

    @_errors_under_field
    async def anew(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        compare = 1 + CHOICES  # after the two conversations
        async for update in again(request, [*values[:compare], False, *values[compare + 1 :]]):
            yield update

    return anew if at_strength else repeat


def _going_on(services: Services) -> Callable[..., Any]:
    """The answers that were cut go on where they stand, from whoever gave them, at the same strength."""

    @_errors_under_field
    async def go_on(request: gr.Request, cut: Any, *values: Any) -> AsyncIterator[Any]:
        base, own, *rest = values
        turns = as_turns(base), as_turns(own)
        who = cut.get("who") if isinstance(cut, dict) else None
        if not isinstance(who, list) or len(who) != CHOICES or not any(cut_answer(one) is not None for one in turns):
            yield [*[gr.skip()] * (NUM_DRAWN - 1), gr.Button(visible=False)]
            return
        histories = before_last(turns[0])[0], before_last(turns[1])[0]
        said, asked_with = before_last(turns[1])[1], [*who, *rest[CHOICES:]]
        begun = tuple(one[-1] if one else None for one in turns)
        async for update in _spoken(services, request, said, histories, asked_with, begun):
            yield update

    return go_on


def _remember(chat: CompareView, cut: gr.JSON, go_on: gr.Button) -> None:
    """Have the browser keep the conversations with their signatures, and put them back after a reload."""
    kept = [chat.base.shown, chat.own.shown, chat.base.signed, chat.own.signed, cut]
    changes = [chat.base.shown.change, chat.own.shown.change, chat.own.signed.change]
    gr.on(changes, None, kept, js=in_browser("keepChat"), **EVENT_OPTIONS)
    page = gr.context.Context.root_block
    if page is not None:
        page.load(None, None, [*kept, go_on], js=in_browser("keptChat"))


async def _spoken(
    services: Services,
    request: gr.Request,
    said: str,
    histories: tuple[list[Turn], list[Turn]],
    values: Sequence[Any],
    begun: tuple[Turn | None, ...] = (None, None),
) -> AsyncIterator[list[Any]]:
    """Updates for both conversations, their words and their signatures while `said` is answered; `histories` are the
    base model's and the chosen one's own, `begun` their answers to it where these go on."""
    asked = generate_controls.read(values[CHOICES:])
    shades, gettext = shades_for(request, "chat"), gettext_for(request)
    base_ask, ask = (
        _continuing(services, asked, said, answered(as_messages(history)), turn)
        for history, turn in zip(histories, begun, strict=True)
    )
    base_model, signed_by = author(gettext("Base model"), False), None
    clocks = [AnswerClock(turn) for turn in begun]
    async for found in answers(services, request, values[:CHOICES], ask, base_ask):
        by_base = _signed_by(gettext, found.base, base_model, begun[0], clocks[0])
        by = _signed_by(gettext, found.own, author(found.name, found.taught), begun[1], clocks[1])
        base = with_answer(gettext, histories[0], said, found.base, by_base) if found.comparing else gr.skip()
        own = with_answer(gettext, histories[1], said, found.own, by)
        signed = [gr.skip(), gr.skip()]
        if signed_by != (by_base, by):
            signed_by = by_base, by
            signed = [
                signatures("generate-chat-base", base, by_base, gettext) if found.comparing else gr.skip(),
                signatures("generate-chat", own, by, gettext),
            ]
        words = [shade.drawn(result) for shade, result in zip(shades, (found.base, found.own), strict=True)]
        can_go_on = any(result is not None and result.note == CUT for result in (found.base, found.own))
        cut = {"who": list(values[:CHOICES])} if can_go_on else {}
        yield [base, own, *words, *signed, cut, gr.Button(visible=can_go_on)]


def _signed_by(
    gettext: Gettext, result: TextOutput | None, by: Author, begun: Turn | None, clock: AnswerClock
) -> Author:
    """Who gives an answer, and how long it took once it has ended; one that was whole already keeps its signature."""
    if begun is not None and cut_answer([begun]) is None and (signed := author_in(begun)):
        return signed
    by = author_of(gettext, result, by)
    if result is None:
        return by
    seconds = clock.took(result)
    return {**by, "duration": seconds} if result.finished else by


def _continuing(
    services: Services, asked: Asked, said: str, history: list[Message], begun: Turn | None
) -> Ask[TextOutput]:
    """Answer `said`, or go on with an answer that was cut; one that is whole is given as it is."""
    if begun is None:
        return asking(services, asked, prompt=said, history=history)
    if (text := cut_answer([begun])) is not None:
        return asking(services, asked, prompt=said, history=history, begun=text)

    async def whole(_: SamplingClient) -> AsyncIterator[TextOutput]:
        yield TextOutput(begun["content"], finished=True)

    return whole


def asking(services: Services, asked: Asked, **inputs: Any) -> Ask[TextOutput]:
    def ask(client: SamplingClient) -> AsyncIterator[TextOutput]:
        thinks = client.info.can_think and inputs.get("mode") != "text"
        return TASK.ask(client, **asked.inputs(thinks), **inputs)

    return ask


def shades_for(request: gr.Request, name: str) -> tuple[TokenProbabilities, TokenProbabilities]:
    speak = gettext_for(request)
    return TokenProbabilities(speak, f"{name}-base"), TokenProbabilities(speak, name)


def _emptied(request: gr.Request) -> list[Any]:
    no_words = shaded(gettext_for(request), "", "", ())
    buttons = [gr.Button(visible=shown) for shown in (True, False)]
    return [[], [], no_words, no_words, *buttons, {}, gr.Button(visible=False)]
