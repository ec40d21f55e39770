"""Fits what words alone say about answers and summaries: `python -m playground.starter.word_weights DATA_FOLDER`.

Prints the tables `WEIGHTS` of `playground.tasks.nlp.spans` and `playground.tasks.nlp.extractive`, and what each scores
alone, with no model, on rows that it was not fitted on.
"""

import argparse
import json
import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from playground.errors import PlaygroundError
from playground.evaluation.benchmark_data import Row, questions, read_rows
from playground.metrics.scores import answer_f1, rouge
from playground.tasks.nlp.extractive import extractive_summary, features
from playground.tasks.nlp.sentences import sentences
from playground.tasks.nlp.spans import find_starts, spans_with_features

QUESTIONS = 2000
ABSTRACTS = 1000
PASSES = 200
DECAY = 1e-3
LEAST = 0.3
"""Weights below it are left out."""

Found = list[tuple[int, dict[str, float], float]]
"""For each choice: the number of its row, its features, and its worth from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Choices:
    """All choices of all rows in one table. C: choices, F: features.

    `features` is (C, F), `worth` (C,), and `row` (C,) tells which row a choice belongs to.
    """

    names: list[str]
    features: torch.Tensor
    worth: torch.Tensor
    row: torch.Tensor


def main() -> int:
    arguments = _arguments()
    draw = random.Random(arguments.seed)
    try:
        learnt, held = questions(arguments.data)
        abstracts = read_rows(arguments.data / "summarization/scitldr_train.jsonl")
        held_abstracts = read_rows(arguments.data / "summarization/scitldr_dev.jsonl")
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    weights = fit(tabulate(_spans(draw.sample(learnt, min(QUESTIONS, len(learnt))))))
    given = [_best_span(row, weights) for row in held]
    print("spans:", json.dumps(weights, indent=4))
    print(f"F1 with no model, {len(held)} questions: {answer_f1(given, [row['answers'] for row in held]):.1f}")
    weights = fit(tabulate(_sentences(draw.sample(abstracts, min(ABSTRACTS, len(abstracts))))))
    given = [extractive_summary(row["document"], 1, weights) for row in held_abstracts]
    scores = rouge(given, [row["summary"] for row in held_abstracts])
    print("extract:", json.dumps(weights, indent=4))
    print(f"ROUGE-1 with no model, {len(held_abstracts)} abstracts: {scores['rouge1']:.1f}")
    return 0


def _spans(rows: list[Row]) -> Found:
    return [
        (number, found, answer_f1([row["context"][begin:end]], [row["answers"]]) / 100)
        for number, row in enumerate(rows)
        for begin, end, found in spans_with_features(row["context"], row["question"])
    ]


def _sentences(rows: list[Row]) -> Found:
    found = []
    for number, row in enumerate(rows):
        pieces = [piece.strip() for piece in sentences(row["document"]) if piece.strip()]
        for piece, signs in zip(pieces, features(pieces), strict=True):
            found.append((number, signs, rouge([piece], [row["summary"]])["rouge1"] / 100))
    return found


def tabulate(found: Found) -> Choices:
    names = sorted({name for _, signs, _ in found for name in signs})
    table = torch.zeros(len(found), len(names))
    place = {name: index for index, name in enumerate(names)}
    for line, (_, signs, _) in zip(table, found, strict=True):
        line[[place[name] for name in signs]] = torch.tensor(list(signs.values()))
    worth = torch.tensor([worth for _, _, worth in found])
    return Choices(names, table, worth, torch.tensor([number for number, _, _ in found]))


def fit(choices: Choices) -> dict[str, float]:
    """Weights under which the expected worth is highest when choices are drawn by the softmax of their sums."""
    weights = torch.zeros(len(choices.names), requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.05)
    rows = int(choices.row.max()) + 1
    for _ in range(PASSES):
        sums = choices.features @ weights
        highest = torch.full((rows,), -1e9).scatter_reduce(0, choices.row, sums.detach(), "amax")
        shares = (sums - highest[choices.row]).exp()
        whole = torch.zeros(rows).scatter_add(0, choices.row, shares)
        expected = torch.zeros(rows).scatter_add(0, choices.row, shares / whole[choices.row] * choices.worth)
        loss = -(expected + 1e-3).log().mean() + DECAY * weights.square().sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    found = zip(choices.names, weights.tolist(), strict=True)
    return {name: round(value, 2) for name, value in sorted(found) if abs(value) >= LEAST}


def _best_span(row: Row, weights: Mapping[str, float]) -> str:
    places = [
        (nats, start.begin, end)
        for start in find_starts(row["context"], row["question"], weights)
        for end, nats in start.ends.items()
    ]
    _, begin, end = max(places, default=(0.0, 0, 0))
    return str(row["context"][begin:end])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m playground.starter.word_weights", description=__doc__)
    parser.add_argument("data", type=Path, help="the data folder that the recipe reads")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
