"""Watching it learn: a run's probe prompts, answered by the live model with each fresh checkpoint swapped in."""

import asyncio
import json
import logging
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from playground.errors import PlaygroundError
from playground.evaluation.paired import answer
from playground.files import append_line
from playground.protocol.messages import BASE, Message
from playground.protocol.model import ModelHost
from playground.training.jobs.job import Job
from playground.training.spec import MAX_PROBES

log = logging.getLogger(__name__)

PROBES_FILE = "probes.jsonl"
MAX_ANSWER_TOKENS = 60
BASE_STEP = 0


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """The answers at a step, in the order of the run's probes; step 0 is the base model."""

    step: int
    answers: tuple[str, ...]


def read_probes(folder: Path) -> list[ProbeAnswers]:
    """What was asked so far in a job's folder, by step; of a step that was asked again, the later answers."""
    try:
        lines = (folder / PROBES_FILE).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    found = {probed.step: probed for probed in map(_parse, lines) if probed}
    return [found[step] for step in sorted(found)]


class ProbeRunner:
    """Asks the newest checkpoint it was shown, in a thread that lives as long as there is one to ask.

    Older ones that are still waiting are skipped, and what goes wrong is logged: a run never waits for its probes.
    """

    def __init__(self, host: ModelHost) -> None:
        self._host = host
        self._changed = threading.Condition()
        self._waiting: tuple[Job, Path] | None = None
        self._working = False

    def look_at(self, job: Job, folder: Path) -> None:
        """Ask this checkpoint, a PEFT adapter folder named `step-N`, as soon as the one before is done."""
        if not job.spec.probes:
            return
        with self._changed:
            self._waiting = (job, folder)
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="probes", daemon=True).start()

    def finish(self, timeout_s: float) -> None:
        """Wait until all is asked; what has not begun by then is dropped."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._working, timeout_s):
                log.warning("the probes were not all asked within %s s", timeout_s)
                self._waiting = None

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._waiting is None:
                    self._working = False
                    self._changed.notify_all()
                    return
                (job, folder), self._waiting = self._waiting, None
            try:
                self._ask(job, folder)
            except PlaygroundError as error:
                log.warning("the checkpoint %s of %s was not asked: %s", folder.name, job.job_id, error)
            except Exception:  # such as a folder that was deleted meanwhile; the next checkpoint may do better
                log.exception("the checkpoint %s of %s could not be asked", folder.name, job.job_id)

    def _ask(self, job: Job, folder: Path) -> None:
        if all(probed.step != BASE_STEP for probed in read_probes(job.folder)):
            _append(job.folder, ProbeAnswers(BASE_STEP, self._answers(job, BASE)))
        step = int(folder.name.removeprefix("step-"))
        key = f"probe-{job.job_id}-{step}-{time.monotonic_ns()}"
        self._host.load_adapter(key, folder)
        try:
            _append(job.folder, ProbeAnswers(step, self._answers(job, key)))
        finally:
            self._host.unload_adapter(key)

    def _answers(self, job: Job, key: str) -> tuple[str, ...]:
        client = self._host.client(job.owner, key)

        async def all_of_them() -> list[str]:
            probes = job.spec.probes[:MAX_PROBES]
            asked: list[list[Message]] = [[{"role": "user", "content": probe}] for probe in probes]
            return await asyncio.gather(*(answer(client, one, MAX_ANSWER_TOKENS) for one in asked))

        return tuple(asyncio.run(all_of_them()))


def _append(folder: Path, probed: ProbeAnswers) -> None:
    append_line(folder / PROBES_FILE, json.dumps(asdict(probed)))


def _parse(line: bytes) -> ProbeAnswers | None:
    try:
        read = json.loads(line)
        return ProbeAnswers(int(read["step"]), tuple(str(text) for text in read["answers"]))
    except (ValueError, KeyError, TypeError):
        log.warning("a line that holds no answers is left out: %r", line[:80])
        return None
