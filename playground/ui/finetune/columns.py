"""Fine-tune, step 2: which column plays which role, one dropdown for each role."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.data.formats import ROLES, Role
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.ui.finetune.state import Draft
from playground.ui.i18n import t

ROLE_NAMES = {
    "messages": N_("The chat is in"),
    "system": N_("The role of the model is in (optional)"),
    "input": N_("What belongs to it is in (optional)"),
    "output": N_("The answer is in"),
    "source": N_("The text is in"),
    "target": N_("The translation is in"),
    "question": N_("The question is in"),
    "context": N_("The passage is in"),
    "answer": N_("The answer is in"),
    "instruction": N_("The instruction is in"),
    "prompt": "The question is in",
    "completion": N_("The answer is in"),
    "document": N_("The text is in"),
    "summary": N_("The summary is in"),
    "text": N_("The text is in"),
    "text2": N_("A second text is in (optional)"),
    "label": N_("The label is in"),
}
OTHER_NAMES = {
    ("messages", "input"): N_("All questions are in, as a list"),
    ("messages", "output"): N_("All answers are in, as a list"),
}
"""Roles that play another part in one format."""
MAX_FORMAT_COLUMNS = max(len(roles) for roles in ROLES.values())


def build() -> tuple[gr.Dropdown, ...]:
    """Draw as many as any format needs, hidden until a file is read."""
    return tuple(_dropdown() for _ in range(MAX_FORMAT_COLUMNS))


def _dropdown() -> gr.Dropdown:
    return gr.Dropdown([], label=t("The question is in"), interactive=True, visible=False, elem_classes="pill")


def updates(draft: Draft, gettext: Gettext) -> list[gr.Dropdown]:
    """Updates for the dropdowns: one for each role that the draft's format has a choice for."""
    return [_update(draft, gettext, role, value=_value(draft, role)) for role in _asked(draft)]


def labelled(draft: Draft, gettext: Gettext) -> list[gr.Dropdown]:
    """As `updates`, leaving to each dropdown what is chosen there."""
    return [_update(draft, gettext, role) for role in _asked(draft)]


def values(draft: Draft) -> list[str | None]:
    """What the draft has for each dropdown."""
    return [_value(draft, role) for role in _asked(draft)]


def chosen(draft: Draft, columns: Sequence[Any]) -> Draft:
    """The draft with what the dropdowns say. A column that was chosen anew leaves the role that it had before."""
    said = {role.name: column or "" for role, column in zip(_asked(draft), columns, strict=True) if role}
    new = {name: column for name, column in said.items() if column != draft.columns.get(name, "")}
    kept = {role: column for role, column in draft.columns.items() if role not in new and column not in new.values()}
    return replace(draft, columns={**kept, **{role: str(column) for role, column in new.items() if column}})


def _asked(draft: Draft) -> list[Role | None]:
    """For each dropdown the role that it asks for, if any."""
    roles = [role if _has_a_choice(draft, role) else None for role in ROLES[draft.format]]
    return [*roles, *[None] * (MAX_FORMAT_COLUMNS - len(roles))]


def _value(draft: Draft, role: Role | None) -> str | None:
    return (draft.columns.get(role.name) or (None if role.required else "")) if role else None


def _update(draft: Draft, gettext: Gettext, role: Role | None, **value: Any) -> gr.Dropdown:
    if role is None:
        return gr.Dropdown(visible=False)
    none = [] if role.required else [("–", "")]
    choices = [*none, *((name, name) for name in draft.known)]
    label = gettext(OTHER_NAMES.get((draft.format, role.name)) or ROLE_NAMES[role.name])
    return gr.Dropdown(choices=choices, label=label, visible=True, **value)


def _has_a_choice(draft: Draft, role: Role) -> bool:
    """What may stay open is asked for only where a column is left for it; whole chats need no lists beside them."""
    if role.required or role.name in draft.columns:
        return True
    if draft.format == "messages" and "messages" in draft.columns and role.name != "system":
        return False
    return len(set(draft.known) - set(draft.columns.values())) > 0 and (draft.usable > 0 or role.name != "system")
