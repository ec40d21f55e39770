"""Who says something in a conversation, by the words that people use for the two sides."""

from functools import lru_cache
from typing import Literal

from playground.data.column_names import ANSWER, COMPLETION, INSTRUCTION, PROMPT, last_word, plain

Role = Literal["user", "assistant", "system"]


def _known(role: Role, words: str) -> dict[str, Role]:
    return {plain(word): role for word in words.split()}


_TOOLS = "observation tool function ipython tool_response function_response tool_result"
_ROLES: dict[str, Role] = {
    **_known("user", "user human prompter usr customer client guest caller visitor patient student 用户 客户 人类"),
    **_known("user", _TOOLS),
    **_known("assistant", "assistant gpt bot model chatgpt ai agent support clerk operator advisor 助手 客服 机器人"),
    **_known("assistant", "function_call tool_call"),
    **_known("system", "system developer 系统"),
}
TOOL_SPEAKERS = frozenset(map(plain, _TOOLS.split()))
_PAIRED: dict[str, Role] = {
    **dict.fromkeys(("instruction", *INSTRUCTION, *PROMPT), "user"),
    **dict.fromkeys((*COMPLETION, *ANSWER), "assistant"),
}
"""What stands for the two sides where one object holds both."""


def role_of(speaker: object) -> Role | None:
    """Which side a speaker is on, by the words that are used for it."""
    if isinstance(speaker, dict):  # {"role": …}, as services export it
        speaker = speaker.get("role")
    if isinstance(speaker, str) and speaker in _ROLES:
        return _ROLES[speaker]
    return _named(str(speaker)) if speaker else None


@lru_cache(maxsize=4096)
def _named(speaker: str) -> Role | None:
    return _ROLES.get(plain(speaker)) or _ROLES.get(last_word(speaker))


def side_of(name: str) -> Role | None:
    """The side of a speaker, or of the part of a pair that a key names."""
    return _ROLES.get(plain(name)) or _PAIRED.get(plain(name))
