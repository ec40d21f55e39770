"""Writes the table of OpenAI's parameters: `python -m tests.server.openai.parameters`."""

import json
from collections.abc import Iterator
from pathlib import Path

from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParams
from openai.types.completion_create_params import CompletionCreateParamsBase as CompletionParams

from playground.server.openai.schemas import IGNORED, REFUSED, ChatRequest, CompletionRequest, OpenAIRequest

TABLE = Path(__file__).parents[3] / "playground" / "server" / "openai" / "parameters.md"
HEAD = """\
# What of OpenAI's parameters does something here

All of those that the `openai` package knows; any other is refused by its name, and none is ignored without being listed
here. Those left out have this page's own defaults: temperature 0.7, top_p 0.9, top_k 50; an answer to a chat has at
most 2,048 tokens. `python -m tests.server.openai.parameters` writes this page, and a test asks each of them.

| Parameter | Chats | Texts | |
|---|---|---|---|
"""
NOTES = {
    "model": "`base`, or an adapter's id or name",
    "messages": "texts of system, developer, user and assistant",
    "response_format": "`json_object` and `json_schema` are kept to, word by word",
    "seed": "of the first answer; each that follows has one more",
    "n": "at most 8",
    "logprobs": "at most 20 others in each place",
    "top_logprobs": "at most 20",
    "prompt": "texts, or tokens; with `echo` and `max_tokens` 0 scored alone",
    "stop": "at most 16",
}
OURS = {
    "strength": "how strong the adapter is, 0 to 1.5",
    "top_k": "as on the page",
    "repetition_penalty": "as on the page",
}
SCHEMAS: tuple[tuple[set[str], type[OpenAIRequest]], ...] = (
    ({*ChatParams.__annotations__, "stream"}, ChatRequest),
    ({*CompletionParams.__annotations__, "stream"}, CompletionRequest),
)


def treatment(name: str, known: set[str], schema: type[OpenAIRequest]) -> str:
    """Raises `KeyError` for one that nobody has decided upon."""
    if name not in known:
        return "–"
    if name in schema.model_fields:
        return "honoured"
    if name in IGNORED:
        return "changes nothing"
    but = " or ".join(f"`{json.dumps(value)}`" for value in REFUSED[name])
    return f"refused, unless {but}" if but else "refused"


def rows() -> Iterator[str]:
    for name in sorted(set().union(*(known for known, _ in SCHEMAS))):
        cells = [treatment(name, known, schema) for known, schema in SCHEMAS]
        yield f"| `{name}` | {cells[0]} | {cells[1]} | {NOTES.get(name) or IGNORED.get(name, '')} |"
    for name, what in OURS.items():
        yield f"| `{name}` (not OpenAI's) | honoured | honoured | {what} |"


def table() -> str:
    return HEAD + "\n".join(rows()) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
