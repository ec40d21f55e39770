"""Translate: text on the left, translation on the right, and a button that swaps them."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n.catalog import CHINESE, ENGLISH, Gettext, gettext, locale_of
from playground.protocol.client import SamplingClient
from playground.protocol.model import ModelInfo
from playground.sentence import N_
from playground.service.services import Services
from playground.tasks.inputs import AUTO, known_languages
from playground.tasks.nlp.languages import CODES, detect
from playground.tasks.outputs import TextOutput
from playground.tasks.translate import TASK
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import caption, ghost
from playground.ui.components.compare import ComparedOutput, answers, split
from playground.ui.components.examples import chips
from playground.ui.components.model_binding import bind, bind_value
from playground.ui.components.run_button import run_and_stop_buttons, wire
from playground.ui.errors import errors_under
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import pt, t

DETECT = N_("Detect language")


def build(services: Services, choice: AdapterPicker) -> None:
    """Draw the tab and bind its events."""
    choices = [(t(language), language) for language in CODES]
    with gr.Row(elem_classes=["work"]):
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                origins = [(t(DETECT), AUTO), *choices]
                source = _language(origins, AUTO, pt("language", "From"), "translate-source")
                seen = caption()
            text = _text(t("Text to translate"), "translate-text", placeholder=t("Type or paste a text…"))
            with gr.Row(elem_classes=["foot", "rule"]):
                caption("One or two sentences at a time work best.")
                buttons = run_and_stop_buttons("Translate", "translate")
        swap = gr.Button("⇄", elem_classes=["swap"], min_width=0, size="sm", elem_id="translate-swap")
        with gr.Column(elem_classes=["card"], scale=1):
            with gr.Row(elem_classes=["head"]):
                target = _language(choices, _first_target(tuple(CODES)), t("To"), "translate-target")
                caption()
                ghost("Copy", elem_classes=["alone"]).click(None, js=in_browser("copy", "#translate-result textarea"))
            result = split(choice, _translation, "translate-result", copied="textarea")
            with gr.Row(elem_classes=["foot", "rule"]):
                by = caption("The translation is the model's own; a small model errs often.")
                again = ghost("Again")

    @errors_under("translate-text", {name: f"translate-{name}" for name in ("text", "target", "source")})
    async def translate(request: gr.Request, text: str, target: str, source: str, *who: Any) -> AsyncIterator[Any]:
        locale, known = locale_of(request.headers), known_languages(services.models.info)

        def ask(client: SamplingClient) -> AsyncIterator[TextOutput]:
            return TASK.ask(client, text=text, target=target, source=source)

        async for found in answers(services, request, who, ask, task=TASK.name):
            spoken = _detected(locale, found) if source == AUTO else ""
            line = _by(locale, found, _names(known, locale), bool(services.models.info.chat_languages))
            yield [*found.drawn(lambda one: one.to_text()), snippets.caption(spoken), snippets.caption(line)]

    inputs = [text, target, source, *choice.inputs]
    wire([buttons[0].click, again.click], buttons, translate, inputs, [*result.outputs, seen, by])

    swapping = [text, result.own, source, target]
    swap.click(partial(_swapped, services), swapping, [*swapping, result.base], **EVENT_OPTIONS)
    _follow_model(source, target, chips(TASK.examples, [text, target], ["text", "target"], buttons[0]))


def _swapped(services: Services, text: str, result: str, source: str, target: str) -> list[str]:
    """The translation becomes the text, and the languages change sides."""
    known = known_languages(services.models.info)
    spoken = detect(text, known) if source == AUTO and text.strip() else source
    if spoken in (AUTO, target):
        spoken = next((language for language in known if language != target), target)
    return [result or text, text if result else "", target, spoken, ""]


def _follow_model(source: gr.Dropdown, target: gr.Dropdown, drawn: Sequence[gr.Button]) -> None:
    """Offer the languages, and the examples, that the loaded model knows."""
    for chip, example in zip(drawn, TASK.examples, strict=True):
        bind(chip, partial(_chip, example.inputs["target"]))
    bind(source, lambda info, gettext: gr.Dropdown(choices=[(gettext(DETECT), AUTO), *_named(info, gettext)]))
    bind(target, lambda info, gettext: gr.Dropdown(choices=_named(info, gettext)))
    bind_value(target, lambda info, locale: _first_target(known_languages(info), locale))


def _named(info: ModelInfo, gettext: Gettext) -> list[tuple[str, str]]:
    return [(gettext(language), language) for language in known_languages(info)]


def _first_target(known: Sequence[str], locale: str = ENGLISH) -> str:
    """The page's language, where that is not the one that most is written in."""
    if locale == CHINESE and "Chinese" in known:
        return "Chinese"
    return known[min(1, len(known) - 1)]


def _chip(target: str, info: ModelInfo, _: Gettext) -> gr.Button:
    return gr.Button(visible=target in known_languages(info))


def _language(choices: list[Any], value: str, label: Any, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        choices,
        value=value,
        label=label,
        container=False,
        filterable=False,
        interactive=True,
        elem_id=elem_id,
        elem_classes=["pill", "lang-in"],
    )


def _text(label: Any, elem_id: str, **options: Any) -> gr.Textbox:
    return gr.Textbox(
        label=label,
        show_label=False,
        container=False,
        lines=6,
        elem_id=elem_id,
        elem_classes=["fill", "big-text"],
        **options,
    )


def _translation(elem_id: str) -> gr.Textbox:
    return _text(t("Translation"), elem_id, interactive=False, placeholder=t(TASK.empty))


def _detected(locale: str, found: ComparedOutput[TextOutput]) -> str:
    newest = found.own or found.base
    return gettext(locale, "{language}, it seems", language=gettext(locale, newest.note)) if newest else ""


def _by(locale: str, found: ComparedOutput[TextOutput], known: str, described: bool) -> str:
    """Who translated, and which languages it has learnt: of a model that nobody described, which can be tried."""
    if not described:
        who = gettext(locale, "both") if found.comparing else found.name
        line = N_("Translated by: {who}. Languages to choose from: {known}. How well it knows them is for you to see.")
        return gettext(locale, line, who=who, known=known)
    if found.comparing:
        return gettext(locale, "Languages that both have learnt: {known}.", known=known)
    return gettext(locale, "Translated by: {who}. Languages it has learnt: {known}.", who=found.name, known=known)


def _names(known: tuple[str, ...], locale: str) -> str:
    return ("、" if locale.startswith("zh") else ", ").join(gettext(locale, language) for language in known)
