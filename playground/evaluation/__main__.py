"""Prints one table of scores: `python -m playground.evaluation MODEL --data FOLDER`.

MODEL is `starter`, a folder with a model, a hub id, or a folder with a PEFT adapter, which is measured on its own base.
It is asked through the same tasks as on the page. The rows come from a data folder, laid out as `benchmark_data.py`
says; what is not in there is left out.
"""

import argparse
import asyncio
import json
import logging
import sys
from pathlib import Path

from playground.engine.host import LocalModelHost
from playground.errors import ModelError, PlaygroundError
from playground.evaluation.benchmark import evaluate, table
from playground.metrics.scores import bleu, chrf
from playground.models.loader import load_model
from playground.process import in_own_thread
from playground.protocol.messages import BASE
from playground.protocol.model import Quantization

ADAPTER_FILE = "adapter_config.json"
MEASURED = "measured"


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", force=True)  # an import has set one up
    logging.getLogger("playground.evaluation").setLevel(logging.INFO)
    try:
        model, adapter = _model_and_adapter(arguments.model, arguments.base)
        print(measure(model, arguments.data, arguments.rows, arguments.quantization, adapter))
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def measure(model: str, data: Path, rows: int, quantization: Quantization, adapter: Path | None = None) -> str:
    """Load the model as the app does and return the Markdown table, with the signatures of its metrics."""
    host = in_own_thread(lambda: LocalModelHost(load_model(model, quantization)))
    try:
        if adapter:
            host.load_adapter(MEASURED, adapter)
        measured = asyncio.run(evaluate(host.client(adapter=MEASURED if adapter else BASE), data, rows))
    finally:
        host.close()
    signatures = (f"BLEU {bleu(['a'], ['a'])[1]}", f"into Chinese {bleu(['a'], ['a'], True)[1]}")
    what = f"{host.info.name} with the adapter {adapter.name}" if adapter else host.info.name
    footer = f"{what}, {host.info.precision}. {'; '.join(signatures)}; chrF {chrf(['a'], ['a'])[1]}."
    return f"{table(measured)}\n\n{footer}"


def _model_and_adapter(name: str, base: str | None) -> tuple[str, Path | None]:
    folder = Path(name).expanduser()
    if not (folder / ADAPTER_FILE).is_file():
        return name, None
    try:
        named = json.loads((folder / ADAPTER_FILE).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError, OSError):
        named = None
    if not base and not (isinstance(named, str) and named):
        raise ModelError(
            "The adapter in {folder} does not say which model it is for. Name it with --base.", folder=folder
        )
    found = base or str(named)
    return found.lower() if found.lower() == "starter" else found, folder


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m playground.evaluation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="starter, a folder with a model or an adapter, or a hub id")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the held-out rows")
    parser.add_argument("--rows", type=int, default=200, help="rows of each kind at most (default: 200)")
    parser.add_argument("--base", help="the model that an adapter is for, if its own configuration names another place")
    parser.add_argument("--quantization", default="auto", choices=("auto", "4bit", "8bit", "none"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
