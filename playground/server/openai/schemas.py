"""What OpenAI's clients send: which of their parameters are honoured, which are taken and change nothing, and which are
refused, so that none is ignored without a word.

Source: the parameters of the `openai` package, by their names. Those left out have this page's own defaults.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from annotated_types import Len
from pydantic import Field

from playground.errors import InputError
from playground.protocol.messages import Message
from playground.protocol.sampling import SamplingParams
from playground.validation import Number, StrictModel, validate

MAX_CHOICES = 8
"""How many answers one call may ask for."""
MAX_ANSWER_TOKENS = 2048
"""Of an answer to a chat whose length nobody said."""
COMPLETION_TOKENS = 16
"""Of a text that is continued: OpenAI's own default."""
MAX_LOGPROBS = 20
ANY_JSON = '{"type": "object"}'

IGNORED = {
    "metadata": "for OpenAI's own records",
    "prompt_cache_key": "what may be kept is found without it",
    "prompt_cache_options": "the same",
    "prompt_cache_retention": "the same",
    "safety_identifier": "the key says who asks",
    "service_tier": "there is one",
    "store": "nothing is kept",
    "user": "the key says who asks",
}
"""Taken, and without effect on the answer."""
REFUSED: dict[str, tuple[object, ...]] = {
    "audio": (),
    "best_of": (1,),
    "function_call": ("none",),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "moderation": (),
    "parallel_tool_calls": (True, False),
    "prediction": (),
    "reasoning_effort": ("none",),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "verbosity": ("medium",),
    "web_search_options": (),
}
"""Refused, unless the value asks for nothing: None, or one of these."""

ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
Asked = TypeVar("Asked", bound="OpenAIRequest")


class StreamOptions(StrictModel):
    include_usage: bool = False
    include_obfuscation: bool = False
    """Nothing is padded either way: who can see lengths on the way sees them."""


class OpenAIRequest(StrictModel):
    """What chats and texts have in common."""

    default_tokens: ClassVar[int]

    model: str
    """"base", or an adapter's id or name."""
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] = 1
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    top_k: int | None = None
    """Not OpenAI's, as the two that follow: here they are what they are everywhere on this server."""
    repetition_penalty: Number | None = None
    strength: Number = 1.0

    @property
    def json_schema(self) -> str:
        return ""

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self) -> SamplingParams:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        given = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "repetition_penalty": self.repetition_penalty,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "seed": self.seed,
        }
        return SamplingParams(
            max_new_tokens=self.default_tokens if self.max_tokens is None else self.max_tokens,
            stop=tuple(stops),
            penalize_prompt=False,
            json_schema=self.json_schema,
            **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
        )


class JsonSchema(StrictModel):
    name: str = ""
    description: str | None = None
    strict: bool | None = None
    """Kept to either way."""
    schema_: Annotated[dict[str, Any], Field(alias="schema", default_factory=dict)]


class ResponseFormat(StrictModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(OpenAIRequest):
    default_tokens: ClassVar[int] = MAX_ANSWER_TOKENS

    messages: Annotated[list[dict[str, Any]], Len(1)]
    max_completion_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MAX_LOGPROBS)] | None = None
    response_format: ResponseFormat | None = None

    @property
    def json_schema(self) -> str:
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return ""
        if wanted.type == "json_object":
            return ANY_JSON
        if wanted.json_schema is None:
            raise InputError("response_format asks for a json_schema and holds none. Put it under json_schema.schema.")
        return json.dumps(wanted.json_schema.schema_)

    def sampling(self) -> SamplingParams:
        if self.max_completion_tokens is None:
            return super().sampling()
        return self.model_copy(
            update={"max_tokens": self.max_completion_tokens, "max_completion_tokens": None}
        ).sampling()

    def conversation(self) -> list[Message]:
        """Raises `InputError`, naming the message."""
        return [_message(place, message) for place, message in enumerate(self.messages)]


class CompletionRequest(OpenAIRequest):
    default_tokens: ClassVar[int] = COMPLETION_TOKENS

    prompt: str | list[str] | list[int] | list[list[int]]
    """Texts, or tokens of the model's own."""
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=MAX_LOGPROBS)] | None = None

    def prompts(self) -> Sequence[str | list[int]]:
        if isinstance(self.prompt, str):
            return [self.prompt]
        one = bool(self.prompt) and isinstance(self.prompt[0], int)
        return [self.prompt] if one else self.prompt  # type: ignore[list-item, return-value]


def read(schema: type[Asked], body: Mapping[str, object]) -> Asked:
    """Raises `InputError` for whatever cannot be honoured."""
    values = {name: value for name, value in body.items() if value is not None and name not in IGNORED}
    for name, nothing in REFUSED.items():
        if name in schema.model_fields or name not in values:
            continue
        if values.pop(name) not in nothing:
            raise InputError("{field} is not supported by this server. Leave it out.", field=name)
    return validate(schema, values)


def _message(place: int, message: dict[str, Any]) -> Message:
    role = ROLES.get(str(message.get("role")))
    if role is None:
        raise InputError(
            "messages[{place}] has the role {role}; it must be system, developer, user or assistant.",
            place=place,
            role=str(message.get("role"))[:40],
        )
    return {"role": role, "content": _text(place, message.get("content"))}


def _text(place: int, content: object) -> str:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    found = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) < len(parts):
        raise InputError(
            "The content of messages[{place}] must be a text, or a list of parts of the type text.", place=place
        )
    return "".join(texts)
