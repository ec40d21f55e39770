"""Values that the page puts into fields: never over what a visitor typed or chose there."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from playground.ui.events import EVENT_OPTIONS, in_browser


class Defaults:
    """Fields with what the page itself put there last. One that holds anything else is the visitor's, and stays."""

    def __init__(self, fields: Sequence[gr.components.Component]) -> None:
        self.fields = list(fields)
        self._offered = gr.JSON({}, visible=False)
        self._put = gr.JSON([field.value for field in fields], visible=False)

    @property
    def outputs(self) -> list[gr.JSON]:
        """What `offer` returns updates for."""
        return [self._offered, self._put]

    def offer(self, values: Mapping[gr.components.Component, Any], seen: Sequence[Any] | None = None) -> list[Any]:
        """Offer values for some of the fields. `seen` are all fields as the event found them, where a field counts as
        the visitor's only if it changed since then."""
        offered = {str(self.fields.index(field)): value for field, value in values.items()}
        return [offered, gr.skip() if seen is None else list(seen)]

    def adopt(self, event: Any) -> Any:
        """Put in what an event offered; returns the event after which it is there."""
        given, adopted = [*self.outputs, *self.fields], [self._put, *self.fields]
        return event.success(None, given, adopted, js=in_browser("adopt", len(self.fields)), **EVENT_OPTIONS)

    def take_back(self, event: Any) -> None:
        """After an event, count all fields as the page's again, whatever they hold."""
        event.success(None, self.fields, self._put, js=in_browser("takeBack", len(self.fields)), **EVENT_OPTIONS)
