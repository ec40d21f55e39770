"""A base model that could be loaded, as whoever chooses between several sees it."""

from typing import Literal

from pydantic import BaseModel

from playground.sentence import Sentence


class ModelChoice(BaseModel, frozen=True):
    """What is known of a model before it is loaded; 0, "" and None where nothing is known."""

    id: str
    """Loads it: "starter", a hub id, a folder, or a GGUF file."""
    name: str
    """For people."""
    kind: Literal["chat", "text", "seq2seq", "encoder"] = "chat"
    num_parameters: int = 0
    download_bytes: int = 0
    """Of all its files that are needed."""
    memory_bytes: int = 0
    """What its weights take in memory, in the precision that it would be loaded in."""
    fits: bool = True
    why_not: Sentence | None = None
    """Why it does not fit this machine."""
    words_per_s: float | None = None
    """About how many it would write here, for one visitor."""
    present: bool = False
    """Whether all its files are on this machine."""
    current: bool = False
    """Whether it is the one that is loaded."""
    languages: tuple[str, ...] = ()
    license: str = ""
    good_for: str = ""
    """A line for people, in English."""
    tasks: tuple[str, ...] = ()
    """Names of the tasks that it does well."""
    gated: bool = False
    """Whether the hub gives it only to those who accepted its terms."""
