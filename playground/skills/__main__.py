"""Makes the built-in skills of a model: `python -m playground.skills DATA_FOLDER`.

Each is a LoRA adapter for one task, trained as a visitor's would be, measured on rows that it never saw beside the
plain model, and put into `assets/skills/`. Ctrl-C ends it; the same command goes on. It needs no network. The files
that belong into DATA_FOLDER are named in `playground.skills.recipes`.
"""

import argparse
import logging
import sys
from pathlib import Path

from playground.adapters.builtin import SKILLS_FOLDER
from playground.errors import PlaygroundError
from playground.process import quiet_openmp
from playground.skills.recipes import RECIPES


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True)
    quiet_openmp()
    from playground.skills.publish import publish  # brings torch
    from playground.skills.train import train

    try:
        for recipe in RECIPES:
            if arguments.only and recipe.task not in arguments.only:
                continue
            job = train(recipe, arguments.model, arguments.data, arguments.runs)
            publish(recipe, job, arguments.data, arguments.out / recipe.task, arguments.rows)
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m playground.skills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder with the rows")
    parser.add_argument("--only", nargs="+", choices=[recipe.task for recipe in RECIPES], help="these tasks alone")
    parser.add_argument("--model", default="starter", help="the base model (default: starter, the bundled one)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="of the runs (default: runs)")
    parser.add_argument("--out", type=Path, default=SKILLS_FOLDER, help="where the skills go (default: assets/skills)")
    parser.add_argument("--rows", type=int, default=300, help="rows of each benchmark at most (default: 300)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
