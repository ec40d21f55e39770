"""How the next token is chosen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to choose the next token. `temperature=0` is greedy; `seed=-1` draws a fresh seed.

    `presence_penalty` and `frequency_penalty` lower the logits of tokens that the answer holds already: by so much, and
    by so much for each time.
    """

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
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    json_schema: str = ""
    """A JSON schema that the answer keeps to, as text; "" for none."""


GREEDY = SamplingParams(temperature=0.0)
