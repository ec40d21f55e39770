"""llama.cpp's side, in a Python of its own: `python -m tests.bench.llama_cpp.worker FILE THREADS`.

One line of JSON on standard input asks, one on standard output answers; before the first it says what it was built for.
"""

import json
import sys
import time
from dataclasses import asdict
from functools import cache
from typing import Any

import llama_cpp
import numpy as np

from tests.bench.llama_cpp.answered import Answered, answered

CONTEXT = 1024
"""Tokens that one sequence may take."""


class Model:
    """llama.cpp's own batch: one token for each sequence a step, the likeliest one."""

    def __init__(self, file: str, threads: int) -> None:
        self._quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self._quiet, None)
        self._model = llama_cpp.llama_model_load_from_file(file.encode(), llama_cpp.llama_model_default_params())
        if not self._model:
            raise SystemExit(f"llama.cpp cannot read {file}")
        self._threads = threads
        self._vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self._model))
        self._batch = llama_cpp.llama_batch_init(2 * CONTEXT, 0, 1)

    def answer(self, prompts: list[list[int]], num_tokens: int) -> Answered:
        context = self._context(len(prompts))
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        seen: list[tuple[float, int]] = []
        began = time.perf_counter()
        rows = [(token, at, seq) for seq, prompt in enumerate(prompts) for at, token in enumerate(prompt)]
        last = [at == len(prompts[seq]) - 1 for _, at, seq in rows]
        for step in range(num_tokens):
            chosen = self._decode(context, rows, last)
            seen.append((time.perf_counter(), step + 1))
            rows = [(token, len(prompts[seq]) + step, seq) for seq, token in enumerate(chosen)]
            last = [True] * len(rows)
        return answered(began, [seen] * len(prompts))

    @cache  # noqa: B019 - one model and a few counts for the life of the process
    def _context(self, sequences: int) -> Any:
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_seq_max, options.n_batch = sequences * CONTEXT, sequences, 2 * CONTEXT
        options.n_threads = options.n_threads_batch = self._threads
        return llama_cpp.llama_init_from_model(self._model, options)

    def _decode(self, context: Any, rows: list[tuple[int, int, int]], wanted: list[bool]) -> list[int]:
        """The likeliest tokens after the rows (token, position, sequence) that are wanted."""
        self._batch.n_tokens = len(rows)
        for index, ((token, at, seq), want) in enumerate(zip(rows, wanted, strict=True)):
            self._batch.token[index], self._batch.pos[index] = token, at
            self._batch.n_seq_id[index], self._batch.seq_id[index][0] = 1, seq
            self._batch.logits[index] = want
        if llama_cpp.llama_decode(context, self._batch):
            raise RuntimeError("llama.cpp could not decode the batch")
        return [self._likeliest(context, index) for index, want in enumerate(wanted) if want]

    def _likeliest(self, context: Any, index: int) -> int:
        logits = llama_cpp.llama_get_logits_ith(context, index)
        return int(np.ctypeslib.as_array(logits, shape=(self._vocabulary,)).argmax())


def main() -> None:
    model = Model(sys.argv[1], int(sys.argv[2]))
    about = llama_cpp.llama_print_system_info().decode()
    print(json.dumps(f"llama-cpp-python {llama_cpp.__version__}: {about.strip()}"), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(model.answer(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
