"""The process that tries a run out: `python -m playground.training.preflight FOLDER/spec.json`.

It loads the model as the worker does, then answers each line of training values on its standard input with a line of
figures on its standard output. What it trains is thrown away.
"""

import json
import logging
import os
import sys
from pathlib import Path

from playground.errors import PlaygroundError
from playground.memory import free_bytes, out_of_memory
from playground.process import LOG_FILE, become_worker
from playground.training.config import TrainingConfig
from playground.training.spec import TrainingSpec
from playground.training.worker.inputs import load_base

log = logging.getLogger("playground.training.preflight")


def main(arguments: list[str]) -> int:
    """Answer until the input ends; returns the exit code."""
    path = Path(arguments[0]).absolute()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    spec = TrainingSpec.load(path)
    become_worker(path.parent / LOG_FILE, offline=Path(spec.model).expanduser().is_dir() or spec.model == "starter")
    try:
        loaded = load_base(spec)
        from playground.training.preflight.trial import Trial

        trial = Trial(loaded, path.parent)
    except PlaygroundError as error:
        sys.stdin.readline()
        print(json.dumps(_refusal(error)), file=answers, flush=True)
        return 1
    for line in sys.stdin:
        try:
            answer = trial.measure(TrainingConfig.model_validate_json(line))
        except PlaygroundError as error:
            answer = _refusal(error)
        except Exception as error:
            log.exception("the trial failed")
            if not out_of_memory(error):
                return 1
            answer = {"too_much": True, "free_bytes": free_bytes()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


def _refusal(error: PlaygroundError) -> dict[str, object]:
    return error.sentence.to_plain()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
