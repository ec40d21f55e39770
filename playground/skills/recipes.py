"""What each built-in skill learns: rows of public data in the prompts of its task, and how it is trained.

The rows that `playground.evaluation` measures on are never among them.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playground.data.chat import assistant
from playground.data.examples import Example
from playground.evaluation.benchmark_data import QUESTIONS_FILE, questions, read_rows
from playground.tasks.answer import NOT_SAID
from playground.tasks.registry import all_tasks
from playground.training.config import TrainingConfig

HELD_OUT = 64
"""Rows of each skill that choose its best checkpoint."""
PAIRS = ("German", "de"), ("French", "fr")
CAPTIONS = 5
"""The most captions that are joined into one text to translate. A prompt's frame is 43 tokens and a caption with its
translation some 35, so that joined ones teach more for each token that is computed."""
TO_ENGLISH = 0.2
"""Of the texts to translate, the share that goes into English: that the base model writes already."""
NAMED = 0.5
"""Of the texts to translate, the share whose language the prompt names."""
UNANSWERABLE = 0.2
"""Of the questions on a passage, the share that is asked about another one."""
MAX_PASSAGE_CHARS = 900
MAX_DOCUMENT_CHARS = 1_400


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the data folder."""

    file: str
    title: str
    license: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """`examples` draws from a data folder with a seeded generator, in the order in which they are learnt."""

    task: str
    title: str
    examples: Callable[[Path, random.Random], Iterable[tuple[dict[str, str], str]]]
    """(the task's inputs, what it should say)"""
    rows: int
    values: TrainingConfig
    sources: tuple[Source, ...]

    def split(self, folder: Path, seed: int = 0) -> tuple[list[Example], list[Example]]:
        """Examples to learn from, and some to choose the best checkpoint by; raises `DataError` for a missing file."""
        draw = random.Random(f"{seed} {self.task}")
        pairs = list(self.examples(folder, draw))
        draw.shuffle(pairs)
        asked = all_tasks()[self.task].prompt
        made = [
            Example((*asked(**inputs), assistant(wanted)), None, row)
            for row, (inputs, wanted) in enumerate(pairs[: self.rows + HELD_OUT], 1)
        ]
        return made[HELD_OUT:], made[:HELD_OUT]


Pairs = Iterator[tuple[dict[str, str], str]]


def _moods(folder: Path, _draw: random.Random) -> Pairs:
    for source in _MOODS:
        for row in read_rows(folder / source.file):
            yield {"text": row["text"]}, row["label"]


def _translations(folder: Path, draw: random.Random) -> Pairs:
    """Texts of one caption or several that do not belong together; each caption once with either language."""
    rows = read_rows(folder / _CAPTIONS.file)
    for language, code in PAIRS:
        draw.shuffle(rows)
        left = iter(rows)
        while text := list(islice(left, draw.randint(1, CAPTIONS))):
            english, other = (" ".join(row[key] for row in text) for key in ("en", code))
            if draw.random() < TO_ENGLISH:
                source, target, pair = language, "English", (other, english)
            else:
                source, target, pair = "English", language, (english, other)
            named = {"source": source} if draw.random() < NAMED else {}
            yield {"text": pair[0], "target": target, **named}, pair[1]


def _answers(folder: Path, draw: random.Random) -> Pairs:
    rows = [row for row in questions(folder)[0] if len(row["context"]) <= MAX_PASSAGE_CHARS]
    for row in rows:
        answer, other = row["answers"][0], draw.choice(rows)["context"]
        if draw.random() < UNANSWERABLE and answer not in other:
            yield {"question": row["question"], "context": other}, NOT_SAID
        else:
            yield {"question": row["question"], "context": row["context"]}, answer


def _summaries(folder: Path, _draw: random.Random) -> Pairs:
    for row in read_rows(folder / _PAPERS.file):
        if len(row["document"]) <= MAX_DOCUMENT_CHARS:
            yield {"text": row["document"], "length": "short"}, row["summary"]


_MOODS = (
    Source("sentiment/sst2_sentences_train.jsonl", "Stanford Sentiment Treebank, sentences", "no explicit licence"),
    Source("sentiment/uci_reviews_train.jsonl", "UCI sentiment labelled sentences", "CC BY 4.0"),
)
_CAPTIONS = Source(
    "translation/multi30k_train.jsonl",
    "Multi30k, captions in English, German and French",
    "captions of Flickr30k: for research use",
)
_PAPERS = Source("summarization/scitldr_train.jsonl", "SciTLDR, abstracts with summaries", "Apache-2.0")
_PASSAGES = Source(QUESTIONS_FILE, "SQuAD 1.1, a part", "CC BY-SA 4.0")


def _values(r: int, max_length: int, *, batch: int = 16, learning_rate: float = 1e-3) -> TrainingConfig:
    return TrainingConfig(
        epochs=1,
        r=r,
        lora_alpha=2.0 * r,
        learning_rate=learning_rate,
        per_device_train_batch_size=batch,
        max_length=max_length,
        early_stopping_patience=0,
    )


RECIPES = (
    Recipe("sentiment", "Moods", _moods, 4_000, _values(4, 160), _MOODS),
    Recipe("answer", "Reading", _answers, 2_400, _values(8, 384), (_PASSAGES,)),
    Recipe("summarize", "Summaries", _summaries, 1_500, _values(8, 512), (_PAPERS,)),
    Recipe(
        "translate",
        "Translations",
        _translations,
        10_500,
        _values(16, 384, batch=8, learning_rate=1.5e-3),
        (_CAPTIONS,),
    ),
)
