"""What is taken off texts because no reader means it: marks of other models, places of pictures, thinking."""

import re
from collections.abc import Sequence
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
_BEGIN = re.compile(rf"\s*(?:(?:{_BEGINS})\s*)+")
_END = re.compile(rf"(?:\s*(?:{_ENDS}))+\s*\Z")
_END_CHARS = 120
"""Only so much of a text's end is looked through, which takes no longer for long texts."""
_BETWEEN = re.compile(r"(?:(?<!\s)\s++)?<\|endoftext\|>\s*+(?:<\|startoftext\|>\s*+)?")
_PICTURE = re.compile(
    r"<\|?image(?:_?\d+|_?pad|_?here)?\|?>|\A\s*<(?:video|audio)>|<(?:video|audio)>\s*\Z", re.IGNORECASE
)
_THINKING = re.compile(
    r"\A\s*<(think|thinking|thought|reasoning)>.*?</\1>\s*|\A(?:(?!<think>).)*</think>\s*", re.DOTALL
)
_COMMON_END = re.compile(r"(?:(?<=\s)(END|STOP)|(###|<END>|\[END\]))\Z")
_COMMON_ASKED = re.compile(r"(###|->|=>)\Z")
_NOTHING = N_("Without marks, places of pictures and thinking a message in it says nothing.")
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
            text = example.text or ""
            if "<" not in text and "[" not in text:
                return example
            text = self._without_marks(text, example.row)
            if not text.strip():
                raise Unusable(_NOTHING)
            return replace(example, text=self._cut(_BETWEEN, "\n\n", text, _MARKS, example.row).strip("\n"))
        stripped = tuple(self._message(message, example.row) for message in example.messages)
        return replace(example, messages=stripped)

    def strip_common(self, examples: "Sequence[Example]") -> "list[Example]":
        """Without the sign by which every answer, or every question, ends."""
        examples = self._strip_last(examples, -1, _COMMON_END)
        return list(self._strip_last(examples, -2, _COMMON_ASKED))

    def problems(self) -> list[Problem]:
        """What was taken off, each with its first row."""
        return [
            Problem(Sentence(msgid, mark=mark, count=len(rows), row=rows[0]), rows[0], rows=tuple(rows))
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
            raise Unusable(_NOTHING)
        return {**message, "content": content.strip()}

    def _without_marks(self, text: str, row: int) -> str:
        if (begin := _BEGIN.match(text)) is not None:
            self._note(_MARKS, begin[0], row)
            text = text[begin.end() :]
        if text.rstrip()[-1:] in (">", "]") and (end := _END.search(text, max(0, len(text) - _END_CHARS))) is not None:
            if "</s>" in end[0] and "<s>" in text:  # words that are struck out on a web page
                return text
            self._note(_MARKS, end[0], row)
            text = text[: end.start()]
        return text

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
        marks: set[str] = set()
        for example in examples:
            found = pattern.search(example.messages[place]["content"][-40:].rstrip()) if example.messages else None
            marks.add(found[0] if found else "")
            if len(marks) > 1 or "" in marks:
                return examples
        if len(examples) < 2:
            return examples
        mark = marks.pop()
        return [self._changed(example, place, mark) for example in examples]

    def _changed(self, example: "Example", place: int, mark: str) -> "Example":
        messages = list(example.messages or ())
        self._note(_MARKS, mark, example.row)
        messages[place] = {**messages[place], "content": messages[place]["content"].rstrip()[: -len(mark)].strip()}
        return replace(example, messages=tuple(messages))
