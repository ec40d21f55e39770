"""What an output head in fewer bits costs in quality: `python -m tests.bench.head_quality FOLDER [--data FOLDER]`.

FOLDER holds a model. On top of layers in NF4, its output head, and with it the embedding, stand in 16 bits, in int8
with a scale for each row, or in NF4. The next-token distributions along real conversations are compared with those of
the unquantized model and of the 16-bit head. With `--data`, laid out as `python -m playground.evaluation` reads
it, the built-in tasks are asked too, the same rows of each, so that a difference has an interval. Prints Markdown.
"""

import argparse
import asyncio
import json
import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from torch import nn

from playground.engine.host import LocalModelHost
from playground.evaluation.benchmark import answers
from playground.evaluation.benchmark_data import held_out_rows
from playground.models.loader import LoadedModel, load_model
from playground.protocol.messages import Message
from playground.protocol.model import Quantization
from playground.tasks.base import Benchmark
from playground.tasks.registry import all_tasks
from tests.bench.engine import machine
from tests.support.running_app import ROOT

CONVERSATIONS = ROOT / "assets" / "examples" / "polite_replies.jsonl"
RESAMPLES = 200


def int8(weight: torch.Tensor) -> torch.Tensor:
    """`weight` (V, H) through symmetric int8, a scale for each row."""
    scale = weight.float().abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    return ((weight / scale).round() * scale).to(weight.dtype)


def nf4(weight: torch.Tensor) -> torch.Tensor:
    """`weight` (V, H) through NF4, a scale for each 64."""
    return dequantize_4bit(*quantize_4bit(weight, blocksize=64, quant_type="nf4"))


FORMATS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "16 bits": lambda weight: weight,
    "int8": int8,
    "NF4": nf4,
}


@dataclass(frozen=True, slots=True)
class Variant:
    layers: Quantization
    head: str
    embedding: str

    def load(self, folder: Path) -> LoadedModel:
        loaded = load_model(str(folder), self.layers)
        head, embedding = loaded.model.get_output_embeddings(), loaded.model.get_input_embeddings()
        weights = head.weight.detach(), embedding.weight.detach()
        for module, name, weight in zip((head, embedding), (self.head, self.embedding), weights, strict=True):
            module.weight = nn.Parameter(FORMATS[name](weight), requires_grad=False)
        return loaded

    def __str__(self) -> str:
        return f"{'NF4' if self.layers == '4bit' else '16 bits'} | {self.head} | {self.embedding}"


UNQUANTIZED, SERVED = Variant("none", "16 bits", "16 bits"), Variant("4bit", "16 bits", "16 bits")
SMALLER = [
    replace(SERVED, head=head, embedding=embedding) for head in ("int8", "NF4") for embedding in ("16 bits", head)
]


def main() -> None:
    arguments = _arguments()
    print("\n".join(distributions(arguments.folder, arguments.conversations)), flush=True)
    if arguments.data:
        print("\n".join(tasks(arguments.folder, arguments.data, arguments.rows)), flush=True)
    print(f"\n{machine()}")


def distributions(folder: Path, conversations: int) -> Iterator[str]:
    """Along the assistant's words, which is what people read."""
    yield "| layers | head | embedding | KL from 16 bits | KL from a 16-bit head | same likeliest token | perplexity |"
    yield "|---|---|---|---|---|---|---|"
    unquantized, targets = logprobs(UNQUANTIZED.load(folder), conversations)
    served, _ = logprobs(SERVED.load(folder), conversations)
    for variant in (UNQUANTIZED, SERVED, *SMALLER):
        own = {UNQUANTIZED: unquantized, SERVED: served}.get(variant)
        found = logprobs(variant.load(folder), conversations)[0] if own is None else own
        same = (found.argmax(1) == served.argmax(1)).float().mean()
        perplexity = math.exp(-found.gather(1, targets[:, None]).mean())
        kl = f"{divergence(unquantized, found)} | {divergence(served, found)}"
        yield f"| {variant} | {kl} | {same:.1%} | {perplexity:.2f} |"
    yield f"\n{len(targets)} tokens."


@torch.inference_mode()
def logprobs(loaded: LoadedModel, conversations: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of N tokens of the assistant's, the distributions (N, V) that they were expected by, and themselves (N).

    The head's product is in fp32, so that its own rounding does not hide what the weights lost.
    """
    head = loaded.model.get_output_embeddings().weight.float()
    found: list[torch.Tensor] = []
    targets: list[torch.Tensor] = []
    for row in CONVERSATIONS.read_text(encoding="utf-8").splitlines()[:conversations]:
        asked, said = json.loads(row).values()
        messages: list[Message] = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        tokens, learnt = map(torch.tensor, loaded.tokenizer.tokenize_conversation(messages))
        states = loaded.model.base_model(tokens[None]).last_hidden_state[0, :-1]
        found.append((states[learnt[1:]].float() @ head.T).log_softmax(1))
        targets.append(tokens[1:][learnt[1:]])
    return torch.cat(found), torch.cat(targets)


def divergence(reference: torch.Tensor, other: torch.Tensor) -> str:
    """The mean over the tokens, in nats, and its standard error."""
    each = nn.functional.kl_div(other, reference, reduction="none", log_target=True).sum(1)
    return f"{each.mean():.5f} ± {each.std() / len(each) ** 0.5:.5f}"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What one variant said to the rows of one benchmark."""

    benchmark: Benchmark
    references: list[Any]
    predictions: list[str]

    def scores(self, places: Sequence[int]) -> dict[str, float]:
        """Of the rows at these places."""
        return self.benchmark.scores([self.predictions[at] for at in places], [self.references[at] for at in places])


def tasks(folder: Path, data: Path, rows: int) -> Iterator[str]:
    """The smaller heads, the embedding with them, against a 16-bit one; intervals by a paired bootstrap."""
    variants = [one for one in SMALLER if one.embedding == one.head]
    titles = " | ".join(f"{one.head}: difference, 95 % of it" for one in variants)
    yield f"\n| held-out rows | rows | score | 16 bits | {titles} |\n|---|---|---|---|{'---|' * len(variants)}"
    served, *smaller = (ask(one.load(folder), data, rows) for one in (SERVED, *variants))
    for place, before in enumerate(served):
        size = len(before.references)
        draws = [range(size), *np.random.default_rng(0).integers(0, size, (RESAMPLES, size)).tolist()]
        scores, *others = ([one.scores(draw) for draw in draws] for one in (before, *(them[place] for them in smaller)))
        for name, score in scores[0].items():
            told = " | ".join(
                difference([one[name] for one in scores], [one[name] for one in other]) for other in others
            )
            yield f"| {before.benchmark.title} | {size} | {name} | {score:.1f} | {told} |"


def difference(before: list[float], after: list[float]) -> str:
    """Of all rows, which come first, and of the resamples that follow."""
    seen, *drawn = np.subtract(after, before)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{seen:+.1f} ({low:+.1f} to {high:+.1f})"


def ask(loaded: LoadedModel, data: Path, rows: int) -> list[Predicted]:
    """Every benchmark of the tasks, as `playground.evaluation` draws its rows."""
    host = LocalModelHost(loaded)
    found: list[Predicted] = []
    try:
        for name, task in all_tasks().items():
            for benchmark in task.benchmarks:
                kept = [row for row in held_out_rows(data, benchmark.file) if benchmark.keep(row)]
                drawn = random.Random(0).sample(kept, min(rows, len(kept)))
                said = asyncio.run(answers(host.client(), name, [benchmark.inputs(row) for row in drawn]))
                found.append(Predicted(benchmark, [benchmark.reference(row) for row in drawn], said))
    finally:
        host.close()
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.head_quality", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--conversations", type=int, default=16)
    parser.add_argument("--data", type=Path, help="the folder with the held-out rows")
    parser.add_argument("--rows", type=int, default=200, help="of each kind at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
