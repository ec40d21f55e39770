"""Small pieces that the tabs are made of. All words go through `t`; no visitor's text is ever put in here."""

from typing import Any

import gradio as gr

from playground.ui.i18n import framed, t


def html(frame: str, *english: str, classes: tuple[str, ...] = (), **options: Any) -> gr.HTML:
    """Texts in a frame of HTML. Classes for looks go inside the frame: Gradio puts `elem_classes` on it twice."""
    return gr.HTML(framed(frame, *english), padding=False, elem_classes=list(classes), **options)


def head(english: str, sub: str | None = None) -> gr.HTML:
    """A card's heading, with a quiet line below."""
    if sub is None:
        return html('<div class="h">%s</div>', english)
    return html('<div class="h">%s</div><div class="quiet">%s</div>', english, sub)


def caption(english: str = "") -> gr.HTML:
    """A line of small print; it takes the room that is left in a row."""
    if not english:
        return gr.HTML("", padding=False, elem_classes=["say"])
    return html('<div class="quiet">%s</div>', english, classes=("say",))


def note(english: str) -> gr.HTML:
    """Small print on a sunken ground."""
    return html('<div class="note quiet">%s</div>', english)


def primary(english: str, **options: Any) -> gr.Button:
    """The one filled button of a view."""
    return gr.Button(t(english), variant="primary", size="lg", min_width=120, **options)


def second(english: str, **options: Any) -> gr.Button:
    return gr.Button(t(english), size="md", min_width=60, **options)


def ghost(english: str, **options: Any) -> gr.Button:
    """A button without a box."""
    classes = ["ghost", *options.pop("elem_classes", [])]
    return gr.Button(t(english), size="sm", min_width=0, elem_classes=classes, **options)


def static_html(html: str, *classes: str) -> gr.HTML:
    """A piece of html that no event changes."""
    return gr.HTML(html, padding=False, elem_classes=list(classes))


def owning_tab() -> gr.Tab | None:
    """The tab that is being drawn."""
    block = gr.context.Context.block
    while block is not None and not isinstance(block, gr.Tab):
        block = block.parent
    return block
