"""Which examples each training step reads: a function of the corpus, the seed and the step alone."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from playground.starter.corpus import Example
from playground.starter.tokenizer import END_OF_TEXT, END_OF_TURN

SHARES = {
    "translate_de": 20,
    "translate_fr": 18,
    "translate_zh": 11,
    "translate_en": 4,
    "translate_from_zh": 2,
    "sentiment": 9,
    "sentiment_phrases": 13,
    "story": 9,
    "text": 2,
    "answer": 7,
    "facts": 4,
    "summarize": 2,
    "instruct": 0.3,
    "about": 0.5,
}
"""Shares of the tokens read."""
PROMPT_SHARE = 0.15
"""Of the prompt's own tokens, so many are predicted too: enough to learn from, cheaper than all."""
NOT_PREDICTED = frozenset({"facts"})
"""Prompts that chance has written teach nothing by themselves."""
WEIGHTS = {"sentiment": 12.0, "sentiment_phrases": 8.0, "answer": 3.0, "facts": 2.0}
"""Of a completion's tokens, where it has only one or a few."""
LONGEST = 640
PADDING = 1.15
"""Texts are padded together when the longest has at most so many times the tokens of the shortest."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids, and the weight of predicting each of them: 0 for what is given."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of examples, encoded when first read, since a short run reads only some."""

    kind: str
    examples: list[Example]
    tokenizer: PreTrainedTokenizerFast

    def read(self, index: int, draw: random.Random) -> Encoded:
        example = self.examples[index]
        if not example.messages:
            ids = self._ids(example.completion)[: LONGEST - 2]
            start = [self._id(END_OF_TEXT)] if draw.random() < 0.5 else []
            ids = [*start, *ids, self._id(END_OF_TEXT)]
            return Encoded(tuple(ids), (0.0,) + (1.0,) * (len(ids) - 1))
        messages = [dict(message) for message in example.messages]
        asked = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        prompt = self._ids(asked)
        completion = [*self._ids(example.completion), self._id(END_OF_TURN)]
        share = 0.0 if self.kind in NOT_PREDICTED else PROMPT_SHARE
        weights = [float(draw.random() < share) for _ in prompt]
        weights += [WEIGHTS.get(self.kind, 1.0)] * len(completion)
        weights[0] = 0.0
        return Encoded(tuple(prompt + completion), tuple(weights))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _id(self, token: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(token))


def steps(
    corpus: Mapping[str, list[Example]], tokenizer: PreTrainedTokenizerFast, seed: int, tokens_per_step: int
) -> Iterator[list[list[Encoded]]]:
    """Endlessly yield one step after the other, each as groups of texts of similar length.

    Each kind is read in its own shuffled order, again and again; the kind furthest behind its share comes next.
    """
    sources = {kind: Source(kind, examples, tokenizer) for kind, examples in corpus.items() if examples}
    draw = random.Random(f"steps {seed}")
    read = dict.fromkeys(sources, 0.0)
    orders: dict[str, list[int]] = {kind: [] for kind in sources}
    while True:
        step: list[Encoded] = []
        size = 0
        while size < tokens_per_step:
            kind = min(sources, key=lambda kind: read[kind] / SHARES[kind])
            if not orders[kind]:
                orders[kind] = list(range(len(sources[kind].examples)))
                draw.shuffle(orders[kind])
            encoded = sources[kind].read(orders[kind].pop(), draw)
            if len(encoded.ids) <= LONGEST:
                step.append(encoded)
                size += len(encoded.ids)
                read[kind] += len(encoded.ids)
        yield _alike(step)


def _alike(step: list[Encoded]) -> list[list[Encoded]]:
    groups: list[list[Encoded]] = []
    for encoded in sorted(step, key=lambda encoded: len(encoded.ids)):
        if not groups or len(encoded.ids) > PADDING * len(groups[-1][0].ids):
            groups.append([])
        groups[-1].append(encoded)
    return groups
