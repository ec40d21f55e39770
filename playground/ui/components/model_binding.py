"""What on the page depends on the loaded model: drawn without one, filled in by the one event that asks for it.

Bindings belong to the page that is being drawn, as Gradio's own event listeners do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr

from playground.i18n.catalog import Gettext, locale_of
from playground.protocol.model import ModelInfo
from playground.service.services import Services
from playground.ui.components.defaults import Defaults
from playground.ui.errors import show_errors
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import gettext_for

Update = Callable[[ModelInfo, Gettext], Any]
"""What of a component changes. Its words are said by the `Gettext`: the browser got those of `t` before the event."""


@dataclass(frozen=True)
class _Bindings:
    updates: list[tuple[gr.blocks.Block, Update]] = field(default_factory=list)
    values: dict[gr.components.Component, Callable[[ModelInfo, str], Any]] = field(default_factory=dict)


_bindings: WeakKeyDictionary[gr.Blocks, _Bindings] = WeakKeyDictionary()


def bind(component: gr.blocks.Block, update: Update) -> None:
    """Have a component follow the model. The update must not set a value that a visitor may have changed."""
    _of(gr.context.Context.root_block).updates.append((component, update))


def bind_value(component: gr.components.Component, value: Callable[[ModelInfo, str], Any]) -> None:
    """Have a field hold what suits the model and the language of the page, unless a visitor typed or chose something
    else there."""
    _of(gr.context.Context.root_block).values[component] = value


def wire(services: Services, page: gr.Blocks, triggers: Sequence[Callable[..., Any]]) -> None:
    """Have the page ask for the model at these events, such as its `load`, and follow; call when all is drawn."""
    bindings = _of(page)
    defaults = Defaults(list(bindings.values))

    @show_errors
    async def follow(request: gr.Request) -> list[Any]:
        info, gettext, locale = services.models.info, gettext_for(request), locale_of(request.headers)
        offered = defaults.offer({one: value(info, locale) for one, value in bindings.values.items()})
        return [*(update(info, gettext) for _, update in bindings.updates), *offered]

    followed = [*(one for one, _ in bindings.updates), *defaults.outputs]
    defaults.adopt(gr.on(list(triggers), follow, None, followed, **EVENT_OPTIONS))


def _of(page: gr.Blocks | None) -> _Bindings:
    if page is None:
        raise RuntimeError("a component can be bound to the model only while a page is being drawn")
    return _bindings.setdefault(page, _Bindings())
