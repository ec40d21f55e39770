"""Thinking before the answer: the marks that a chat template sets around it, and an output told apart by them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from playground.protocol.requests import RequestOutput, TokenLogprob


@dataclass(frozen=True, slots=True)
class ThinkingMarks:
    """What stands before and after a model's thoughts. `lead` may stand before `end` and belongs to it."""

    begin: str
    end: str
    lead: str = ""
    _ending: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lead = f"(?:{re.escape(self.lead)})?" if self.lead else ""
        object.__setattr__(self, "_ending", re.compile(lead + re.escape(self.end) + r"\s*"))

    def opened_by(self, prompt: str) -> bool:
        """Whether the prompt ends where the model is to think."""
        return prompt.rstrip().endswith(self.begin)

    def split(self, text: str, opened: bool) -> tuple[str, int]:
        """The thoughts in what was written so far, and where the answer begins: at the end while there is none yet.

        What may yet become a mark belongs to neither.
        """
        start = len(text) - len(text.lstrip())
        if text.startswith(self.begin, start):
            start, opened = start + len(self.begin), True
        if ending := self._ending.search(text, start) if opened else self._ending.match(text, start):
            return text[start : ending.start()].strip(), ending.end()
        if opened:
            return _without_partial(text[start:], self.lead + self.end, self.end).strip(), len(text)
        begun = text[start:]
        awaited = any(mark.startswith(begun) for mark in (self.begin, self.lead + self.end, self.end))
        return "", len(text) if awaited else 0


KNOWN_MARKS = (
    *(ThinkingMarks(f"<{name}>", f"</{name}>") for name in ("think", "thinking", "thought", "reasoning")),
    ThinkingMarks("[THINK]", "[/THINK]"),
    ThinkingMarks("<|START_THINKING|>", "<|END_THINKING|>"),
    ThinkingMarks("<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "<|end|><|start|>assistant"),
)
"""Those in use among open models; the last is OpenAI's harmony."""


def without_thinking(output: RequestOutput, marks: ThinkingMarks, opened: bool) -> RequestOutput:
    """The output with the answer alone as its text, and the thoughts beside it."""
    thinking, answer_at = marks.split(output.text, opened)
    if output.finish_reason == "stop" and not thinking and answer_at == len(output.text) and not opened:
        answer_at = 0  # what looked like the beginning of a mark was all
    return replace(
        output,
        text=output.text[answer_at:],
        thinking=thinking,
        logprobs=_words_from(answer_at, output.logprobs) if answer_at else output.logprobs,
    )


def _words_from(answer_at: int, words: Sequence[TokenLogprob]) -> tuple[TokenLogprob, ...]:
    begins = accumulate((len(word.token) for word in words), initial=0)
    return tuple(word for word, begin in zip(words, begins, strict=False) if begin >= answer_at)


def _without_partial(text: str, *marks: str) -> str:
    """The text without the beginning of a mark at its end."""
    longest = max(
        (size for mark in marks for size in range(1, min(len(mark), len(text)) + 1) if text.endswith(mark[:size])),
        default=0,
    )
    return text[: len(text) - longest]
