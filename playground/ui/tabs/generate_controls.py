"""How Generate answers: style, length, role, and the controls for those who know them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gradio as gr

from playground.protocol.model import ModelInfo
from playground.protocol.sampling import SamplingParams
from playground.ui.components.basics import caption, head
from playground.ui.components.model_binding import bind, bind_value
from playground.ui.events import EVENT_OPTIONS, in_browser
from playground.ui.i18n import t

TOKENS_PER_WORD = 1.5
PRESETS = {"exact": (0.0, 1.0, 0, 1.0), "balanced": (0.7, 0.9, 50, 1.0), "inventive": (1.1, 0.95, 100, 1.0)}
"""`temperature`, `top_p`, `top_k` and `repetition_penalty` of each style."""
SMALL_PRESETS = {"exact": (0.0, 1.0, 0, 1.15), "balanced": (0.3, 0.9, 50, 1.1), "inventive": (0.7, 0.95, 100, 1.1)}
"""For small models, which wander off or go round in circles with the others. Source: tests/bench/README.md."""
SMALL = range(50_000_000, 400_000_000)
"""Parameters; a model that is smaller still, such as a toy, knows little and says it well with the others."""
THINKING_TOKENS = 2048
"""Those that a model may think in beside the answer's own."""
ALTERNATIVES = 5
"""How many other words are told of each."""


@dataclass(frozen=True)
class Asked:
    """What the controls say; the engine checks every value."""

    sampling: SamplingParams
    role: Any
    top_logprobs: int
    thinking: bool = False

    def inputs(self, thinks: bool) -> dict[str, Any]:
        """For the task; `thinks` says whether who is asked can think here."""
        sampling, thinking = self.sampling, self.thinking and thinks
        longest = sampling.max_new_tokens
        if thinking and isinstance(longest, int):
            sampling = replace(sampling, max_new_tokens=longest + THINKING_TOKENS)
        asked = {"params": sampling, "system": self.role, "top_logprobs": self.top_logprobs}
        return asked | {"thinking": thinking}


def draw() -> list[Any]:
    """Returns the inputs that `read` reads, in its order."""
    with gr.Row(elem_classes=["head"]):
        head("How it answers")
    style = gr.Radio(
        [(t("Exact"), "exact"), (t("Balanced"), "balanced"), (t("Inventive"), "inventive")],
        value="balanced",
        label=t("Style"),
        show_label=False,
        container=False,
        interactive=True,
        elem_id="generate-style",
        elem_classes=["seg"],
    )
    caption("Exact always gives the same answer to the same question. Inventive surprises more, and errs more.")
    words = _slider(t("Longest answer, in words"), 16, 512, 160, 16)
    role = gr.Textbox(
        label=t("Role (optional)"),
        lines=3,
        placeholder=t("You are a patient teacher. Answer in two sentences."),
        elem_id="generate-role",
    )
    think = _think()
    with gr.Accordion(t("More controls"), open=False):
        sure = gr.Checkbox(
            label=t("Show how sure it was of each word"),
            container=False,
            elem_id="generate-sure",
            elem_classes=["switch"],
        )
        balanced = PRESETS["balanced"]
        sampling = [
            _slider(t("Temperature: 0 always takes the likeliest word"), 0, 2, balanced[0], 0.05),
            _slider(t("Top p: leave out the unlikeliest words"), 0.05, 1, balanced[1], 0.05),
            _slider(t("Top k: choose among so many words (0: all)"), 0, 200, balanced[2], 1),
            _slider(t("Repetition penalty: 1 is none"), 1, 2, balanced[3], 0.05),
        ]
        seed = gr.Number(-1, label=t("Seed: the same number gives the same answer (-1: any)"), precision=0)

    offered = gr.JSON(PRESETS, visible=False)
    bind(offered, lambda info, _: gr.JSON(presets(info)))
    for place, slider in enumerate(sampling):
        bind_value(slider, partial(_balanced, place))
    style.input(None, [offered, style], sampling, js=in_browser("preset"), **EVENT_OPTIONS)
    sure.change(None, sure, js=in_browser("showWords"))
    return [words, *sampling, seed, role, sure, think]


def _think() -> gr.Checkbox:
    """Only where the model can."""
    think = gr.Checkbox(
        label=t("Think before answering"),
        value=False,
        container=False,
        visible=False,
        elem_id="generate-think",
        elem_classes=["switch"],
    )
    bind(think, lambda info, _: gr.Checkbox(visible=info.can_think))
    return think


def presets(info: ModelInfo) -> dict[str, tuple[float, float, int, float]]:
    """What each style sets for this model."""
    return SMALL_PRESETS if info.num_parameters in SMALL else PRESETS


def _balanced(place: int, info: ModelInfo, _locale: str) -> float:
    return presets(info)["balanced"][place]


def read(values: Sequence[Any]) -> Asked:
    words, temperature, top_p, top_k, penalty, seed, role, sure, think = values
    longest = int(words * TOKENS_PER_WORD) if isinstance(words, int | float) and 0 < words < 1e6 else words
    sampling = SamplingParams(longest, temperature, top_p, _whole(top_k), penalty, -1 if seed is None else _whole(seed))
    return Asked(sampling, role, ALTERNATIVES if sure else 0, bool(think))


def _slider(label: Any, low: float, high: float, value: float, step: float) -> gr.Slider:
    return gr.Slider(low, high, value, step=step, label=label, buttons=[], interactive=True, elem_classes=["line2"])


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
