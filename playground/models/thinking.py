"""Whether a model thinks before it answers, and how it is told to or not: read off its chat template.

A template switches thinking by a variable (Qwen3, SmolLM3, Granite), opens it in every prompt (DeepSeek-R1, QwQ), or
leaves the model to choose its channel (harmony). Where no variable turns it off, an empty thought does.
"""

from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from playground.protocol.thinking import KNOWN_MARKS, ThinkingMarks

_PROBE = [{"role": "user", "content": "Hello"}]
_VARIABLES = ("enable_thinking", "thinking")
"""By which templates are told; those that know neither leave both alone."""


def switch(thinking: bool) -> dict[str, Any]:
    """What a template is given so that it lets the model think, or does not."""
    return dict.fromkeys(_VARIABLES, thinking)


class Thinking:
    """How one model thinks; `marks` is None where its template knows nothing of it."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.marks = _find_marks(tokenizer)
        self.switchable = False
        """Whether it can be asked to think and not to."""
        self.skipped: list[int] = []
        """Tokens that follow a prompt so that the model answers at once, where the template writes none."""
        self.special_token_ids: frozenset[int] = frozenset()
        """Of its marks, those that are special tokens, which an output would else leave out."""
        if self.marks is None:
            return
        words = tokenizer.added_tokens_decoder.items()
        whole = self.marks.begin + self.marks.lead + self.marks.end
        self.special_token_ids = frozenset(token for token, word in words if word.special and word.content in whole)
        on, off = (_prompt(tokenizer, thinking) for thinking in (True, False))
        skipped = _skipped(self.marks, off)
        self.skipped = list(tokenizer(skipped, add_special_tokens=False)["input_ids"]) if skipped else []
        self.switchable = bool(off) and (on != off or bool(skipped))


def _find_marks(tokenizer: PreTrainedTokenizerFast) -> ThinkingMarks | None:
    template = tokenizer.chat_template
    if not isinstance(template, str):
        return None
    return next((marks for marks in KNOWN_MARKS if _names(template, marks)), None)


def _names(template: str, marks: ThinkingMarks) -> bool:
    if marks.lead:  # harmony's are written in pieces
        return "<|channel|>" in template and "analysis" in template
    return marks.begin in template or marks.end in template


def _prompt(tokenizer: PreTrainedTokenizerFast, thinking: bool) -> str:
    try:
        told = switch(thinking)
        return str(tokenizer.apply_chat_template(_PROBE, tokenize=False, add_generation_prompt=True, **told))
    except (TemplateError, ValueError, TypeError):
        return ""


def _skipped(marks: ThinkingMarks, prompt: str) -> str:
    """What ends or passes over the thought that this prompt leaves open; "" where it leaves none."""
    if marks.opened_by(prompt):
        return f"\n{marks.end}\n\n"
    return marks.end if marks.lead and prompt.endswith("assistant") else ""
