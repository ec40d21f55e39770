"""Translate between the languages that the loaded model knows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Annotated

from playground.data import column_names as names
from playground.data.column_names import plain
from playground.data.formats import HISTORY, SYSTEM, Column, DatasetFormat, framed
from playground.data.languages import language_of
from playground.data.mapped_table import MappedRow, MappedTable
from playground.errors import InputError
from playground.metrics.corpus import CHRF_SCORE, CorpusMetric, bleu
from playground.metrics.scores import bleu as bleu_of
from playground.metrics.scores import chrf, has_spaces
from playground.protocol.client import SamplingClient, in_thread
from playground.protocol.messages import Message
from playground.protocol.sampling import GREEDY
from playground.sentence import N_
from playground.tasks.base import Benchmark, Forgetting, Row, Task, TaskExample, forgetting_items
from playground.tasks.inputs import (
    AUTO,
    Ask,
    Language,
    SourceLanguage,
    TaskInputs,
    Text,
    known_languages,
    known_source_languages,
)
from playground.tasks.nlp.languages import NAMES, detect_any, detect_with_probability
from playground.tasks.outputs import TextOutput

_PLAIN = ("text", "sentence")
MAX_DETECTED = 200
HEAPS = 4
"""Translations that tell their language, in heaps."""
SURE = 0.95
"""How probable the detected language must be before a text counts as already in it."""


def _bleu(references: Sequence[str]) -> CorpusMetric:
    return bleu(chinese=not has_spaces(references))


def _row_to_messages(row: MappedRow) -> list[Message]:
    """Into the language that a column or its name says, else the one that all translations are surely in, else none."""
    text, translation = row.need("source"), row.need("target")
    said = language_of(row.text("target_language")) if "target_language" in row.table.columns else ""
    language = said or language_of(row.table.columns["target"]) or row.table.once(_language_of_targets)
    return framed(row, TASK.prompt(text=text, target=language), translation)


def _is_translated(table: MappedTable) -> bool:
    """Whether a column that is only called "text" stands beside one that is called a translation."""
    source, target = (plain(table.columns[name]) for name in ("source", "target"))
    return source not in _PLAIN or target.startswith("trans")


def _language_of_targets(table: MappedTable) -> str:
    """Of most translations from all over the file, read in a few heaps that must agree; "" where they do not, or
    where a column says languages that are not known."""
    if "target_language" in table.columns:
        return ""
    texts = [text for row in table if (text := row.text("target").strip())]
    chosen = texts[:: -(-len(texts) // MAX_DETECTED)] if texts else []
    heaps = [" ".join(chosen[start::HEAPS]) for start in range(min(HEAPS, max(1, len(chosen) // 4)))]
    found = {detect_any(heap) for heap in heaps}
    return found.pop() if len(found) == 1 else ""


def _benchmark(name: str, file: str, source: str, target: str) -> Benchmark:
    """`source` and `target` are codes, and the columns of the file."""

    def scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        return {"BLEU": bleu_of(predictions, references, target == "zh")[0], "chrF": chrf(predictions, references)[0]}

    def inputs(row: Row) -> dict[str, str]:
        return {"text": row[source], "target": NAMES[target], "source": NAMES[source]}

    title = f"{NAMES[source]} to {NAMES[target]}, {name}"
    return Benchmark(title, file, inputs, lambda row: row[target], scores)


_CAPTIONS, _SENTENCES = "translation/multi30k_val.jsonl", "translation/tatoeba_en_zh_train.jsonl"


class Translate(Task[TextOutput]):
    name, title, action, order = "translate", N_("Translate"), N_("Translate"), 20
    empty = N_("The translation appears here.")

    class Inputs(TaskInputs):
        text: Annotated[Text, Ask("Text to translate", placeholder="Type or paste a text…")]
        target: Annotated[Language, Ask("To", choices=known_languages)]
        source: Annotated[SourceLanguage, Ask("From", choices=known_source_languages)] = AUTO
        """`AUTO`: the model is left to see for itself."""

    Output = TextOutput
    examples = (
        TaskExample("A dog runs through the snow.", {"text": "A dog runs through the snow.", "target": "German"}),
        TaskExample("Two children play on the beach.", {"text": "Two children play on the beach.", "target": "French"}),
        TaskExample("Ein Mann liest ein Buch.", {"text": "Ein Mann liest ein Buch.", "target": "English"}),
        TaskExample("I like music.", {"text": "I like music.", "target": "Chinese"}),
    )
    formats = (
        DatasetFormat(
            "translation",
            "texts with translations",
            20,
            (
                Column("source", "The text is in", (*names.SOURCE, *_PLAIN)),
                Column("target", "The translation is in", names.TARGET),
                Column("source_language", "The text's language is in (optional)", names.SOURCE_LANGUAGE, False),
                Column("target_language", "The translation's language is in (optional)", names.TARGET_LANGUAGE, False),
                SYSTEM,
                HISTORY,
            ),
            _row_to_messages,
            by_languages=True,
            suits=_is_translated,
        ),
    )
    metrics = (CHRF_SCORE, _bleu)
    forgetting = Forgetting(
        CHRF_SCORE,
        worse=N_("It got worse at translating."),
        forgot=N_("It forgot how to translate."),
        at=N_("translating"),
        items=forgetting_items("translate"),
    )
    benchmarks = (
        _benchmark("Multi30k", _CAPTIONS, "en", "de"),
        _benchmark("Multi30k", _CAPTIONS, "en", "fr"),
        _benchmark("Multi30k", _CAPTIONS, "de", "en"),
        _benchmark("Multi30k", _CAPTIONS, "fr", "en"),
        _benchmark("Tatoeba", _SENTENCES, "en", "zh"),
        _benchmark("Tatoeba", _SENTENCES, "zh", "en"),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        source, target = inputs.source, inputs.target
        direction = f" to {target}" if source == AUTO else f" from {source} to {target}"
        return [{"role": "user", "content": f"Translate{direction if target else ''}:\n\n{inputs.text}"}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[TextOutput]:
        text, target, spoken, sure = inputs.text, inputs.target, inputs.source, 1.0
        if spoken == AUTO:
            spoken, sure = await in_thread(lambda: detect_with_probability(text, known_languages(client.info)))
        if spoken == target and sure >= SURE:
            same = InputError("The text is to go from {language} to {language}. Choose two languages.", language=target)
            raise same.of("target")
        asked = self.messages(inputs.model_copy(update={"text": text.strip()}))
        token_ids = await client.encode_prompt(asked, client.info.context_length // 2, text)
        params = replace(GREEDY, max_new_tokens=24 + 3 * len(token_ids), repetition_penalty=1.05)
        async for output in client.generate(token_ids, params):
            finished = output.finish_reason is not None
            yield TextOutput(output.text.strip(), finished, note=spoken, unanswered=output.unanswered)


TASK = Translate()
