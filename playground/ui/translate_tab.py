"""Translate: text on the left, translation on the right, and a button that swaps them."""

from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from playground.protocol import BASE
from playground.tasks.languages import detect
from playground.tasks.translate import AUTO, TASK
from playground.ui.parts import ghost, quiet
from playground.ui.running import EVENT, chips, copy_from, go_and_stop, paced, wire
from playground.ui.services import Services
from playground.ui.teach_html import quiet as small_print
from playground.ui.texts import locale_of, say, t
from playground.ui.toasts import friendly


def build(services: Services, picker: gr.Dropdown) -> None:
    """Draw the tab and bind its events."""
    known = TASK.languages(services.live)
    choices = [(t(language), language) for language in known]
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                source = _language([(t("Detect language"), AUTO), *choices], AUTO, "From", "translate-source")
                seen = quiet()
            text = _text("Text to translate", "translate-text", placeholder=t("Type or paste a text…"))
            with gr.Row(elem_classes=["foot", "rule"]):
                quiet("One or two sentences at a time work best.")
                buttons = go_and_stop("Translate", "translate")
        swap = gr.Button("⇄", elem_classes=["swap"], min_width=0, size="sm", elem_id="translate-swap")
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                target = _language(choices, known[min(1, len(known) - 1)], "To", "translate-target")
                quiet()
                ghost("Copy").click(None, js=copy_from("#translate-result textarea"))
            result = _text("Translation", "translate-result", interactive=False, placeholder=t(TASK.empty))
            with gr.Row(elem_classes=["foot", "rule"]):
                by = quiet("The translation is the model's own; a small model errs often.")
                again = ghost("Again")

    @friendly
    async def translate(request: gr.Request, text: str, target: str, source: str, adapter: Any) -> AsyncIterator[Any]:
        owner = services.owner(request)
        voice = await services.voice(owner, adapter)
        locale = locale_of(request)
        who = _who(services, owner, adapter, locale)
        line = say(locale, "By {who}. Languages it has learnt: {known}.", who=who, known=_names(known, locale))
        async for found in paced(TASK.run(services.live, voice, text=text, target=target, source=source)):
            spoken = say(locale, "{language}, it seems", language=say(locale, found.note)) if source == AUTO else ""
            yield found.text, small_print(spoken), small_print(line)

    wire([buttons[0].click, again.click], buttons, translate, [text, target, source, picker], [result, seen, by])

    def swapped(text: str, result: str, source: str, target: str) -> list[str]:
        spoken = detect(text, known) if source == AUTO and text.strip() else source
        if spoken in (AUTO, target):
            spoken = next((language for language in known if language != target), target)
        return [result or text, text if result else "", target, spoken]

    swap.click(swapped, [text, result, source, target], [text, result, source, target], **EVENT)
    examples = [example for example in TASK.examples if example.inputs["target"] in known]
    chips(examples, [text, target], ["text", "target"])


def _language(choices: list[Any], value: str, label: str, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        choices,
        value=value,
        label=t(label),
        container=False,
        filterable=False,
        interactive=True,
        elem_id=elem_id,
        elem_classes=["pill", "lang-in"],
    )


def _text(label: str, elem_id: str, **options: Any) -> gr.Textbox:
    return gr.Textbox(
        label=t(label),
        show_label=False,
        container=False,
        lines=6,
        elem_id=elem_id,
        elem_classes=["fill", "big-text"],
        **options,
    )


def _who(services: Services, owner: str, adapter: Any, locale: str) -> str:
    if adapter == BASE:
        return say(locale, "the base model")
    return services.store.get(owner, str(adapter)).name


def _names(known: tuple[str, ...], locale: str) -> str:
    return ("、" if locale.startswith("zh") else ", ").join(say(locale, language) for language in known)
