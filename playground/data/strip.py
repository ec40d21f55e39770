"""What is taken off texts because no reader means it: marks of other models, places of pictures, thinking."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from playground.data.chat import Unusable
from playground.data.table import Problem
from playground.protocol.messages import Message
from playground.sentence import N_, Sentence

if TYPE_CHECKING:
    from playground.data.examples import Example

_BEGINS = r"<s>|<bos>|<\|startoftext\|>|<\|begin_of_text\|>|<\|endoftext\|>|<｜begin▁of▁sentence｜>|\[BOS\]"
_ENDS = (
    r"</s>|<eos>|<pad>|<\|endoftext\|>|<\|end_of_text\|>|<\|im_end\|>|<\|eot_id\|>|<\|end\|>|<\|eos\|>|<end_of_turn>"
    r"|<｜end▁of▁sentence｜>|\[EOS\]|\[/?PAD\]"
)
_OUTER = re.compile(rf"\A\s*(?:(?:{_BEGINS})\s*)+|(?:\s*(?:{_ENDS}))+\s*\Z")
_BETWEEN = re.compile(r"\s*<\|endoftext\|>\s*(?:<\|startoftext\|>\s*)?")
_PICTURE = re.compile(
    r"<\|?image(?:_?\d+|_?pad|_?here)?\|?>|\A\s*<(?:video|audio)>|<(?:video|audio)>\s*\Z", re.IGNORECASE
)
_THINKING = re.compile(
    r"\A\s*<(think|thinking|thought|reasoning)>.*?</\1>\s*|\A(?:(?!<think>).)*</think>\s*", re.DOTALL
)
_COMMON_ENDS = (re.compile(r"\s+(END|STOP)\s*\Z"), re.compile(r"\s*(###|<END>|\[END\])\s*\Z"))
_COMMON_ASKED = re.compile(r"\s*(###|->|=>)\s*\Z")
_MARKS = N_("Marks that are no part of the text, such as {mark}, were taken off in rows: {count} (first row {row}).")
_PICTURES = N_(
    "Places of pictures ({mark}) were taken out in rows: {count} (first row {row}). The model reads texts only."
)
_THOUGHTS = N_(
    "Thinking before the answer ({mark}) is not learnt in rows: {count} (first row {row}), for the model is asked "
    "without it."
)


class Stripper:
    """Takes them off example by example, and remembers where."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, list[int]]] = {}

    def strip(self, example: "Example") -> "Example":
        """The example without them; raises `Unusable` where nothing is left."""
        if example.messages is None:
            text = self._without_marks(example.text or "", example.row)
            return replace(example, text=self._cut(_BETWEEN, "\n\n", text, _MARKS, example.row).strip("\n"))
        stripped = tuple(self._message(message, example.row) for message in example.messages)
        return replace(example, messages=stripped)

    def strip_common(self, examples: "Sequence[Example]") -> "list[Example]":
        """Without the sign by which every answer, or every question, ends."""
        for pattern in _COMMON_ENDS:
            examples = self._strip_last(examples, -1, pattern)
        return list(self._strip_last(examples, -2, _COMMON_ASKED))

    def problems(self) -> list[Problem]:
        """What was taken off, each with its first row."""
        return [
            Problem(Sentence(msgid, mark=mark, count=len(rows), row=rows[0]), rows[0])
            for msgid, (mark, rows) in self._found.items()
        ]

    def _message(self, message: Message, row: int) -> Message:
        content = message["content"]
        if "<" not in content and "[" not in content:
            return message
        content = self._without_marks(content, row)
        content = self._cut(_PICTURE, "", content, _PICTURES, row)
        if message["role"] == "assistant":
            content = self._cut(_THINKING, "", content, _THOUGHTS, row)
        if content == message["content"]:
            return message
        if not content.strip():
            raise Unusable("Without marks, places of pictures and thinking a message in it says nothing.")
        return {**message, "content": content.strip()}

    def _without_marks(self, text: str, row: int) -> str:
        return self._cut(_OUTER, "", text, _MARKS, row)

    def _cut(self, pattern: re.Pattern[str], instead: str, text: str, msgid: str, row: int) -> str:
        found = pattern.search(text)
        if found is None:
            return text
        self._note(msgid, found[0], row)
        return pattern.sub(instead, text)

    def _note(self, msgid: str, mark: str, row: int) -> None:
        shown = " ".join(mark.split())
        _, rows = self._found.setdefault(msgid, (shown if len(shown) <= 30 else shown[:29] + "…", []))
        if not rows or rows[-1] != row:
            rows.append(row)

    def _strip_last(self, examples: "Sequence[Example]", place: int, pattern: re.Pattern[str]) -> "Sequence[Example]":
        said = [example.messages[place]["content"] if example.messages else "" for example in examples]
        marks = {found[1] if (found := pattern.search(text)) else "" for text in said}
        if len(marks) != 1 or "" in marks or len(examples) < 2:
            return examples
        return [self._changed(example, place, lambda text: pattern.sub("", text)) for example in examples]

    def _changed(self, example: "Example", place: int, change: Callable[[str], str]) -> "Example":
        messages = list(example.messages or ())
        before = messages[place]["content"]
        after = change(before).strip()
        self._note(_MARKS, before.strip()[len(after) :], example.row)
        messages[place] = {**messages[place], "content": after}
        return replace(example, messages=tuple(messages))
