"""Colours, sizes and fonts of the page: grey is the base model, green what was taught."""

from typing import Any

import gradio as gr
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont
from gradio.themes.utils.sizes import Size

LIGHT = {
    "page": "#F6F6F3",
    "card": "#FFFFFF",
    "sunken": "#F1F2EE",
    "line": "#E2E4DE",
    "field": "#87908B",
    "text": "#1B211F",
    "quiet": "#59635F",
    "accent": "#0B6B5D",
    "on_accent": "#FFFFFF",
    "accent_hover": "#08564B",
    "soft": "#E1F0EC",
    "base": "#6B7571",
    "error": "#B3261E",
    "error_soft": "#FBEAE8",
    "edge": "#C9CEC9",
}
DARK = {
    "page": "#111413",
    "card": "#191D1C",
    "sunken": "#222726",
    "line": "#2D3331",
    "field": "#6F7975",
    "text": "#E8ECEA",
    "quiet": "#A2ADA8",
    "accent": "#5CC8B4",
    "on_accent": "#06231D",
    "accent_hover": "#7AD6C5",
    "soft": "#17332D",
    "base": "#98A39E",
    "error": "#FF9B92",
    "error_soft": "#3A1F1D",
    "edge": "#424A47",
}
TAUGHT_LINE, BASE_LINE = "#2A9D8A", "#8A938F"
"""Chart lines, legible on both grounds."""

GREENS = ("#E1F0EC", "#C7E4DD", "#9CD0C4", "#5CC8B4", "#2FA390", "#0B6B5D", "#0B6B5D", "#08564B", "#06453C", "#04332C")
GREYS = ("#F6F6F3", "#F1F2EE", "#E2E4DE", "#C9CEC9", "#98A39E", "#6B7571", "#59635F", "#3C4542", "#2D3331", "#191D1C")

# Gradio's names for the places that take each of our colours.
PLACES = {
    "page": ["body_background_fill"],
    "card": [
        *("background_fill_primary", "input_background_fill", "button_secondary_background_fill"),
        *("button_cancel_background_fill", "table_even_background_fill", "table_odd_background_fill"),
    ],
    "sunken": ["background_fill_secondary", "button_secondary_background_fill_hover"],
    "line": ["border_color_primary", "table_border_color"],
    "field": ["input_border_color", "checkbox_border_color"],
    "text": ["body_text_color", "button_secondary_text_color"],
    "quiet": [
        *("body_text_color_subdued", "block_title_text_color", "block_info_text_color", "block_label_text_color"),
    ],
    "accent": [
        *("border_color_accent", "link_text_color", "link_text_color_visited", "input_border_color_focus"),
        *("button_primary_background_fill", "button_primary_border_color", "slider_color", "loader_color"),
        *("checkbox_label_border_color_selected", "checkbox_background_color_selected"),
        *("checkbox_border_color_selected", "stat_background_fill"),
    ],
    "on_accent": ["button_primary_text_color"],
    "accent_hover": [
        *("link_text_color_hover", "button_primary_background_fill_hover", "button_primary_border_color_hover"),
    ],
    "soft": ["color_accent_soft", "checkbox_label_background_fill_selected"],
    "base": ["input_placeholder_color"],
    "error": [
        *("button_cancel_border_color", "button_cancel_text_color", "button_cancel_text_color_hover"),
        *("error_text_color", "error_border_color"),
    ],
    "error_soft": ["button_cancel_background_fill_hover", "error_background_fill"],
    "edge": ["button_secondary_border_color"],
}
CLEAR = (
    *("block_background_fill", "block_label_background_fill", "panel_background_fill"),
    "checkbox_label_background_fill",
)


def build_theme() -> gr.themes.Base:
    """Boxes only for cards: components inside them carry no frame of their own."""
    theme = gr.themes.Base(
        primary_hue=Color(*GREENS, "#06231D", name="pine"),
        secondary_hue=Color(*GREENS, "#06231D", name="pine"),
        neutral_hue=Color(*GREYS, "#111413", name="sage"),
        spacing_size=Size("2px", "4px", "6px", "8px", "12px", "16px", "20px", name="room"),
        radius_size=Size("4px", "4px", "6px", "8px", "10px", "14px", "20px", name="corner"),
        text_size=Size("11px", "12px", "13px", "15px", "16px", "20px", "26px", name="letter"),
        font=[
            LocalFont("IBM Plex Sans", weights=(400, 700)),
            *("Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "sans-serif"),
        ],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "Consolas", "monospace"],
    )
    return theme.set(**_colours(), **_shapes())


def _colours() -> dict[str, Any]:
    chosen: dict[str, Any] = {"color_accent": LIGHT["accent"]}  # its dark twin is set in style.css
    for colour, places in PLACES.items():
        for place in places:
            chosen[place] = LIGHT[colour]
            chosen[f"{place}_dark"] = DARK[colour]
    chosen["input_background_fill_dark"] = DARK["sunken"]
    for place in CLEAR:
        chosen[place] = chosen[f"{place}_dark"] = "transparent"
    chosen["input_shadow_focus"] = f"0 0 0 3px {LIGHT['soft']}"
    chosen["input_shadow_focus_dark"] = f"0 0 0 3px {DARK['soft']}"
    return chosen


def _shapes() -> dict[str, Any]:
    shapes: dict[str, Any] = {
        "block_border_width": "0px",
        "block_label_border_width": "0px",
        "block_padding": "0px",
        "block_shadow": "none",
        "block_radius": "8px",
        "block_title_text_size": "*text_sm",
        "form_gap_width": "0px",
        "layout_gap": "16px",
        "section_header_text_size": "*text_md",
        "input_border_width": "1px",
        "input_radius": "8px",
        "input_padding": "9px 12px",
        "input_shadow": "none",
        "input_text_size": "*text_md",
        "checkbox_label_border_width": "1px",
        "checkbox_label_padding": "7px 12px",
        "checkbox_label_gap": "8px",
        "button_border_width": "1px",
        "button_transition": "background-color .12s, border-color .12s",
        "prose_text_size": "*text_md",
        "chatbot_text_size": "*text_md",
    }
    sizes = {"large": ("8px", "10px 20px", "md", "700"), "medium": ("8px", "8px 14px", "md", "400")}
    sizes["small"] = ("999px", "4px 12px", "sm", "400")
    for size, (radius, padding, text, weight) in sizes.items():
        shapes[f"button_{size}_radius"] = radius
        shapes[f"button_{size}_padding"] = padding
        shapes[f"button_{size}_text_size"] = f"*text_{text}"
        shapes[f"button_{size}_text_weight"] = weight
    return shapes
