"""Which examples are set aside, so that one sees afterwards what was learnt."""

import random
from collections.abc import Callable, Hashable

from playground.data.examples import Example

MIN_TELLING_ROWS = 20
"""So many rows held out tell a real progress from chance."""


def split(
    examples: list[Example], seed: int = 0, share: float = 0.1, max_held_out: int = 200
) -> tuple[list[Example], list[Example]]:
    """(to train on, held out), the same for the same seed and both in file order.

    What the file itself sets aside is held out, of much of it a part. Otherwise a `share` is, but up to a fifth where
    that gives no more than `MIN_TELLING_ROWS`: over fewer, progress drowns in chance. None of fewer than 10 rows, and
    never more than `max_held_out`. Examples that ask the same, letter by letter, stay on one side, so that what is
    held out was not seen.
    """
    if any(example.held_out for example in examples):
        marked = [example for example in examples if example.held_out]
        held = random.Random(seed).sample(marked, min(len(marked), max_held_out))
        return [example for example in examples if not example.held_out], sorted(held, key=lambda held: held.row)
    if len(examples) < 10:
        return list(examples), []
    target = min(max_held_out, max(round(share * len(examples)), min(MIN_TELLING_ROWS, len(examples) // 5)))
    chosen = _chosen(examples, _asked, target, seed) or _chosen(examples, _said, target, seed)
    train_examples = [example for index, example in enumerate(examples) if index not in chosen]
    return train_examples, [examples[index] for index in sorted(chosen)]


def _chosen(examples: list[Example], key: Callable[[Example], Hashable], target: int, seed: int) -> set[int]:
    """Whole groups of the same key, as many as make up the target; else one that is larger, if enough is left."""
    groups: dict[Hashable, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(key(example), []).append(index)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    held: set[int] = set()
    for group in order:
        if len(held) + len(group) <= target:
            held.update(group)
        if len(held) == target:
            break
    smallest = min(order, key=len)
    return held or set(smallest if 3 * len(smallest) <= len(examples) else ())


def _asked(example: Example) -> Hashable:
    """What is read before the answer, in its letters and numbers alone."""
    if example.messages is None:
        return letters(example.text or "")
    return tuple(letters(message["content"]) for message in example.messages[:-1])


def _said(example: Example) -> Hashable:
    """All that is read and learnt: of one question with many answers, some answers are new."""
    if example.messages is None:
        return letters(example.text or "")
    return tuple(letters(message["content"]) for message in example.messages)


def letters(text: str) -> str:
    """A text without capitals, spaces and signs; as it stands where it has nothing else."""
    return "".join(filter(str.isalnum, text.casefold())) or text
