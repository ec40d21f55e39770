"""What an adapter changed on rows that it never saw: its answers and the base's, by the metrics that fit them."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from playground.data.examples import Example
from playground.errors import InputError
from playground.evaluation.paired import Clients, answer, negative_log_likelihood, side_by_side
from playground.metrics import corpus
from playground.metrics.bootstrap import PairedDifference, gains, paired_difference
from playground.metrics.corpus import CorpusMetric
from playground.metrics.scores import has_spaces
from playground.protocol.client import SamplingClient
from playground.protocol.model import Tokenizer
from playground.tasks.base import Task
from playground.tasks.registry import task_of

ROWS = 40
"""At most so many rows are asked, drawn by `SEED`, so that an adapter is judged soon."""
SEED = 0
BUDGET_S = 20.0
MAX_ANSWER_TOKENS = 64
FEW_LABELS = 12
EACH_LABEL = 3
"""Where each label stands so often, however many there are, an answer is right or wrong too."""
SHORT_WORDS = 6
SHORT_SHARE = 0.75
"""Of answers of at most so many words: a few longer ones among them are judged like the rest."""
SHOWN_ROWS = 3
"""Of the worst and of the best."""
SHOWN_CHARACTERS = 600
OTHER = "other"
"""Stands in the confusion matrix for all answers that are none of the reference labels."""

Kind = Literal["labels", "translations", "summaries", "short answers", "texts", "plain texts"]
_TRANSLATE = re.compile(r"\W*(please )?translate\b|.{0,8}翻译|\W*(bitte )?übersetze|\W*traduis", re.IGNORECASE)
_SUMMARIZE = re.compile(r"\W*(please )?summari[sz]e\b|.{0,8}(总结|摘要|概括)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Compared:
    """`differences` has the metric that fits best first; `confusion` and `rows` have the shapes of a report."""

    differences: tuple[PairedDifference, ...]
    rows: tuple[dict[str, object], ...]
    confusion: dict[str, object] | None = None


async def compare(
    clients: Clients,
    held_out: Sequence[Example],
    train_examples: Sequence[Example] = (),
    format: str = "",
    budget_s: float = BUDGET_S,
) -> Compared | None:
    """Ask both; None when there is nothing to ask.

    `format` is the one that the rows were read as: where it is a task's, they are judged by the task's metrics. Of
    others, `train_examples` help to see what kind of rows these are.
    """
    task = task_of(format)
    kind = _kind_of(task) if task else fitting_kind([*held_out, *train_examples])
    tokenizer = clients[0].tokenizer
    of_kind = [row for row in held_out if (row.messages is None) == (kind == "plain texts")]
    of_kind = [row for row in of_kind if _can_be_read(tokenizer, row)]
    rows = random.Random(SEED).sample(of_kind, min(ROWS, len(of_kind)))
    if kind == "plain texts":
        return await _texts(clients, rows, budget_s)

    async def predict(client: SamplingClient, row: Example) -> str:
        max_tokens = 8 + 2 * len(client.tokenizer.encode_continuation(_reference(row)))
        return await answer(client, (row.messages or ())[:-1], min(max_tokens, MAX_ANSWER_TOKENS))

    predictions = await side_by_side(predict, clients, rows, budget_s)
    return _judged(kind, rows[: len(predictions)], predictions, task) if predictions else None


def _kind_of(task: Task[Any]) -> Kind:
    return "labels" if corpus.ACCURACY in task.metrics else "texts"


def fitting_kind(rows: Sequence[Example]) -> Kind:
    """Few labels are right or wrong; what is asked tells translations and summaries; the rest goes by length."""
    talks = [row for row in rows if row.messages]
    if not talks or 2 * len(talks) < len(rows):
        return "plain texts"
    references = [_reference(row) for row in talks]
    short = sum(len(text.split()) <= SHORT_WORDS for text in references)
    labels = len({_label(text) for text in references})
    if short == len(references) and (labels <= min(FEW_LABELS, short // 2) or labels * EACH_LABEL <= short):
        return "labels"
    if _most(talks, _TRANSLATE):
        return "translations"
    if not has_spaces(references):
        return "texts"
    if _most(talks, _SUMMARIZE):
        return "summaries"
    return "short answers" if short >= SHORT_SHARE * len(references) else "texts"


def _can_be_read(tokenizer: Tokenizer, row: Example) -> bool:
    """Rows that the tokenizer refuses are not trained on either."""
    try:
        if row.messages is None:
            tokenizer.encode(row.text or "")
        else:
            tokenizer.apply_chat_template(row.messages[:-1])
            tokenizer.encode_continuation(_reference(row))
    except InputError:
        return False
    return True


def _judged(
    kind: Kind, rows: Sequence[Example], predictions: Sequence[tuple[str, str]], task: Task[Any] | None
) -> Compared:
    references = [_reference(row) for row in rows]
    base, adapter = [one for one, _ in predictions], [one for _, one in predictions]
    confusion = None
    if kind == "labels":
        shown = {_label(text): text.strip() for text in references}
        texts = references, base, adapter
        references, base, adapter = ([_label(text) for text in each] for each in texts)
        confusion = _confusion(shown, references, base, adapter) if len(shown) <= FEW_LABELS else None
    metrics = task.metrics_for(references) if task else _metrics(kind, references)
    main = gains(metrics[0], base, adapter, references)
    return Compared(
        tuple(paired_difference(metric, base, adapter, references) for metric in metrics),
        _worst_and_best([_row(row, *both, gain) for row, both, gain in zip(rows, predictions, main, strict=True)]),
        confusion,
    )


def _metrics(kind: Kind, references: Sequence[str]) -> list[CorpusMetric]:
    if kind == "labels":
        return [corpus.ACCURACY, corpus.macro_f1(sorted(set(references)))]
    if kind == "translations":
        return [corpus.CHRF_SCORE, corpus.bleu(chinese=not has_spaces(references))]
    if kind == "summaries":
        return [corpus.ROUGE_1, corpus.ROUGE_L]
    return [corpus.F1, corpus.EXACT_MATCH] if kind == "short answers" else [corpus.CHRF_SCORE]


async def _texts(clients: Clients, rows: Sequence[Example], budget_s: float) -> Compared | None:
    """Perplexity per token of all that follows a text's first token."""
    read = [(row, clients[0].tokenizer.encode(row.text or "")) for row in rows]
    read = [(row, tokens) for row, tokens in read if len(tokens) > 1]

    async def score(client: SamplingClient, tokens: list[int]) -> tuple[float, int]:
        nats, read = await negative_log_likelihood(client, tokens[:1], tokens[1:])
        return nats, len(read)

    scores = await side_by_side(score, clients, [tokens for _, tokens in read], budget_s)
    if not scores:
        return None
    base, adapter = [one for one, _ in scores], [one for _, one in scores]
    found = paired_difference(corpus.PERPLEXITY, base, adapter, base)
    alone = [corpus.PERPLEXITY.score(corpus.PERPLEXITY.statistics(one, ())) for one in (base, adapter)]
    by_row = gains(corpus.PERPLEXITY, base, adapter, base)
    told = zip(read, *alone, by_row, strict=False)
    shown = [_row(row, f"{before:.1f}", f"{after:.1f}", gain) for (row, _), before, after, gain in told]
    return Compared((found,), _worst_and_best(shown))


def _confusion(
    shown: dict[str, str], references: Sequence[str], base: Sequence[str], adapter: Sequence[str]
) -> dict[str, object]:
    """Square: a line for each reference label, a column for each predicted one."""
    labels = sorted(shown)
    strange = any(text not in shown for text in (*base, *adapter))
    names = [shown[label] for label in labels] + [OTHER] * strange

    def matrix(predictions: Sequence[str]) -> list[list[int]]:
        found = [[0] * len(names) for _ in names]
        for reference, prediction in zip(references, predictions, strict=True):
            found[labels.index(reference)][labels.index(prediction) if prediction in shown else -1] += 1
        return found

    return {"labels": names, "base": matrix(base), "adapter": matrix(adapter)}


def _row(row: Example, base: str, adapter: str, gain: float) -> dict[str, object]:
    asked = row.messages[-2]["content"] if row.messages and len(row.messages) > 1 else row.text or ""
    texts = {"asked": asked, "wanted": _reference(row), "base": base, "adapter": adapter}
    return {"row": row.row, **{name: _short(text) for name, text in texts.items()}, "gain": round(gain, 2)}


def _worst_and_best(rows: list[dict[str, Any]]) -> tuple[dict[str, object], ...]:
    rows = sorted(rows, key=lambda row: float(row["gain"]))
    return tuple(rows if len(rows) <= 2 * SHOWN_ROWS else [*rows[:SHOWN_ROWS], *rows[-SHOWN_ROWS:]])


def _reference(row: Example) -> str:
    return row.messages[-1]["content"] if row.messages else ""


def _label(text: str) -> str:
    return text.strip().rstrip(".!。！").strip().lower()


def _most(rows: Sequence[Example], prompt: re.Pattern[str]) -> bool:
    asked = [message["content"] for row in rows for message in (row.messages or ())[:-1] if message["role"] == "user"]
    return 2 * sum(bool(prompt.match(text)) for text in asked) > len(asked)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
