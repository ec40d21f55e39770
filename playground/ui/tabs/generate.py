"""Generate: a conversation, or a text that the model continues."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.services import Services
from playground.tasks.generate import TASK
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost, second
from playground.ui.components.compare import CompareView, answers, split
from playground.ui.components.examples import chips
from playground.ui.components.model_binding import bind, bind_value
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.components.token_probabilities import place
from playground.ui.errors import errors_under
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import framed, t
from playground.ui.tabs import chat as chat_view
from playground.ui.tabs import corrections, corrections_list, generate_controls
from playground.ui.tabs.chat import Half
from playground.ui.tabs.corrections import CorrectionsPanel
from playground.ui.templates import render

HELLO, BELOW = N_("What shall we try?"), N_("Write below, or start with one of these.")
TEACH = N_("What it cannot do, or how it should sound, it learns from your examples in Fine-tune.")


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
                chat, prompt, send, continuing = _draw_chat(choice)
            listed = corrections_list.draw()
            with gr.Column(visible=False, elem_classes=["grow", "stage"]) as text_part:
                text, go_on = _draw_text(choice)
        with gr.Column(elem_classes=["card", "rail"]):
            controls = generate_controls.draw()
            note = corrections.draw(services, prompt)
    asked_with = [*choice.inputs, *controls]
    events = chat_view.wire(services, choice, chat, (prompt, *send), continuing, asked_with)
    _wire_text(services, text, go_on, asked_with)
    corrected = [chat.own.shown, chat.own.signed]
    corrections.wire(services, note, corrected, controls)
    corrections_list.wire(services, note, listed, chat_part, corrected)
    events.afresh(new.click)
    bind(mode, lambda info, gettext: gr.Radio(choices=_modes(info, gettext)))
    bind_value(mode, lambda info, _: "chat" if info.has_chat_template else "text")
    for half in (chat.base, chat.own):
        bind(half.shown, lambda info, gettext: gr.Chatbot(placeholder=_hello(info, gettext)))
    bind(new, lambda info, _: gr.Button(visible=info.has_chat_template))
    stages = [chat_part, note.box, text_part, listed.view]
    mode.change(None, mode, stages, js=in_browser("showMode"), **EVENT_OPTIONS)
    return replace(note, chat=events)


def _hello(info: ModelInfo, gettext: Gettext) -> str:
    """What the model is good and bad at, what to try, and that it can be taught."""
    lines = [f"{info.name}: {gettext(info.good_for)}" if info.good_for else "", gettext(BELOW), gettext(TEACH)]
    return render("hello", gettext, heading=gettext(HELLO), lines=[line for line in lines if line])


def _modes(info: ModelInfo, gettext: Gettext) -> list[tuple[str, str]]:
    modes = [(gettext("Chat"), "chat")] if info.has_chat_template else []
    return [*modes, (gettext("Continue a text"), "text")]


def _draw_chat(choice: AdapterPicker) -> tuple[CompareView, gr.Textbox, tuple[gr.Button, gr.Button], gr.Button]:
    chat = split(choice, _chat, "generate-chat", "beside", "named")
    continuing = second("Go on", visible=False, elem_id="generate-on", elem_classes=["go-on"])
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
    return chat, prompt, send, continuing


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
        placeholder=framed(FRAME, HELLO, BELOW),
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


FRAME = '<div class="hello"><div class="big">%s</div><div class="quiet">%s</div></div>'
"""Until it is known which model answers."""
BEGIN = N_("Begin a text, and the model goes on…")


def _wire_text(
    services: Services, text: CompareView, go_on: tuple[gr.Button, gr.Button], asked_with: list[Any]
) -> None:
    @errors_under("generate-text", {"prompt": "generate-text", "system": "generate-role"})
    async def continued(request: gr.Request, begun: str, *values: Any) -> AsyncIterator[Any]:
        asked = generate_controls.read(values[chat_view.CHOICES :])
        shades = chat_view.shades_for(request, "text")
        ask = chat_view.asking(services, asked, prompt=begun, mode="text")
        async for found in answers(services, request, values[: chat_view.CHOICES], ask):
            base, own, *who = found.drawn(lambda result: begun + result.text)
            words = [shade.drawn(result) for shade, result in zip(shades, (found.base, found.own), strict=True)]
            yield [base, own, *words, *who]

    wire(
        [go_on[0].click],
        go_on,
        continued,
        [text.own.shown, *asked_with],
        [*chat_view.outputs(text), text.title, text.answered],
        written=text.own.shown,
    )
