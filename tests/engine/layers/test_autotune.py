"""What is measured is what is chosen, within the memory that there is, and it is not measured twice."""

from pathlib import Path

import pytest
import torch
from torch import nn

from playground.engine.forward_batch import ForwardBatch, PrefillChunk
from playground.engine.kv_cache import KVCache
from playground.engine.layers import kernel_cache
from playground.engine.layers.autotune import Measured, choose, measure, tune
from playground.engine.layers.executor import KernelChoices, ModelExecutor, executor_of
from playground.engine.layers.head import NUM_LIKELY, OutputHead
from playground.engine.layers.kernel_cache import kernel_choices
from playground.engine.layers.kernels import PackedHalf
from playground.engine.layers.linear import TOKEN_COUNTS, MergedLinear
from playground.engine.lora import MultiLora
from playground.engine.lora_stack import LoraSegment
from playground.models.loader import load_model

PACKED = Measured({"packed": [1, 2, 9, 90], "dense": [4, 4, 4, 40]}, {"packed": 10, "dense": 40}, num_layers=2)


def test_two_kernels_where_each_is_the_fastest_somewhere() -> None:
    assert choose({"a": PACKED}, 1000) == {"a": ("packed", "packed", "dense", "dense")}


def test_without_room_the_smaller_one_does_it_all_and_without_any_it_stays_as_loaded() -> None:
    assert choose({"a": PACKED}, 90) == {"a": ("packed",) * 4}
    assert choose({"a": PACKED}, 10) == {"a": ("as loaded",) * 4}


def test_room_goes_where_it_gains_most() -> None:
    """Of two shapes that could both be faster, the one that gains more for its bytes comes first."""
    little = Measured({"packed": [1, 1, 1.5, 1.5], "dense": [2, 2, 1, 1]}, {"packed": 10, "dense": 40}, num_layers=2)
    chosen = choose({"little": little, "much": PACKED}, 130)
    assert chosen == {"little": ("packed",) * 4, "much": ("packed", "packed", "dense", "dense")}


def test_no_second_copy_for_next_to_nothing() -> None:
    near = Measured({"packed": [1, 1, 1.1, 1], "dense": [1.2, 1, 1, 1.01]}, {"packed": 10, "dense": 40}, num_layers=1)
    assert choose({"a": near}, 1000) == {"a": ("packed",) * 4}


def test_what_one_of_them_cannot_do_is_not_offered_to_any() -> None:
    """Layers of one shape are chosen for together; fp16 would lose digits of the second one's weight."""
    layers = [nn.Linear(64, 64) for _ in range(2)]
    layers[0].weight.data = layers[0].weight.data.bfloat16().float()
    merged = [MergedLinear({f"layer.{at}": layer}) for at, layer in enumerate(layers)]
    found = measure(merged)
    assert found.seconds and PackedHalf.name not in found.seconds
    for layer in merged:
        layer.use((min(found.seconds),) * len(TOKEN_COUNTS))


def test_a_model_is_measured_once(tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start reads what this one chose; less memory, or a file that cannot be read, has it measured again."""
    file, measured = tmp_path / "kernels.json", []

    def counted(executor: ModelExecutor, sample: list[int], max_bytes: int) -> KernelChoices:
        measured.append(max_bytes)
        return tune(executor, sample, max_bytes)

    monkeypatch.setattr(kernel_cache, "tune", counted)

    def start() -> KernelChoices:
        loaded = load_model(str(tiny_model_folder), "4bit")
        return kernel_choices(executor_of(loaded.model), loaded, file)

    first = start()
    assert start() == first
    assert len(measured) == 1
    monkeypatch.setattr(kernel_cache, "free_beside", lambda: 0)
    assert set(start().kernels.values()) <= {("as loaded",) * 4, ("dense",) * 4}
    file.write_text("{broken")
    start()
    assert len(measured) == 3


def wide_head(dtype: torch.dtype) -> OutputHead:
    torch.manual_seed(0)
    return OutputHead(nn.Linear(64, 32 * NUM_LIKELY, bias=False, dtype=dtype))


@torch.inference_mode()
def test_likely_logits_are_exact_and_all_are_where_they_count() -> None:
    """What can be chosen is computed from the head itself; who reads probabilities gets all of it so."""
    head = wide_head(torch.bfloat16)
    if not head.can_be_quick:
        pytest.skip("this CPU has no product with packed 4-bit weights")
    head.use(None, 8)
    states = torch.randn(3, 64, dtype=torch.bfloat16)
    exact, quick = head(states, True), head(states, False)
    likely = exact.topk(50).indices
    assert torch.allclose(quick.gather(1, likely), exact.gather(1, likely), atol=0.02)
    assert not torch.equal(quick, exact)
    assert torch.equal(head(torch.cat([states] * 3), False), head(torch.cat([states] * 3), True))  # too many for it


def test_a_head_of_few_words_or_in_fp32_has_no_copy() -> None:
    assert not wide_head(torch.float32).can_be_quick
    assert not OutputHead(nn.Linear(64, 512, dtype=torch.bfloat16)).can_be_quick


@pytest.mark.parametrize("kernel", ["as loaded", "dense", "prepacked"])
@torch.inference_mode()
def test_bases_bits_are_the_same_on_every_kernel(tiny_model_folder: Path, adapters: list[Path], kernel: str) -> None:
    """For one token, a few, many and a prompt: before an adapter came, and after it has left."""
    model = load_model(str(tiny_model_folder), "4bit").model
    executor = executor_of(model)
    executor.use(KernelChoices(kernels={layer.shape_name: (kernel,) * 4 for layer in executor.layers}))
    lora = MultiLora(model, model.device)
    for count in TOKEN_COUNTS:
        batch = [PrefillChunk(0, 0, [7 + at % 300 for at in range(count)])]
        before = ForwardBatch(KVCache(), prefill=batch).run(model).prefill
        lora.add("a", adapters[0], lora.read(adapters[0]))
        with lora.applied([LoraSegment("a", 1.0, count)], [LoraSegment("a", 1.0, 1)]):
            taught = ForwardBatch(KVCache(), prefill=batch).run(model).prefill
        assert not torch.equal(taught, before)
        lora.remove("a")
        assert torch.equal(ForwardBatch(KVCache(), prefill=batch).run(model).prefill, before), count
