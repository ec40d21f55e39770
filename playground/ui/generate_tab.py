"""Generate: a conversation, or a text that the model continues."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.protocol import Message, Sampling
from playground.tasks.generate import TASK
from playground.ui.parts import ghost, head, quiet
from playground.ui.running import EVENT, chips, go_and_stop, paced, wire
from playground.ui.services import Services
from playground.ui.teach_html import safe
from playground.ui.texts import framed, locale_of, say, t
from playground.ui.toasts import friendly

TOKENS_PER_WORD = 1.5
STYLES = {
    "exact": {"temperature": 0.0, "top_p": 1.0, "top_k": 0},
    "balanced": {"temperature": 0.7, "top_p": 0.9, "top_k": 50},
    "inventive": {"temperature": 1.1, "top_p": 0.95, "top_k": 100},
}
WHO = '<div class="quiet dot">%s</div>'
HELLO = '<div class="hello"><div class="big">%s</div><div class="quiet">%s</div></div>'


def build(services: Services, picker: gr.Dropdown) -> None:
    """Draw the tab and bind its events. A model without a chat template only continues texts."""
    chats = services.live.codec.has_chat
    with gr.Row(elem_classes=["work", "full", "chatwork"]):
        with gr.Column(elem_classes=["card"], scale=3):
            with gr.Row(elem_classes=["head"]):
                modes = [(t("Chat"), "chat")] if chats else []
                mode = gr.Radio(
                    [*modes, (t("Continue a text"), "text")],
                    value="chat" if chats else "text",
                    label=t("Mode"),
                    show_label=False,
                    container=False,
                    interactive=True,
                    elem_id="generate-mode",
                    elem_classes=["seg"],
                )
                who = gr.HTML(framed(WHO, "Base model"), padding=False, elem_classes=["say"], elem_id="generate-who")
                new = ghost("New chat", visible=chats)
            with gr.Column(visible=chats, elem_classes=["grow", "stage"]) as chat_part:
                chat, prompt, send = _draw_chat()
            with gr.Column(visible=not chats, elem_classes=["grow", "stage"]) as text_part:
                text, go_on = _draw_text()
        with gr.Column(elem_classes=["card", "rail"]):
            controls = _draw_controls()
    _wire_chat(services, picker, (chat, prompt, send, new), controls)
    _wire_text(services, picker, (text, go_on), controls)
    _show_who(services, picker, who, chat)
    mode.change(
        lambda chosen: [gr.Column(visible=chosen == "chat"), gr.Column(visible=chosen != "chat")],
        mode,
        [chat_part, text_part],
        **EVENT,
    )


def _show_who(services: Services, picker: gr.Dropdown, who: gr.HTML, chat: gr.Chatbot) -> None:
    """Grey is the base model, green what was taught."""

    def shown(adapter: Any, request: gr.Request) -> list[Any]:
        card = next((card for card in services.store.list(services.owner(request)) if card.id == adapter), None)
        name = card.name if card else say(locale_of(request), "Base model")
        mine = ["mine"] if card else []
        dot = f'<div class="quiet dot {" ".join(mine)}">{safe(name)}</div>'
        return [dot, gr.Chatbot(elem_classes=["grow", "chat", *mine])]

    picker.change(shown, picker, [who, chat], **EVENT)


def _draw_chat() -> tuple[gr.Chatbot, gr.Textbox, tuple[gr.Button, gr.Button]]:
    chat = gr.Chatbot(
        [],
        label=t("Conversation"),
        show_label=False,
        elem_id="generate-chat",
        elem_classes=["grow", "chat"],
        buttons=["copy"],
        height="100%",
        placeholder=framed(HELLO, "What shall we try?", "Write below, or start with one of these."),
    )
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
        send = go_and_stop("Send", "generate")
    with chip_row:
        chips(TASK.examples, [prompt], ["prompt"])
    return chat, prompt, send


def _draw_text() -> tuple[gr.Textbox, tuple[gr.Button, gr.Button]]:
    text = gr.Textbox(
        placeholder=t("Begin a text, and the model goes on…"),
        label=t("Text"),
        show_label=False,
        container=False,
        lines=8,
        elem_id="generate-text",
        elem_classes=["fill"],
    )
    with gr.Row(elem_classes=["foot", "rule"]):
        quiet("It writes on where your text ends.")
        go_on = go_and_stop("Continue", "continue")
    return text, go_on


def _draw_controls() -> list[Any]:
    """Returns the inputs that `_sampling` reads, in its order, and last the role."""
    with gr.Row(elem_classes=["head"]):
        head("How it answers")
    style = gr.Radio(
        [(t("Exact"), "exact"), (t("Balanced"), "balanced"), (t("Inventive"), "inventive")],
        value="balanced",
        label=t("Style"),
        show_label=False,
        container=False,
        interactive=True,
        elem_id="generate-style",
        elem_classes=["seg"],
    )
    quiet("Exact always gives the same answer to the same question. Inventive surprises more, and errs more.")
    words = _slider("Longest answer, in words", 16, 512, 160, 16)
    role = gr.Textbox(
        label=t("Role (optional)"), lines=3, placeholder=t("You are a patient teacher. Answer in two sentences.")
    )
    with gr.Accordion(t("More controls"), open=False):
        temperature = _slider("Temperature: 0 always takes the likeliest word", 0, 2, 0.7, 0.05)
        top_p = _slider("Top p: leave out the unlikeliest words", 0.05, 1, 0.9, 0.05)
        top_k = _slider("Top k: choose among so many words (0: all)", 0, 200, 50, 1)
        penalty = _slider("Repetition penalty: 1 is none", 1, 2, 1.0, 0.05)
        seed = gr.Number(-1, label=t("Seed: the same number gives the same answer (-1: any)"), precision=0)

    def preset(chosen: str) -> list[Any]:
        return list(STYLES[chosen].values())

    style.input(preset, style, [temperature, top_p, top_k], **EVENT)
    return [words, temperature, top_p, top_k, penalty, seed, role]


def _slider(label: str, low: float, high: float, value: float, step: float) -> gr.Slider:
    return gr.Slider(low, high, value, step=step, label=t(label), buttons=[], interactive=True, elem_classes=["line2"])


def _sampling(words: Any, temperature: Any, top_p: Any, top_k: Any, penalty: Any, seed: Any) -> Sampling:
    """What the controls say; the engine checks every value."""
    longest = int(words * TOKENS_PER_WORD) if isinstance(words, int | float) and 0 < words < 1e6 else words
    return Sampling(longest, temperature, top_p, _whole(top_k), penalty, -1 if seed is None else _whole(seed))


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _wire_chat(services: Services, picker: gr.Dropdown, parts: tuple[Any, ...], controls: list[Any]) -> None:
    chat, prompt, send, new = parts

    @friendly
    async def answer(request: gr.Request, said: str, shown: Any, adapter: Any, *values: Any) -> AsyncIterator[Any]:
        *sampling, role = values
        history = as_messages(shown)
        voice = await services.voice(services.owner(request), adapter)
        inputs = {"prompt": said, "system": role, "history": history, "sampling": _sampling(*sampling)}
        asked: list[Any] = [*history, {"role": "user", "content": said}]
        async for result in paced(TASK.run(services.live, voice, **inputs)):
            yield [*asked, {"role": "assistant", "content": result.text}], ""

    wire([send[0].click, prompt.submit], send, answer, [prompt, chat, picker, *controls], [chat, prompt])

    @friendly
    async def again(request: gr.Request, shown: Any, adapter: Any, *values: Any) -> AsyncIterator[Any]:
        history = as_messages(shown)
        while history and history[-1]["role"] == "assistant":
            history.pop()
        said = history.pop()["content"] if history else ""
        async for update in answer(request, said, history, adapter, *values):
            yield update[0]

    wire([chat.retry], send, again, [chat, picker, *controls], [chat])
    new.click(lambda: [], None, chat, **EVENT)


def _wire_text(services: Services, picker: gr.Dropdown, parts: tuple[Any, ...], controls: list[Any]) -> None:
    text, go_on = parts

    @friendly
    async def continued(request: gr.Request, begun: str, adapter: Any, *values: Any) -> AsyncIterator[Any]:
        *sampling, role = values
        voice = await services.voice(services.owner(request), adapter)
        inputs = {"prompt": begun, "system": role, "sampling": _sampling(*sampling), "mode": "text"}
        async for result in paced(TASK.run(services.live, voice, **inputs)):
            yield begun + result.text

    wire([go_on[0].click], go_on, continued, [text, picker, *controls], [text])


def as_messages(shown: Any) -> list[Message]:
    """The conversation as plain messages, whatever shape the Chatbot gives it in."""
    messages: list[Message] = []
    for message in shown or []:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(part.get("text", "") for part in content if isinstance(part, dict))
        messages.append({"role": message["role"], "content": content})
    return messages
