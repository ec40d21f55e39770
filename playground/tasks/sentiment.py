"""Sentiment: how likely the model finds each label, from its own scores and not from what it writes."""

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from playground.data import column_names as names
from playground.data.chat import assistant, user
from playground.data.formats import Column, DatasetFormat
from playground.data.mapped_table import MappedRow, MappedTable
from playground.data.shapes.labels import labels_of, separator
from playground.metrics.corpus import ACCURACY, CorpusMetric, macro_f1
from playground.metrics.scores import accuracy
from playground.metrics.scores import macro_f1 as macro_f1_of
from playground.protocol.client import SamplingClient
from playground.protocol.messages import BASE, Message
from playground.sentence import N_
from playground.tasks.base import Benchmark, Forgetting, Task, TaskExample, forgetting_items
from playground.tasks.inputs import Ask, TaskInputs, Text
from playground.tasks.outputs import ClassificationOutput

LABELS = (N_("positive"), N_("negative"))
SPELLINGS = {"positive": "positive", "pos": "positive", "negative": "negative", "neg": "negative"}
"""Of the labels, in files."""
WAYS = ("{label}", "The text is {label}")
"""How a label is said: taught models say the word alone, others begin a sentence with it."""
CONTENT_FREE = (
    *("N/A", "...", "[MASK]"),
    *("The meeting is on Tuesday.", "The shop is open from nine to five.", "We ordered it last week."),
)
"""Texts that say nothing, or nothing good and nothing bad, by which a model's own leaning is found: sentences too, of
which models think otherwise than of mere signs."""
MAX_LEANINGS = 32
MAX_LISTED_LABELS = 30
MAX_LISTED_CHARS = 3_000
"""Of all labels together: they stand in every prompt."""


@dataclass(frozen=True, slots=True)
class _Labels:
    are_moods: bool
    are_several: bool
    """Whether some text has more than one."""
    sign: str
    """What stands between them in a cell."""
    listed: str
    """Behind a question for the right one; "" for too many of them."""


def _labels(table: MappedTable) -> _Labels:
    sign = separator(table)
    cells = [labels_of(row.value("label"), sign) for row in table]
    labels = sorted({label for cell in cells for label in cell})
    few = len(labels) <= MAX_LISTED_LABELS and sum(map(len, labels)) <= MAX_LISTED_CHARS
    are_moods = all(label.strip().lower() in SPELLINGS for label in labels)
    return _Labels(are_moods, any(len(cell) > 1 for cell in cells), sign, f": {', '.join(labels)}" if few else "")


def _row_to_messages(row: MappedRow) -> list[Message]:
    """As the tab asks where all labels of the file are moods, else by their names."""
    text, label, second = row.need("text"), row.need("label"), row.text("text2")
    if second.strip():
        text = f"{text}\n{second}"
    labels = row.table.once(_labels)
    if labels.are_several or isinstance(row.value("label"), list):
        label = ", ".join(labels_of(row.value("label"), labels.sign)) or row.missing("label")
    if labels.are_several:
        return [user(f"Which of these fit, one or more{labels.listed}?\n{text}"), assistant(label)]
    if labels.are_moods:
        return [*TASK.prompt(text=text), assistant(SPELLINGS[label.strip().lower()])]
    return [user(f"Which of these fits{labels.listed}?\n{text}"), assistant(label)]


def _macro_f1(references: Sequence[str]) -> CorpusMetric:
    return macro_f1(sorted(set(references)))


def _scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    return {"accuracy": accuracy(predictions, references), "macro-F1": macro_f1_of(predictions, references)}


def _log_sum(scores: Sequence[float]) -> float:
    """The logarithm of a sum of probabilities, from their logarithms."""
    highest = max(scores)
    return highest if math.isinf(highest) else highest + math.log(sum(math.exp(score - highest) for score in scores))


_leanings: dict[tuple[str, str], list[float]] = {}
"""By model: the same for all who ask."""


class Sentiment(Task[ClassificationOutput]):
    name, title, action, order = "sentiment", N_("Sentiment"), N_("Judge the mood"), 40
    empty = N_("Each line gets its own verdict.")

    class Inputs(TaskInputs):
        text: Annotated[Text, Ask("Text", placeholder="One text, or many: one on each line…")]

    Output = ClassificationOutput
    examples = (
        TaskExample("One film review", {"text": N_("A warm, funny film with a wonderful cast.")}),
        TaskExample(
            "Six hotel reviews",
            {
                "text": N_(
                    "The staff were kind and the room was spotless.\nWe waited forty minutes for a cold soup.\n"
                    "It was fine, nothing special.\nGreat view and a lovely breakfast.\n"
                    "Dirty, loud and far too expensive.\nThe best stay we have had in years."
                )
            },
        ),
        TaskExample("Mixed feelings", {"text": N_("The story is dull, but the music is beautiful.")}),
    )
    formats = (
        DatasetFormat(
            "text_label",
            "texts with labels",
            45,
            (
                Column("text", "The text is in", names.FIRST_TEXT),
                Column("text2", "A second text is in (optional)", names.SECOND_TEXT, required=False),
                Column("label", "The label is in", names.LABEL, holds="label"),
            ),
            _row_to_messages,
        ),
    )
    metrics = (ACCURACY, _macro_f1)
    forgetting = Forgetting(
        ACCURACY,
        worse=N_("It got worse at judging the mood of a text."),
        forgot=N_("It forgot how to judge the mood of a text."),
        at=N_("judging the mood of a text"),
        items=forgetting_items("sentiment"),
    )
    benchmarks = (
        Benchmark(
            "Sentiment, SST-2 sentences",
            "sentiment/sst2_dev.jsonl",
            lambda row: {"text": row["text"]},
            lambda row: row["label"],
            _scores,
        ),
    )

    def messages(self, inputs: Inputs) -> list[Message]:
        return [{"role": "user", "content": f"Is this text positive or negative?\n\n{inputs.text}"}]

    async def run(self, client: SamplingClient, inputs: Inputs) -> AsyncIterator[ClassificationOutput]:
        leaning, scored = await self._leaning(client), await self._scored(client, inputs.text.strip())
        likelihoods = [score - lean for score, lean in zip(scored, leaning, strict=True)]
        highest = max(likelihoods)
        weights = [math.exp(likelihood - highest) for likelihood in likelihoods]
        shares = [(label, weight / sum(weights)) for label, weight in zip(LABELS, weights, strict=True)]
        shares.sort(key=lambda share: -share[1])
        yield ClassificationOutput(shares[0][0], tuple(shares))

    async def _scored(self, client: SamplingClient, text: str) -> list[float]:
        """How likely each of `LABELS` is as the answer, in any of the `WAYS` to say it, as logarithms."""
        token_ids = await client.encode_prompt(self.prompt(text=text), text=text)
        said = [way.format(label=label) for label in LABELS for way in WAYS]
        found = await client.compute_logprobs(token_ids, [client.tokenizer.encode_continuation(one) for one in said])
        scores = [sum(score.logprobs) for score in found]
        return [_log_sum(scores[start : start + len(WAYS)]) for start in range(0, len(scores), len(WAYS))]

    async def _leaning(self, client: SamplingClient) -> list[float]:
        """What the bare model says of texts that say nothing: so much it prefers each label by itself.

        Of an adapter too it is the bare model's: one that was taught moods says of no text what it learnt of some.
        Source: Zhao et al., "Calibrate Before Use", 2021.
        """
        key = client.info.fingerprint, client.info.precision
        if key in _leanings:
            return _leanings[key]
        bare = replace(client, adapter=BASE, strength=1.0)
        found = [await self._scored(bare, text) for text in CONTENT_FREE]
        leaning = [sum(scores) / len(found) for scores in zip(*found, strict=True)]
        if client.info.fingerprint:
            if len(_leanings) >= MAX_LEANINGS:
                _leanings.clear()
            _leanings[key] = leaning
        return leaning


TASK = Sentiment()
