"""Translate between the languages that the loaded model knows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from playground.errors import InputError
from playground.protocol.client import SamplingClient, in_thread
from playground.protocol.messages import Message
from playground.protocol.model import ModelInfo
from playground.protocol.sampling import GREEDY
from playground.sentence import N_
from playground.tasks.base import Field, Task, TaskExample, TextOutput, check_choice, check_text
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

    def languages(self, info: ModelInfo) -> tuple[str, ...]:
        return info.languages or tuple(CODES)

    async def run(self, client: SamplingClient, **inputs: Any) -> AsyncIterator[TextOutput]:
        text = check_text(inputs.get("text"))
        known = self.languages(client.info)
        target = self._known_language(inputs.get("target"), known, "target")
        source = inputs.get("source", AUTO)
        source = source if source == AUTO else self._known_language(source, known, "source")
        spoken, sure = (await in_thread(lambda: detect_surely(text, known))) if source == AUTO else (source, 1.0)
        if spoken == target and sure >= SURE:
            raise InputError("The text is to go from {language} to {language}. Choose two languages.", language=target)
        asked = self.messages(text=text.strip(), target=target, source=source)
        token_ids = await client.encode_prompt(asked, client.info.context_length // 2, text)
        params = replace(GREEDY, max_new_tokens=24 + 3 * len(token_ids), repetition_penalty=1.05)
        async for output in client.generate(token_ids, params):
            yield TextOutput(output.text.strip(), finished=output.finish_reason is not None, note=spoken)

    def _known_language(self, value: object, known: tuple[str, ...], name: str) -> str:
        if isinstance(value, str) and value in CODES and value not in known:
            raise InputError(
                "The loaded model has not learnt {language}. It knows: {known}.", language=value, known=", ".join(known)
            )
        return check_choice(value, known, name)


TASK = Translate()
