"""How the next token is chosen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to choose the next token. `temperature=0` is greedy; `seed=-1` draws a fresh seed."""

    max_new_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 50
    repetition_penalty: float = 1.0
    seed: int = -1
    stop: tuple[str, ...] = ()
    penalize_prompt: bool = True
    """Whether the repetition penalty counts the prompt's tokens too, which keeps a chat's answer from naming what was
    asked, and from ending: the end of a turn stands in the prompt."""


GREEDY = SamplingParams(temperature=0.0)
