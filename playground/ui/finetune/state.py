"""What the steps of Fine-tune share: the page's pieces, and the draft that a visitor is preparing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from playground.data.column_mapping import AUTO
from playground.data.examples import Example
from playground.protocol.messages import BASE
from playground.service.datasets import DatasetFile
from playground.service.services import Services
from playground.ui.events import EVENT_OPTIONS
from playground.ui.i18n import t

FETCH = """(file) => {
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name || "";
  document.body.append(link);
  link.click();
  link.remove();
}"""

BRING, CHECK, TEACH, RESULT = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Draft:
    """A file on its way to a run. It stays on the server: a browser cannot name a path.

    `known` are the file's columns, `columns` the chosen one for each role, `preview` the examples to leaf through.
    """

    path: str = ""
    file_name: str = ""
    format: str = AUTO
    columns: dict[str, str] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    repairs: tuple[str, ...] | None = None
    """None until somebody ticked or unticked one: then all that were offered."""
    preview: tuple[Example, ...] = ()
    shown: int = 0
    learned: int = 0
    rows: int = 0
    """How many rows training makes of those that are learned: a long plain text becomes several."""
    held_out: int = 0
    probe: str = ""
    """A question from the file that is set aside, to be watched."""

    @property
    def file(self) -> DatasetFile:
        return DatasetFile(Path(self.path), self.file_name, self.format, self.columns, self.repairs)

    @property
    def usable(self) -> int:
        return self.learned + self.held_out


@dataclass(frozen=True)
class FinetunePage:
    """The pieces that more than one step moves. `job` holds the id of the run that is being watched, or ""; `told`
    what of it the page shows already; `adapter` the id of the result once it is there."""

    services: Services
    steps: gr.Walkthrough
    draft: gr.State
    job: gr.State
    told: gr.State
    adapter: gr.State
    clock: gr.Timer
    picker: gr.Dropdown
    tabs: gr.Tabs


def go(step: int) -> gr.Walkthrough:
    """Open a step; the ones before it become reachable too."""
    return gr.Walkthrough(selected=step)


def static_html(html: str, *classes: str) -> gr.HTML:
    """A piece of html that no event changes."""
    return gr.HTML(html, padding=False, elem_classes=list(classes))


def picked(services: Services, owner: str, adapter: str) -> gr.Dropdown:
    """The bar's picker with the owner's adapters as they are now, and this one chosen, where it can answer."""
    choices = services.adapters.choices(owner)
    usable = any(adapter == known for _, known in choices)
    return gr.Dropdown(choices=[(t("Base model"), BASE), *choices], value=adapter if usable else BASE)


def fetched(event: Any, button: gr.DownloadButton) -> None:
    """After an event that put a file into a hidden download button, have the browser fetch it.

    A visible one would need its file before it is clicked, for every adapter that is looked at.
    """
    event.success(None, button, None, js=FETCH, **EVENT_OPTIONS)


def owning_tab() -> gr.Tab | None:
    """The tab that is being drawn."""
    block = gr.context.Context.block
    while block is not None and not isinstance(block, gr.Tab):
        block = block.parent
    return block
