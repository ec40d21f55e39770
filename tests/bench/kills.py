"""Kills a training process at random moments, a third of them inside a save: `python -m tests.bench.kills`.

The tests' tiny model trains in real workers beside a live model that is asked all the time; what was killed is
resumed, and must end in the numbers of a run that nobody touched. Prints one Markdown table.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from playground.adapters.check import check_folder
from playground.adapters.store import AdapterStore
from playground.data_dir import DataDir
from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.process import worker_threads
from playground.protocol.model import ModelInfo
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.service.publishing import handover
from playground.training.config import TrainingConfig
from playground.training.jobs.queue import JobQueue
from playground.training.jobs.state import JobState
from playground.training.preflight.client import Preflight
from tests.support.killing import PATIENCE_S, Kill, Victim, apart, weights_apart
from tests.support.tiny_model import TINY
from tests.support.training_runs import stored

OWNER = "ann"
STEPS, BETWEEN = 36, 6
KILLS_A_RUN = 5


class Watch:
    """Asks the live model and looks at the listed adapters, until told to stop."""

    def __init__(self, host: LocalModelHost, store: AdapterStore) -> None:
        self.answers: list[str] = []
        self.slowest_s = 0.0
        self.looks = 0
        self.damaged = 0
        self._over = threading.Event()
        self._host, self._store = host, store
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._look)]

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self.answers.append(answer(self._host))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self._over.wait(0.5)

    def _look(self) -> None:
        while not self._over.is_set():
            for card in self._store.list(OWNER):
                self.looks += 1
                try:
                    check_folder(card.folder)
                except Exception:
                    self.damaged += 1
            self._over.wait(0.05)


def answer(host: LocalModelHost) -> str:
    """A greedy answer of the base model."""
    tokens = tuple(host.tokenizer.apply_chat_template([{"role": "user", "content": "Tell a story about a cat."}]))
    request = GenerateRequest(tokens, SamplingParams(temperature=0.0, max_new_tokens=12), owner=OWNER)
    return host._live().submit(request).result(PATIENCE_S).text


@contextmanager
def stage(root: Path) -> Iterator[tuple[LocalModelHost, AdapterStore, JobQueue]]:
    """The model as the app has it, without a page."""
    data = DataDir(root)
    host, store = LocalModelHost(load_model(str(TINY), "4bit")), AdapterStore(data)
    # with cores given and taken meanwhile, losses would differ in their last digits
    pinned = replace(handover(host, store, Preflight(data.trials)), threads=worker_threads)
    jobs = JobQueue(data, pinned)
    try:
        yield host, store, jobs
    finally:
        jobs.close()
        host.close()


def start(jobs: JobQueue, info: ModelInfo) -> str:
    """A run of `STEPS` steps that saves after every `BETWEEN` of them."""
    values = TrainingConfig(
        max_steps=STEPS, r=8, lora_alpha=16, lora_dropout=0.1, learning_rate=2e-3, early_stopping_patience=0
    )
    return jobs.start(
        OWNER,
        "Victim",
        stored(),
        values,
        model=str(info.folder),
        quantization="4bit",
        base_fingerprint=info.fingerprint,
    )


def torment(victim: Victim, kills: list[tuple[Kill, bool]], strikes: list[bool]) -> JobState:
    """Kill the run for each of `strikes` (True: inside a save), resume it each time, and let it end."""
    reached = 0
    for in_save in strikes:
        left = STEPS - reached
        if left <= BETWEEN:
            break
        step = reached + victim.chance.randrange(left - BETWEEN)
        kill = victim.kill_in_save(step) if in_save else victim.kill_at_step(step + 1)
        if kill is None:
            break
        reached = kill.reached
        kills.append((kill, victim.resume() == reached))
        print(f"kill {len(kills)}: at {reached}, inside a save: {kill.in_save}", file=sys.stderr, flush=True)
    return victim.finish()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    kills: list[tuple[Kill, bool]] = []
    ends: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as (host, store, jobs):
        whole = Victim(jobs, OWNER, start(jobs, host.info), chance).finish()
        reference = store.get(OWNER, str(whole["adapter"])).folder
        # Ctrl-C ends it early with what was seen until then
        with Watch(host, store) as watch, contextlib.suppress(KeyboardInterrupt):
            while len(kills) < options.count:
                wanted = options.count // 3 - sum(kill.in_save for kill, _ in kills)
                room = min(KILLS_A_RUN, options.count - len(kills))
                strikes = [place < min(wanted, 3) for place in range(room)]
                chance.shuffle(strikes)
                state = torment(Victim(jobs, OWNER, start(jobs, host.info), chance), kills, strikes)
                mine = store.get(OWNER, str(state["adapter"])).folder
                ends.append((apart(state, whole), weights_apart(mine, reference)))
        listed = [card.id for card in store.list(OWNER)]
    report(kills, ends, watch, len(listed))


def report(kills: list[tuple[Kill, bool]], ends: list[tuple[float, float]], watch: Watch, listed: int) -> None:
    rows = [
        ("kills, of them inside a save", f"{len(kills)}, {sum(kill.in_save for kill, _ in kills)}", "30, 10"),
        ("resumes that went on from the newest whole checkpoint", f"{sum(right for _, right in kills)}", "all"),
        ("runs killed again and again that ended, their adapters", f"{len(ends)}, {listed - 1}", "all"),
        ("largest difference of a loss from the run in one piece", _largest(loss for loss, _ in ends), "1e-6"),
        ("largest difference of a weight", _largest(weight for _, weight in ends), "-"),
        ("looks at the listed adapters, half-written ones", f"{watch.looks}, {watch.damaged}", "0"),
        (
            "answers of the live model meanwhile, different ones, slowest",
            f"{len(watch.answers)}, {len(set(watch.answers))}, {watch.slowest_s:.1f} s",
            "1 different",
        ),
    ]
    print("\n".join(["| figure | seen | promised |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]))


def _largest(differences: Iterable[float]) -> str:
    return f"{max(differences, default=float('nan')):.1e}"


if __name__ == "__main__":
    main()
