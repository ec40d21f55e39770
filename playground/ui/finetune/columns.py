"""Fine-tune, step 2: which column of the file is which of the format's, one dropdown for each of these."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.data.column_names import RATING, plain
from playground.data.formats import SELECTION, Column
from playground.i18n.catalog import Gettext
from playground.tasks.registry import dataset_formats
from playground.ui.finetune.state import Draft
from playground.ui.i18n import t


def build() -> tuple[gr.Dropdown, ...]:
    """Draw as many as any format needs, hidden until a file is read."""
    return tuple(_dropdown() for _ in range(_most_columns()))


def _most_columns() -> int:
    return max(len(format.all_columns) for format in dataset_formats().values())


def _dropdown() -> gr.Dropdown:
    return gr.Dropdown([], label=t("The question is in"), interactive=True, visible=False, elem_classes="pill")


def updates(draft: Draft, gettext: Gettext) -> list[gr.Dropdown]:
    """Updates for the dropdowns: one for each column that the draft's format has a choice for."""
    return [_update(draft, gettext, column, value=_value(draft, column)) for column in _asked(draft)]


def labelled(draft: Draft, gettext: Gettext) -> list[gr.Dropdown]:
    """As `updates`, leaving to each dropdown what is chosen there."""
    return [_update(draft, gettext, column) for column in _asked(draft)]


def values(draft: Draft) -> list[str | None]:
    """What the draft has for each dropdown."""
    return [_value(draft, column) for column in _asked(draft)]


def chosen(draft: Draft, headers: Sequence[Any]) -> Draft:
    """The draft with what the dropdowns say. What was chosen anew leaves the column that it stood for before."""
    said = {column.name: header or "" for column, header in zip(_asked(draft), headers, strict=True) if column}
    new = {name: header for name, header in said.items() if header != draft.columns.get(name, "")}
    kept = {name: header for name, header in draft.columns.items() if name not in new and header not in new.values()}
    # from now on all of them, so that none goes from under somebody's hand
    return replace(
        draft, asks_all=True, columns={**kept, **{name: str(header) for name, header in new.items() if header}}
    )


def _asked(draft: Draft) -> list[Column | None]:
    """For each dropdown the column that it asks for, if any."""
    columns = dataset_formats()[draft.format].all_columns
    asked = [column if _has_a_choice(draft, column) and _is_shown(draft, column) else None for column in columns]
    return [*asked, *[None] * (_most_columns() - len(asked))]


def has_more(draft: Draft) -> bool:
    """Whether there are columns to choose that are not asked for yet."""
    columns = dataset_formats()[draft.format].all_columns
    return any(_has_a_choice(draft, column) and not _is_shown(draft, column) for column in columns)


def _is_shown(draft: Draft, column: Column) -> bool:
    """What few files have stays away until somebody asks for it, but for what the file's own words point to."""
    return draft.asks_all or column.required or column.name in draft.columns or column in SELECTION


def _value(draft: Draft, column: Column | None) -> str | None:
    return (draft.columns.get(column.name) or (None if column.required else "")) if column else None


def _update(draft: Draft, gettext: Gettext, column: Column | None, **value: Any) -> gr.Dropdown:
    if column is None:
        return gr.Dropdown(visible=False, value=None)
    none = [] if column.required else [("–", "")]
    choices = [*none, *((header, header) for header in draft.known)]
    return gr.Dropdown(choices=choices, label=gettext(column.label), visible=True, **value)


def _has_a_choice(draft: Draft, column: Column) -> bool:
    """What may stay open is asked for only where something is left for it; whole chats need no lists beside them, and
    by which rows are chosen only what looks like it."""
    if column.required or column.name in draft.columns:
        return True
    left = set(draft.known) - set(draft.columns.values())
    if column in SELECTION:
        return column.holds == "number" and any(plain(name) in RATING for name in left)
    if any(column.name in other.instead for other in _filled(draft)):
        return False
    return len(left) > 0 and (draft.usable > 0 or column.name != "system")


def _filled(draft: Draft) -> list[Column]:
    return [column for column in dataset_formats()[draft.format].columns if column.name in draft.columns]
