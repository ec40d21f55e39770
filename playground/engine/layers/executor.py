"""A model's layers as the engine runs them: its linear layers merged and each multiplied in a chosen way, and for the
Llama family a decoder of few, large operations in the place of transformers' own."""

from functools import partial
from typing import Any

from pydantic import BaseModel
from torch import nn
from transformers import PreTrainedModel

from playground.engine.layers.decoder import FAMILIES, FusedDecoder, merged_names
from playground.engine.layers.experts import find_experts
from playground.engine.layers.head import OutputHead
from playground.engine.layers.linear import Choice, MergedLinear
from playground.models.quantization import disable_cpu_repacking, is_plain_linear, memory_bytes

_EXECUTOR = "playground_executor"


class KernelChoices(BaseModel, frozen=True):
    """How a model's layers are multiplied on a machine; layers that are not named stay as they were loaded."""

    kernels: dict[str, Choice] = {}
    """By the layer's shape, as `shape_name` writes it."""
    quick_head_up_to: int = 0
    """For at most so many tokens the output head finds the likely words in a 4-bit copy."""
    num_bytes: int = 0
    """What all of it takes beside, or in the place of, the weights as they were loaded."""


class ModelExecutor:
    """Runs the layers of one model. There is one for each: `executor_of` finds or makes it."""

    def __init__(self, model: PreTrainedModel) -> None:
        disable_cpu_repacking(model)  # it would change weights in place; a kernel of ours stands in for it
        self._model = model
        head = model.get_output_embeddings()
        modules = {name: one for name, one in model.named_modules() if is_plain_linear(one) and one is not head}
        fused = model.config.model_type in FAMILIES
        together = merged_names(model) if fused else []
        merged = {name for names in together for name in names}
        self.layers = [MergedLinear({name: modules[name] for name in names}) for names in together]
        self.layers += [MergedLinear({name: one}) for name, one in modules.items() if name not in merged]
        self.parts = {name: (one, at) for one in self.layers for at, name in enumerate(one.modules)}
        """Of each linear layer but the head, by its name in the model: whose part it is, and which."""
        for name, (one, at) in self.parts.items():
            modules[name].forward = partial(one.forward_part, at)
        self.experts = find_experts(model)
        self.head = OutputHead(head) if type(head) is nn.Linear else None
        if self.head:
            head.forward = self.head.forward
        self.decoder = FusedDecoder(model, self.parts, self.head or head) if fused else None
        self.choices: KernelChoices | None = None
        model.forward = self._forward

    def use(self, choices: KernelChoices) -> None:
        """Multiply like this from now on."""
        for layer in self.layers:
            if names := choices.kernels.get(layer.shape_name):
                layer.use(names)
        if self.head:
            self.head.use(choices.kernels.get(self.head.layer.shape_name), choices.quick_head_up_to)
        self.choices = choices

    def memory_bytes(self) -> int:
        """What the weights take, in whatever layouts they are kept."""
        layers = [*self.layers, *([self.head.layer] if self.head else [])]
        kept = {id(kernel): kernel.num_bytes for layer in layers for kernel in layer.kernels}
        quick = self.head.quick.num_bytes if self.head and self.head.quick else 0
        return memory_bytes(self._model) + sum(kept.values()) + quick

    def described(self) -> dict[str, tuple[str, ...]]:
        """The kernels in use for each of `TOKEN_COUNTS`, by the names of the layers that are multiplied together."""
        layers = [*self.layers, *([self.head.layer] if self.head else [])]
        found = {layer.label: tuple(kernel.name for kernel in layer.kernels) for layer in layers}
        if self.head and self.head.quick:
            found[f"{self.head.layer.label}, likely words"] = (self.head.quick.name,)
        return found

    def _forward(self, *args: Any, forward_batch: Any = None, **others: Any) -> Any:
        """As the model's own; passes with a `ForwardBatch` go through the decoder where there is one."""
        if forward_batch is not None and self.decoder is not None:
            return self.decoder.forward(forward_batch=forward_batch, **others)
        if forward_batch is not None:
            others["forward_batch"] = forward_batch
        return type(self._model).forward(self._model, *args, **others)


def executor_of(model: PreTrainedModel) -> ModelExecutor:
    """The executor of a model; its layers go through it from then on."""
    found: ModelExecutor | None = vars(model).get(_EXECUTOR)
    if found is None:
        found = ModelExecutor(model)
        setattr(model, _EXECUTOR, found)
    return found
