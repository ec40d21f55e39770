"""Texts in which a conversation was written out for some model: ChatML, [INST], "### Human:", "USER:", "Q:"."""

import re
from collections.abc import Iterator

from playground.data.column_names import ANSWER, QUESTION, plain
from playground.data.roles import Role, role_of

Turn = dict[str, object]

_TAG = re.compile(
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|(?=(?:system|user|assistant)\|>)|<｜(?=(?:User|Assistant)｜>))"
    r"\s*(\w+)(?:\|>|｜>|\s*<\|end_header_id\|>)?\s*"
)
_END = re.compile(
    r"(?:(?<!\s)\s++)?(?:<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|<end_of_turn>|<\|end\|>|</s>|<\|endoftext\|>|<eos>"
    r"|<｜end▁of▁sentence｜>|<\|end_of_text\|>)\s*+"
)
"""Blanks are looked through once, from their first: a million of them would take hours else."""
_BEGIN = re.compile(
    r"\A\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<\|endoftext\|>|<｜begin▁of▁sentence｜>)\s*"
)
_ASKS, _ASKED = "[INST]", "[/INST]"
_ASKS_NEXT = re.compile(r"(?:<s>\s*+)?\[INST\]")
_SYS = re.compile(r"\A\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_HEADING = re.compile(r"(?:^|(?<=\n)|(?<=\S))[^\S\n]*#{2,4}\s*([^\W\d_]+(?: [^\W\d_]+)?)\s*(?:[:：]|(?=\n))[^\S\n]*\n?")
_NAME = re.compile(r"(?:\A|\n)[^\S\n]*[*<\[]{0,2}([^\W\d_]+(?: [^\W\d_]+)?)[*>\]]{0,2}\s?[:：]\**[^\S\n]*")
_CAPITALS = re.compile(r"(?:\A|\s|</s>)(USER|ASSISTANT|SYSTEM)\s?:[^\S\n]*")
_SECOND_CHOICE = re.compile(r"(?:\A|\n)[^\S\n]*+B\s*+[.:)]")
_FRAME = re.compile(
    r"\A\s*Below is an instruction|\A\s*The following is a conversation|\A\s*A chat between", re.IGNORECASE
)
_SIDES: dict[str, Role] = {
    **dict.fromkeys((*QUESTION, "instruction", "prompt", "input", "context"), "user"),
    **dict.fromkeys((*ANSWER, "response", "completion", "output"), "assistant"),
}


def read_turns(text: str) -> list[Turn] | None:
    """The messages that a text spells out, or None. The last may be a question, if the text ends where its answer
    would begin."""
    text = _BEGIN.sub("", text)
    for marked in (_tagged, _instructed, _headed, _capital, _named):
        turns = _joined(marked(text))
        if turns is not None:
            return turns
    return None


def side_of(word: str) -> Role | None:
    """Who says what stands behind a word and a colon."""
    return role_of(word) or _SIDES.get(plain(word))


def _tagged(text: str) -> Iterator[tuple[Role, str]]:
    yield from _between(text, _TAG, preamble=False)


def _instructed(text: str) -> Iterator[tuple[Role, str]]:
    place = text.find(_ASKS)
    if text[: max(0, place)].strip():
        return
    while place >= 0 and (end := text.find(_ASKED, place)) >= 0:
        following = _ASKS_NEXT.search(text, end)
        asked, answered = text[place + len(_ASKS) : end], text[end + len(_ASKED) : following and following.start()]
        place = text.find(_ASKS, following.start()) if following else -1
        if system := _SYS.match(asked):
            yield "system", system[1]
            asked = asked[system.end() :]
        yield "user", asked
        yield "assistant", answered


def _headed(text: str) -> Iterator[tuple[Role, str]]:
    yield from _between(text, _HEADING, preamble=True)


def _capital(text: str) -> Iterator[tuple[Role, str]]:
    yield from _between(text, _CAPITALS, preamble=True)


def _named(text: str) -> Iterator[tuple[Role, str]]:
    yield from _between(text, _NAME, preamble=False)


def _between(text: str, mark: re.Pattern[str], preamble: bool) -> Iterator[tuple[Role, str]]:
    """What stands behind each mark of a known side; before the first there may be a role of the model, or nothing."""
    choices = bool(_SECOND_CHOICE.search(text))
    marks = [(found, side) for found in mark.finditer(text) if (side := side_of(found[1]))]
    marks = [(found, side) for found, side in marks if not (choices and found[1] == "A")]
    if not marks:
        return
    before = text[: marks[0][0].start()].strip()
    if before and not preamble:
        return
    if before and not _FRAME.match(before):
        yield "system", before
    ends = [found.start() for found, _ in marks[1:]] + [len(text)]
    for (found, side), end in zip(marks, ends, strict=True):
        yield side, text[found.end() : end]


def _joined(parts: Iterator[tuple[Role, str]]) -> list[Turn] | None:
    """Messages, with what one side says in several parts as one; None unless somebody asks and somebody answers."""
    turns: list[tuple[Role, str]] = []
    for side, words in parts:
        said = _END.sub("\n", words).strip()
        if turns and turns[-1][0] == side:
            turns[-1] = (side, "\n\n".join(filter(None, (turns[-1][1], said))))
        else:
            turns.append((side, said))
    sides = {side for side, _ in turns}
    if not {"user", "assistant"} <= sides:
        return None
    if turns[-1] == ("assistant", ""):
        turns.pop()
    return [{"role": side, "content": said} for side, said in turns if side != "system" or said]
