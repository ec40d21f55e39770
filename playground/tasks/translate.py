"""Translate between the languages that the loaded model knows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from playground.errors import InputError
from playground.protocol.client import Live, Voice
from playground.protocol.messages import Message
from playground.protocol.sampling import GREEDY
from playground.sentence import N_
from playground.tasks.base import (
    Field,
    Task,
    TaskExample,
    TextOutput,
    aside,
    ask,
    check_choice,
    check_text,
    read_prompt,
)
from playground.tasks.nlp.languages import CODES, detect_surely

AUTO = "auto"
SURE = 0.95
"""How probable the detected language must be before a text counts as already in it."""


class Translate(Task):
    name = "translate"
    title = "Translate"
    action = "Translate"
    empty = N_("The translation appears here.")
    fields = (
        Field("text", "Text to translate", placeholder="Type or paste a text…"),
        Field("target", "To", kind="choice", choices=tuple(CODES), default="German"),
        Field("source", "From", kind="choice", choices=(AUTO, *CODES), default=AUTO),
    )
    examples = (
        TaskExample("A dog runs through the snow.", {"text": "A dog runs through the snow.", "target": "German"}),
        TaskExample("Two children play on the beach.", {"text": "Two children play on the beach.", "target": "French"}),
        TaskExample("Ein Mann liest ein Buch.", {"text": "Ein Mann liest ein Buch.", "target": "English"}),
        TaskExample("I like music.", {"text": "I like music.", "target": "Chinese"}),
    )

    def messages(self, **inputs: Any) -> list[Message]:
        """`text`, `target`, and `source` ("auto": the model is left to see for itself)."""
        source = inputs.get("source", AUTO)
        direction = f"to {inputs['target']}" if source == AUTO else f"from {source} to {inputs['target']}"
        return [{"role": "user", "content": f"Translate {direction}:\n\n{inputs['text']}"}]

    def languages(self, live: Live) -> tuple[str, ...]:
        return live.tokenizer.languages or tuple(CODES)

    async def run(self, live: Live, voice: Voice, **inputs: Any) -> AsyncIterator[TextOutput]:
        text = check_text(inputs.get("text"))
        known = self.languages(live)
        target = self._known_language(inputs.get("target"), known, "target")
        source = inputs.get("source", AUTO)
        source = source if source == AUTO else self._known_language(source, known, "source")
        spoken, sure = (await aside(lambda: detect_surely(text, known))) if source == AUTO else (source, 1.0)
        if spoken == target and sure >= SURE:
            raise InputError("The text is to go from {language} to {language}. Choose two languages.", language=target)
        asked = self.messages(text=text.strip(), target=target, source=source)
        tokens = await read_prompt(
            live, text, lambda: live.tokenizer.apply_chat_template(asked), live.tokenizer.context_length // 2
        )
        sampling = replace(GREEDY, max_new_tokens=24 + 3 * len(tokens), repetition_penalty=1.05)
        async for chunk in ask(live, voice, tokens, sampling):
            yield TextOutput(chunk.text.strip(), finished=chunk.finished is not None, note=spoken)

    def _known_language(self, value: object, known: tuple[str, ...], name: str) -> str:
        if isinstance(value, str) and value in CODES and value not in known:
            raise InputError(
                "The loaded model has not learnt {language}. It knows: {known}.", language=value, known=", ".join(known)
            )
        return check_choice(value, known, name)


TASK = Translate()
