"""What is said in a conversation, and the name of the base model among adapters."""

from typing import Literal, NotRequired, TypedDict

BASE = "base"
"""The adapter name that means: no adapter, the base model as it is."""


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str
    weight: NotRequired[int]
    """0 for an answer that is read but not learnt, as in OpenAI's files."""
