"""Who answers: the one chosen in the bar, and with Compare the base model beside them, asked at the same time.

A tab draws the place for its results with `split` and asks with `answers`; everything else about comparing is here.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import gradio as gr

from playground.i18n.catalog import gettext, locale_of
from playground.protocol.messages import PLAIN
from playground.service.generation import Ask
from playground.service.services import Services
from playground.ui.components import snippets
from playground.ui.components.adapter_picker import AdapterPicker
from playground.ui.components.basics import ghost
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import framed

T = TypeVar("T")

WHO = '<div class="quiet dot">%s</div>'


@dataclass(frozen=True)
class CompareView:
    """Where results stand: the base model's, seen only while comparing, and those of whoever was chosen."""

    base: Any
    own: Any
    title: gr.HTML
    """Who `own` is from; before the first result, who would answer."""
    answered: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What `ComparedOutput.drawn` returns updates for, in that order."""
        return [self.base, self.own, self.title, self.answered]


@dataclass(frozen=True)
class ComparedOutput(Generic[T]):
    """The newest results, None where there is none yet; without Compare there is only `own`."""

    base: T | None
    own: T | None
    name: str
    """Who `own` is from, in the visitor's language."""
    taught: bool
    """Whether that is an adapter."""
    comparing: bool

    def drawn(self, draw: Callable[[T], Any]) -> list[Any]:
        """Updates for `CompareView.outputs`. What stands there stays until its first new word; what is no longer
        compared goes."""
        base = "" if not self.comparing else gr.skip() if self.base is None else draw(self.base)
        own = gr.skip() if self.own is None else draw(self.own)
        return [base, own, snippets.who(self.name, self.taught), True]


def split(
    choice: AdapterPicker, draw: Callable[[str], Any], elem_id: str, *classes: str, copied: str = ""
) -> CompareView:
    """Draw the place for results: `draw` is given the id of each half and returns its component.

    `copied` says what of a half its Copy button takes. Classes: "beside" for halves next to each other (else one above
    the other), "named" to say who answers without Compare too.
    """
    with gr.Column(elem_classes=["grow", "halves", *classes]):
        with gr.Column(elem_classes=["half", "of-base"]):
            _head(framed(WHO, "Base model"), f"#{elem_id}-base {copied}" if copied else "")
            base = draw(f"{elem_id}-base")
        with gr.Column(elem_classes=["half", "of-chosen"]):
            name = _head(framed(WHO, "Base model"), f"#{elem_id} {copied}" if copied else "")
            own = draw(elem_id)
    drawn = CompareView(base, own, name, gr.State(False))
    choice.named.append((drawn.title, drawn.answered))
    return drawn


def _head(name: Any, copied: str) -> gr.HTML:
    with gr.Row(elem_classes=["who"]):
        drawn = gr.HTML(name, padding=False, elem_classes=["say"])
        if copied:
            ghost("Copy").click(None, js=in_browser("copy", copied))
    return drawn


def wire(services: Services, choice: AdapterPicker) -> None:
    """Have every place without a result name who would answer; call when all are drawn."""

    def named(request: gr.Request, adapter: Any, percent: Any, *answered: bool) -> list[Any]:
        cards = services.adapters.list(services.owners.owner(request.headers))
        name = next((card.name for card in cards if card.id == adapter), None)
        locale = locale_of(request.headers)
        base = gettext(locale, "Plain model" if adapter == PLAIN else "Base model")
        drawn = snippets.who(_at(locale, name, percent) if name else base, name is not None)
        return [gr.skip() if done else drawn for done in answered]

    inputs = [choice.picker, choice.strength, *(answered for _, answered in choice.named)]
    titles = [title for title, _ in choice.named]
    changes = [choice.picker.change, choice.strength.change]
    gr.on(changes, named, inputs, titles, trigger_mode="always_last", **EVENT_OPTIONS)


def _at(locale: str, name: str, percent: Any) -> str:
    return gettext(locale, "{name} at {percent} %", name=name, percent=f"{percent:g}" if _is_number(percent) else "?")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


async def answers(
    services: Services,
    request: gr.Request,
    who: Sequence[Any],
    ask: Ask[T],
    ask_base: Ask[T] | None = None,
    task: str = "",
) -> AsyncIterator[ComparedOutput[T]]:
    """Ask whoever is chosen for a task and, with Compare, the base model at the same time (`ask_base`, where it is
    asked otherwise); an error of one ends both. `who` are the values of `AdapterPicker.inputs`.
    """
    adapter, percent, compare = who
    owner, locale = services.owners.owner(request.headers), locale_of(request.headers)
    strength = percent / 100 if _is_number(percent) else percent
    asked = services.generation.answers(owner, adapter, strength, ask, compare, ask_base, task)
    async with aclosing(asked) as newest:
        async for found in newest:
            taught = found.adapter is not None
            base = gettext(locale, "Plain model" if adapter == PLAIN else "Base model")
            name = _at(locale, found.adapter.name, percent) if found.adapter else base
            yield ComparedOutput(found.base, found.own, name, taught, found.comparing)
