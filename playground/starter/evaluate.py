"""Prints a table of scores: `python -m playground.starter.evaluate MODEL --data FOLDER --rows N [--adapter FOLDER]`."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from playground.engine.live import start_engine
from playground.errors import PlaygroundError
from playground.evaluation.measures import bleu, chrf
from playground.evaluation.run import evaluate, table
from playground.models.codec import codec_for
from playground.models.loader import load_model
from playground.protocol import BASE, Live, Voice
from playground.settings import Quantization


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.WARNING)
    try:
        print(measure(arguments.model, arguments.data, arguments.rows, arguments.quantization, arguments.adapter))
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def measure(model: str, data: Path, rows: int, quantization: Quantization, adapter: Path | None = None) -> str:
    """Load the model as the app does and return the Markdown table, with the signatures of its measures."""
    loaded = load_model(model, quantization)
    codec = codec_for(loaded)
    engine = start_engine(loaded, codec)
    try:
        if adapter:
            engine.load_adapter("measured", adapter)
        voice = Voice("measured" if adapter else BASE)
        measured = asyncio.run(evaluate(Live(engine, codec), voice, data, rows))
        status = engine.status()
    finally:
        engine.close()
    signatures = (f"BLEU {bleu(['a'], ['a'])[1]}", f"into Chinese {bleu(['a'], ['a'], True)[1]}")
    footer = f"{status.model}, {status.quantization}. {'; '.join(signatures)}; chrF {chrf(['a'], ['a'])[1]}."
    return f"{table(measured)}\n\n{footer}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m playground.starter.evaluate", description=__doc__)
    parser.add_argument("model", help="starter, a folder with a model, or a hub id")
    parser.add_argument("--data", type=Path, required=True, help="the data folder that the recipe reads")
    parser.add_argument("--rows", type=int, default=200, help="rows of each kind at most (default: 200)")
    parser.add_argument("--adapter", type=Path, help="folder of an adapter to measure instead of the base model")
    parser.add_argument("--quantization", default="auto", choices=("auto", "4bit", "8bit", "none"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
