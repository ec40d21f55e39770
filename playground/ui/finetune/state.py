"""What the steps of Fine-tune share: the page's pieces, and the draft that a visitor is preparing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from playground.data.column_mapping import AUTO
from playground.data.selection import RowChanges
from playground.protocol.messages import Message
from playground.service.reading.dataset import DatasetFile
from playground.service.reading.rows import RowView
from playground.service.services import Services
from playground.ui.reports.dataset import Lead

BRING, CHECK, TEACH, RESULT = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Draft:
    """A file on its way to a run. It stays on the server: a browser cannot name a path.

    `known` are the file's columns, `columns` the chosen one for each role.
    """

    path: str = ""
    file_name: str = ""
    format: str = AUTO
    columns: dict[str, str] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    asks_all: bool = False
    """Whether columns that may stay open, and are, are asked for too."""
    repairs: tuple[str, ...] | None = None
    """None until somebody ticked or unticked one: then all that were offered."""
    changes: RowChanges = field(default_factory=RowChanges)
    """What was changed of single rows."""
    writing: tuple[int, tuple[Message, ...] | str] | None = None
    """The row that is being changed, and what stood in it."""
    taught: Sequence[int] = ()
    """Numbers of all rows that can be used, `set_aside` of those that are not learnt."""
    set_aside: frozenset[int] = frozenset()
    row: int = 0
    """The one that is shown, of `views`, those that were read for it."""
    views: Mapping[int, RowView] = field(default_factory=dict)
    leads: tuple[Lead, ...] = ()
    """What the step shows that leads to rows, and the one that was followed."""
    followed: Lead | None = None
    learned: int = 0
    rows: int = 0
    """How many rows training makes of those that are learned: a long plain text becomes several."""
    held_out: int = 0
    probe: str = ""
    """A question from the file that is set aside, to be watched."""

    def __hash__(self) -> int:
        """By what was chosen; the rest follows from it. Gradio tells by it whether a state has changed."""
        return hash((self.path, self.format, tuple(self.columns.items()), self.repairs))

    @property
    def file(self) -> DatasetFile:
        return DatasetFile(Path(self.path), self.file_name, self.format, self.columns, self.repairs, self.changes)

    @property
    def leafed(self) -> Sequence[int]:
        """The rows that are leafed through."""
        return self.followed.rows if self.followed else self.taught

    @property
    def usable(self) -> int:
        return self.learned + self.held_out


def drafted(file: DatasetFile) -> Draft:
    """A file as it is to be read, on its way anew."""
    repairs = None if file.repairs is None else tuple(file.repairs)
    columns, name = dict(file.columns), file.name or file.path.name
    return Draft(str(file.path), name, file.format, columns, repairs=repairs, changes=file.changes)


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


def open_step(step: int) -> gr.Walkthrough:
    """Open a step; the ones before it become reachable too."""
    return gr.Walkthrough(selected=step)
