"""Fine-tune, step 2: which column plays which role, one dropdown for each role."""

import gradio as gr

from playground.data.formats import ROLES, Role
from playground.ui.finetune.state import Draft
from playground.ui.i18n import t
from playground.ui.templates import Gettext

ROLE_NAMES = {
    "messages": "The chat is in",
    "system": "The role of the model is in (optional)",
    "input": "What belongs to it is in (optional)",
    "output": "The answer is in",
    "source": "The text is in",
    "target": "The translation is in",
    "question": "The question is in",
    "context": "The passage is in",
    "answer": "The answer is in",
    "instruction": "The instruction is in",
    "prompt": "The question is in",
    "completion": "The answer is in",
    "document": "The text is in",
    "summary": "The summary is in",
    "text": "The text is in",
    "text2": "A second text is in (optional)",
    "label": "The label is in",
}
OTHER_NAMES = {
    ("messages", "input"): "All questions are in, as a list",
    ("messages", "output"): "All answers are in, as a list",
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
    roles = ROLES[draft.format]
    drawn = []
    for place in range(MAX_FORMAT_COLUMNS):
        if place >= len(roles) or not _has_a_choice(draft, roles[place]):
            drawn.append(gr.Dropdown(visible=False))
            continue
        role = roles[place]
        none = [] if role.required else [("–", "")]
        drawn.append(
            gr.Dropdown(
                choices=[*none, *((name, name) for name in draft.known)],
                value=draft.columns.get(role.name) or (None if role.required else ""),
                label=gettext(OTHER_NAMES.get((draft.format, role.name)) or ROLE_NAMES[role.name]),
                visible=True,
            )
        )
    return drawn


def _has_a_choice(draft: Draft, role: Role) -> bool:
    """What may stay open is asked for only where a column is left for it; whole chats need no lists beside them."""
    if role.required or role.name in draft.columns:
        return True
    if draft.format == "messages" and "messages" in draft.columns and role.name != "system":
        return False
    return len(set(draft.known) - set(draft.columns.values())) > 0 and (draft.usable > 0 or role.name != "system")
