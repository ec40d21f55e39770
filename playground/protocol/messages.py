"""What is said in a conversation, and the names of the base model among adapters."""

from typing import Literal, NotRequired, TypedDict

BASE = "base"
"""The adapter name that means: none of one's own, the model as it comes, with its built-in skill for a task if it has
one."""
PLAIN = "plain"
"""The adapter name that means: none at all, the bare weights."""


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str
    weight: NotRequired[int]
    """0 for an answer that is read but not learnt, as in OpenAI's files."""
