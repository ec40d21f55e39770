"""Makes the bundled model: `python -m playground.starter DATA_FOLDER --out RUN_FOLDER`.

Ctrl-C or SIGTERM ends the run after the step; the same command goes on with it. It needs no network.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from playground.errors import PlaygroundError
from playground.starter.corpus import Example, gather
from playground.starter.export import export
from playground.starter.tokenizer import learn_tokenizer, load_tokenizer
from playground.starter.train import RECIPES, train

TOKENIZER_TEXTS = 12_000
"""Examples of each kind that the tokenizer is learnt from: about as many of each language."""
CHINESE_COUNTS = 6
"""times: its characters are thousands, and each is to become a token."""


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    recipe = RECIPES[arguments.recipe]
    if arguments.millions:
        recipe = replace(recipe, tokens=round(1e6 * arguments.millions))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        corpus = gather(arguments.data, recipe.seed)
        tokenizer = prepare_tokenizer(corpus, arguments.out, recipe.context_length)
        model, progress = train(
            corpus, tokenizer, recipe, arguments.out, arguments.device, arguments.compile, stopping=stop.is_set
        )
        if progress.tokens < recipe.tokens:
            print(f"Stopped at {progress.tokens / 1e6:.2f} million tokens. The same command goes on.", file=sys.stderr)
            return 1
        export(model, tokenizer, arguments.data, recipe, progress, arguments.out / "model")
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def prepare_tokenizer(corpus: dict[str, list[Example]], out: Path, context_length: int) -> PreTrainedTokenizerFast:
    """Learn the tokenizer, or take the one that this run has learnt before."""
    folder = out / "tokenizer"
    if (folder / "tokenizer_config.json").is_file():
        return load_tokenizer(folder)
    tokenizer = learn_tokenizer(_texts(corpus), context_length)
    tokenizer.save_pretrained(str(folder))
    return tokenizer


def _texts(corpus: dict[str, list[Example]]) -> Iterator[str]:
    for kind, examples in corpus.items():
        for example in examples[:TOKENIZER_TEXTS]:
            yield from (message["content"] for message in example.messages)
            yield from [example.completion] * (CHINESE_COUNTS if kind == "translate_zh" else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m playground.starter", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the training data")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the model; resumes there")
    parser.add_argument("--recipe", choices=tuple(RECIPES), default="cpu", help="the size that suits the machine")
    parser.add_argument("--millions", type=float, help="of tokens to read, if not as many as the recipe says")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--compile", action="store_true", help="let torch.compile fuse the model's steps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
