"""Chooses how each linear layer is multiplied: what this machine does fastest for one token, a few, many and a prompt,
within the memory that there is for it.

What is right on one CPU is wrong on the next: so it is measured, once for each machine and model.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from playground.engine.forward_batch import ForwardBatch, PrefillChunk
from playground.engine.kv_cache import KVCache
from playground.engine.layers.decoder import FusedDecoder
from playground.engine.layers.executor import KernelChoices, ModelExecutor
from playground.engine.layers.head import NUM_LIKELY, OutputHead
from playground.engine.layers.kernels import AsLoaded
from playground.engine.layers.linear import TOKEN_COUNTS, UP_TO, Choice, MergedLinear

log = logging.getLogger(__name__)

KERNEL_SHARE = 1 / 5
"""Of the free memory, what the weights may take once more in layouts that are faster."""
MAX_KL = 0.005
"""How far a head with a 4-bit copy may be from the exact one on real text, as the mean divergence in nats."""
_SURE_TOP = 50
"""So many likeliest words must all be among those that are computed again."""
_EXAMPLES = 4
"""So many layers of one shape take turns while they are measured: one alone would be read from the CPU's cache."""
_PROMPT = 64
_ROUNDS = 2
_LONG_ENOUGH_S = 0.004
_WORTH = 0.05
"""Of its time, summed over `TOKEN_COUNTS`, a layer must gain so much for each further copy of its weight."""
_ALIKE = 0.03
"""Kernels of one weight may differ by so much of their product's size: 16 bits round differently in other orders."""


@dataclass(slots=True)
class Measured:
    """Of one shape: seconds by kernel, for each of `TOKEN_COUNTS`; bytes of one layer by kernel; how many layers."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    num_bytes: dict[str, int] = field(default_factory=dict)
    num_layers: int = 0

    def choices(self) -> list[Choice]:
        """One kernel for all counts, or for each the fastest of two."""
        names = list(self.seconds)
        pairs = [(one, other) for one in names for other in names if one <= other]
        return [tuple(one if self._faster(one, other, at) else other for at in _COUNTS) for one, other in pairs]

    def _faster(self, one: str, other: str, at: int) -> bool:
        return self.seconds[one][at] <= self.seconds[other][at]

    def cost(self, choice: Choice) -> float:
        """How many times the fastest's time it takes, summed over the counts."""
        best = [min(times[at] for times in self.seconds.values()) for at in _COUNTS]
        return sum(self.seconds[name][at] / best[at] for at, name in zip(_COUNTS, choice, strict=True))

    def bytes_of(self, choice: Choice) -> int:
        return self.num_layers * sum(self.num_bytes.get(name, 0) for name in set(choice))


_COUNTS = range(len(TOKEN_COUNTS))


def measure(layers: Sequence[MergedLinear]) -> Measured:
    """Time each kernel of layers that have one shape."""
    examples = layers[:_EXAMPLES]
    found = Measured(num_layers=len(layers))
    makers = examples[0].candidates()
    makers.pop(AsLoaded.name)  # never the fastest; it is left for where there is no memory
    for name in makers.keys() - set.intersection(*(set(layer.candidates()) for layer in layers)):
        makers.pop(name)  # what one of them cannot do, as its weight does not allow it, is chosen for none
    if not makers:
        return found
    dtype = examples[0].dtype
    states = {count: torch.randn(count, layers[0].in_features).to(dtype) for count in TOKEN_COUNTS}
    reference = examples[0](states[TOKEN_COUNTS[1]]).float()
    for name in makers:
        kernels = [layer.candidates()[name]() for layer in examples]
        difference = (kernels[0](states[TOKEN_COUNTS[1]]).float() - reference).norm() / reference.norm()
        if difference > _ALIKE:
            continue
        one = kernels[:1]  # a prompt takes longer to multiply than the weight to read
        found.seconds[name] = [_seconds(one if count >= _PROMPT else kernels, states[count]) for count in TOKEN_COUNTS]
        found.num_bytes[name] = kernels[0].num_bytes
    return found


def _seconds(kernels: Sequence[Callable[[torch.Tensor], torch.Tensor]], states: torch.Tensor) -> float:
    """The least time of a call, each kernel in turn."""
    best, began = math.inf, time.perf_counter()
    for done in range(1, 1000):
        start = time.perf_counter()
        for kernel in kernels:
            kernel(states)
        best = min(best, time.perf_counter() - start)
        if done >= _ROUNDS and time.perf_counter() - began > _LONG_ENOUGH_S:
            break
    return best / len(kernels)


def choose(measured: Mapping[str, Measured], max_bytes: int) -> dict[str, Choice]:
    """The fastest kernels of each shape that fit together into `max_bytes`; shapes that nothing fits stay as loaded.

    From the smallest choice on, what gains most for its bytes is taken first.
    """
    as_loaded: Choice = (AsLoaded.name,) * len(TOKEN_COUNTS)
    chosen: dict[str, Choice] = {}
    used = 0
    for shape, one in measured.items():
        smallest = min(one.choices(), key=lambda choice: (one.bytes_of(choice), one.cost(choice)))
        fits = used + one.bytes_of(smallest) <= max_bytes
        chosen[shape] = smallest if fits else as_loaded
        used += one.bytes_of(smallest) if fits else 0
    while steps := _better(measured, chosen, max_bytes - used):
        _, shape, choice = max(steps)
        used += measured[shape].bytes_of(choice) - measured[shape].bytes_of(chosen[shape])
        chosen[shape] = choice
    return chosen


def _better(
    measured: Mapping[str, Measured], chosen: Mapping[str, Choice], room: int
) -> list[tuple[float, str, Choice]]:
    """What could be chosen instead, with what it gains for each byte more."""
    found = []
    for shape, now in chosen.items():
        one = measured[shape]
        if AsLoaded.name in now and AsLoaded.name not in one.seconds:
            continue
        for choice in one.choices():
            more = one.bytes_of(choice) - one.bytes_of(now)
            gain = one.cost(now) - one.cost(choice)
            copies = max(0, len(set(choice)) - len(set(now)))
            if gain > _WORTH * len(TOKEN_COUNTS) * max(1, copies) and more <= room:
                found.append((gain / max(1, more), shape, choice))
    return found


@torch.inference_mode()
def tune(executor: ModelExecutor, sample: Sequence[int], max_bytes: int) -> KernelChoices:
    """Measure and choose for a model; `sample` are tokens of real text, on which a 4-bit copy of the head is judged."""
    shapes: dict[str, list[MergedLinear]] = {}
    for layer in (*executor.layers, *([executor.head.layer] if executor.head else [])):
        shapes.setdefault(layer.shape_name, []).append(layer)
    measured = {shape: measure(layers) for shape, layers in shapes.items()}
    chosen = choose({shape: one for shape, one in measured.items() if one.seconds}, max_bytes)
    head = executor.head
    quick_up_to = 0
    if executor.decoder and head and head.can_be_quick:
        seconds, choice = measured[head.layer.shape_name].seconds, chosen[head.layer.shape_name]
        exact = [seconds[name][at] for at, name in enumerate(choice)]
        quick_up_to = _quick_up_to(executor.decoder, head, exact, sample)
    num_bytes = sum(measured[shape].bytes_of(choice) for shape, choice in chosen.items())
    return KernelChoices(kernels=chosen, quick_head_up_to=quick_up_to, num_bytes=num_bytes)


def _quick_up_to(decoder: FusedDecoder, head: OutputHead, exact_s: Sequence[float], sample: Sequence[int]) -> int:
    """For how many tokens a 4-bit copy of the head is faster, if it is faithful; 0 for none."""
    batch = ForwardBatch(KVCache(), prefill=[PrefillChunk(0, 0, sample)])
    states = decoder.normed_states(**batch.inputs(torch.device("cpu")))
    quick = head.nf4_copy()
    exact, refined = head(states), torch.cat([head.refined(quick, row) for row in torch.split(states, 1)])
    likely = quick(states).topk(NUM_LIKELY, sorted=False).indices
    found = torch.zeros_like(exact, dtype=torch.bool).scatter_(1, likely, True)
    missed = (~found.gather(1, exact.topk(_SURE_TOP).indices)).sum()
    logs = exact.float().log_softmax(-1)
    divergence = float((logs.exp() * (logs - refined.float().log_softmax(-1))).sum(-1).mean())
    log.info("a 4-bit copy of the head: divergence %.4f, likely words missed %d", divergence, int(missed))
    if missed or divergence > MAX_KL:
        return 0
    faster = 0
    for count, most, seconds in zip(TOKEN_COUNTS[:2], UP_TO, exact_s, strict=False):
        if _seconds([partial(head.refined, quick)], states[:count]) < seconds:
            faster = most
    return faster
