"""Generate: a conversation, or a text that the model continues."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.generation import Ask
from playground.service.services import Services
from playground.tasks.generate import TASK
from playground.tasks.outputs import TextOutput
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost
from playground.ui.components.chat_history import (
    Afresh,
    Turn,
    answered,
    as_messages,
    as_turns,
    author,
    author_of,
    before_last,
    caught_up,
    signatures,
    with_answer,
)
from playground.ui.components.compare import CompareView, answers, split
from playground.ui.components.examples import chips
from playground.ui.components.model_binding import bind, bind_value
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.components.token_probabilities import TokenProbabilities, place, shaded
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import framed, gettext_for, t
from playground.ui.tabs import corrections, corrections_list, generate_controls
from playground.ui.tabs.corrections import CorrectionsPanel
from playground.ui.tabs.generate_controls import Asked

HELLO = '<div class="hello"><div class="big">%s</div><div class="quiet">%s</div></div>'
CHOICES = 3
"""How many values `AdapterPicker.inputs` has; the controls' follow."""


@dataclass(frozen=True)
class Half:
    """The conversation or the text of one who answers, and how sure it was of each word."""

    shown: Any
    words: gr.HTML
    signed: gr.HTML | None = None
    """In a conversation, who gave each answer."""


def build(services: Services, choice: AdapterPicker) -> CorrectionsPanel:
    """Draw the tab and bind its events; returns the note that leads on to Fine-tune.

    A model without a chat template only continues texts.
    """
    with gr.Row(elem_classes=["work", "full", "chatwork"]):
        with gr.Column(elem_classes=["card"], scale=3):
            with gr.Row(elem_classes=["head"]):
                mode = gr.Radio(
                    [(t("Chat"), "chat"), (t("Continue a text"), "text")],
                    value="chat",
                    label=t("Mode"),
                    show_label=False,
                    container=False,
                    interactive=True,
                    elem_id="generate-mode",
                    elem_classes=["seg"],
                )
                caption()
                new = ghost("New chat")
            with gr.Column(elem_classes=["grow", "stage"]) as chat_part:
                chat, prompt, send = _draw_chat(choice)
            listed = corrections_list.draw()
            with gr.Column(visible=False, elem_classes=["grow", "stage"]) as text_part:
                text, go_on = _draw_text(choice)
        with gr.Column(elem_classes=["card", "rail"]):
            controls = generate_controls.draw()
            note = corrections.draw(services, prompt)
    asked_with = [*choice.inputs, *controls]
    afresh = _wire_chat(services, (chat, prompt, send), asked_with)
    _wire_text(services, text, go_on, asked_with)
    corrections.wire(services, note, chat.own.shown, controls)
    corrections_list.wire(services, note, listed, chat_part)
    afresh(new.click)
    bind(mode, lambda info, gettext: gr.Radio(choices=_modes(info, gettext)))
    bind_value(mode, lambda info: "chat" if info.has_chat_template else "text")
    bind(new, lambda info, _: gr.Button(visible=info.has_chat_template))
    stages = [chat_part, note.box, text_part, listed.view]
    mode.change(None, mode, stages, js=in_browser("showMode"), **EVENT_OPTIONS)
    return replace(note, afresh=afresh)


def _modes(info: ModelInfo, gettext: Gettext) -> list[tuple[str, str]]:
    modes = [(gettext("Chat"), "chat")] if info.has_chat_template else []
    return [*modes, (gettext("Continue a text"), "text")]


def _draw_chat(choice: AdapterPicker) -> tuple[CompareView, gr.Textbox, tuple[gr.Button, gr.Button]]:
    chat = split(choice, _chat, "generate-chat", "beside", "named")
    chip_row = gr.Row(elem_classes=["inside"])
    with gr.Row(elem_classes=["composer"]):
        prompt = gr.Textbox(
            placeholder=t("Ask for something…"),
            label=t("Your message"),
            show_label=False,
            container=False,
            lines=1,
            max_lines=5,
            elem_id="generate-prompt",
        )
        send = run_and_stop_buttons("Send", "generate")
    with chip_row:
        chips(TASK.examples, [prompt], ["prompt"], send[0])
    return chat, prompt, send


def _chat(elem_id: str) -> Half:
    chat = gr.Chatbot(
        [],
        label=t("Conversation"),
        show_label=False,
        elem_id=elem_id,
        elem_classes=["grow", "chat"],
        buttons=["copy"],
        editable=None if elem_id.endswith("-base") else "all",
        height="100%",
        placeholder=framed(HELLO, "What shall we try?", "Write below, or start with one of these."),
    )
    return Half(chat, place(elem_id), gr.HTML("", padding=False, elem_classes=["signed"]))


def _draw_text(choice: AdapterPicker) -> tuple[CompareView, tuple[gr.Button, gr.Button]]:
    text = split(choice, _text, "generate-text", "beside", "named")
    with gr.Row(elem_classes=["foot", "rule"]):
        caption("It writes on where your text ends.")
        go_on = run_and_stop_buttons("Continue", "continue")
    return text, go_on


def _text(elem_id: str) -> Half:
    """The text of the one who was chosen can be written in; the base model continues the same one."""
    compared = elem_id.endswith("-base")
    text = gr.Textbox(
        placeholder=t("The same text, continued by the base model." if compared else BEGIN),
        label=t("Text"),
        show_label=False,
        container=False,
        lines=8,
        interactive=not compared,
        elem_id=elem_id,
        elem_classes=["fill"],
    )
    return Half(text, place(elem_id))


BEGIN = N_("Begin a text, and the model goes on…")


def _outputs(halves: CompareView) -> list[Any]:
    return [halves.base.shown, halves.own.shown, halves.base.words, halves.own.words]


def _wire_chat(services: Services, parts: tuple[Any, ...], asked_with: list[Any]) -> Afresh:
    """Bind asking and asking again; returns what binds a new chat to an event."""
    chat, prompt, send = parts
    drawn = [*_outputs(chat), chat.base.signed, chat.own.signed]

    @show_errors
    async def answer(request: gr.Request, letter: Any, *values: Any) -> AsyncIterator[Any]:
        if not letter["new"]:
            return
        base, own, *rest = values
        history = as_turns(own)
        histories = caught_up(as_turns(base), history), history
        async for update in _spoken(services, request, letter["text"], histories, rest):
            yield update

    letter = gr.JSON({"text": "", "new": False}, visible=False)
    kept = [chat.base.shown, chat.own.shown, *asked_with]
    sending = gr.on(
        [send[0].click, prompt.submit],
        None,
        [prompt, letter],
        [letter, prompt, *send],
        js=in_browser("send"),
        **EVENT_OPTIONS,
    )
    send[1].click(None, None, letter, js=in_browser("forgetLetter"))  # to Gradio a run that is stopped has failed
    answering = wire([], send, answer, [letter, *kept], drawn, started=sending)
    answering.failure(None, [letter, prompt], prompt, js=in_browser("giveBack"), **EVENT_OPTIONS)

    @show_errors
    async def again(request: gr.Request, *values: Any) -> AsyncIterator[Any]:
        base, own, *rest = values
        history, said = before_last(as_turns(own))
        earlier, said_to_base = before_last(as_turns(base))
        kept = earlier if said_to_base == said else as_turns(base)
        async for update in _spoken(services, request, said, (caught_up(kept, history), history), rest):
            yield update

    repeating = wire([chat.base.shown.retry, chat.own.shown.retry], send, again, kept, drawn)

    def afresh(trigger: Callable[..., Any]) -> None:
        trigger(None, None, letter, js=in_browser("forgetLetter"))
        # First, since its next word would bring it back.
        trigger(None, None, None, cancels=[answering, repeating], **EVENT_OPTIONS)
        trigger(_afresh, None, [*_outputs(chat), *send], **EVENT_OPTIONS)

    return afresh


async def _spoken(
    services: Services,
    request: gr.Request,
    said: str,
    histories: tuple[list[Turn], list[Turn]],
    values: Sequence[Any],
) -> AsyncIterator[list[Any]]:
    """Updates for both conversations, their words and their signatures while `said` is answered; `histories` are the
    base model's and the chosen one's own."""
    asked = generate_controls.read(values[CHOICES:])
    shades, gettext = _shades(request, "chat"), gettext_for(request)
    base_ask, ask = (
        _asking(services, asked, prompt=said, history=answered(as_messages(history))) for history in histories
    )
    base_model, signed_by = author(gettext("Base model"), False), None
    async for found in answers(services, request, values[:CHOICES], ask, base_ask):
        by_base = author_of(gettext, found.base, base_model)
        by = author_of(gettext, found.own, author(found.name, found.taught))
        base = with_answer(histories[0], said, found.base, by_base) if found.comparing else gr.skip()
        signed = [gr.skip(), gr.skip()]
        if signed_by != (by_base, by):
            signed_by = by_base, by
            signed = [
                signatures("generate-chat-base", histories[0], by_base) if found.comparing else gr.skip(),
                signatures("generate-chat", histories[1], by),
            ]
        words = [shade.drawn(result) for shade, result in zip(shades, (found.base, found.own), strict=True)]
        yield [base, with_answer(histories[1], said, found.own, by), *words, *signed]


def _wire_text(
    services: Services, text: CompareView, go_on: tuple[gr.Button, gr.Button], asked_with: list[Any]
) -> None:
    @show_errors
    async def continued(request: gr.Request, begun: str, *values: Any) -> AsyncIterator[Any]:
        asked = generate_controls.read(values[CHOICES:])
        shades = _shades(request, "text")
        ask = _asking(services, asked, prompt=begun, mode="text")
        async for found in answers(services, request, values[:CHOICES], ask):
            base, own, *who = found.drawn(lambda result: begun + result.text)
            words = [shade.drawn(result) for shade, result in zip(shades, (found.base, found.own), strict=True)]
            yield [base, own, *words, *who]

    wire(
        [go_on[0].click],
        go_on,
        continued,
        [text.own.shown, *asked_with],
        [*_outputs(text), text.title, text.answered],
        written=text.own.shown,
    )


def _asking(services: Services, asked: Asked, **inputs: Any) -> Ask[TextOutput]:
    def ask(client: SamplingClient) -> AsyncIterator[TextOutput]:
        return TASK.ask(client, **asked.inputs, **inputs)

    return ask


def _shades(request: gr.Request, name: str) -> tuple[TokenProbabilities, TokenProbabilities]:
    speak = gettext_for(request)
    return TokenProbabilities(speak, f"{name}-base"), TokenProbabilities(speak, name)


def _afresh(request: gr.Request) -> list[Any]:
    no_words = shaded(gettext_for(request), "", "", ())
    return [[], [], no_words, no_words, gr.Button(visible=True), gr.Button(visible=False)]
