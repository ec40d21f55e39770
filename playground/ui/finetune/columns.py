"""Fine-tune, step 2: which column plays which role, one dropdown for each role."""

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
