"""Teaching: what a run would take, starting one, following it, and what it leaves behind."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from playground.adapters.info import check_name
from playground.adapters.store import AdapterStore
from playground.errors import InputError
from playground.protocol.messages import Message
from playground.protocol.model import ModelHost
from playground.sentence import Sentence
from playground.service.datasets import DatasetService
from playground.service.preflight import Questions, Trials
from playground.service.probes import ProbeAnswers, read_probes
from playground.service.publishing import left_out, publish_step
from playground.service.reading.dataset import DatasetFile
from playground.service.runs import (
    SEEN_FILE,
    DatasetSource,
    KeptStep,
    kept_steps,
    note_source,
    read_source,
    sample_rows,
)
from playground.settings import Mode
from playground.threads import quick
from playground.training.config import TrainingConfig
from playground.training.defaults import Intensity, defaults_for
from playground.training.jobs.events import FINISHED
from playground.training.jobs.job import Job
from playground.training.jobs.queue import JobQueue
from playground.training.jobs.state import JobState
from playground.training.model_limits import check_dropout, check_rank, fitting_defaults
from playground.training.preflight.result import PreflightRequest, PreflightResult, preflight_request
from playground.training.setting import ConfigContext
from playground.training.spec import MAX_PROBES

MAX_PROBE_CHARS = 2_000
SampleRows = Sequence[tuple[list[Message], str]]
RECENT_S = 15 * 60
"""A run without a result that ended longer ago is not shown again to its owner."""


class FinetuningService:
    """Runs of their owners. Unknown and foreign ids raise the same `InputError`."""

    def __init__(
        self,
        host: ModelHost,
        store: AdapterStore,
        jobs: JobQueue,
        trials: Trials,
        datasets: DatasetService,
        mode: Mode,
        address_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`address_of` tells where an owner's requests come from: one run of an address may wait on a shared server."""
        self._address_of = address_of
        self._host = host
        self._store = store
        self._jobs = jobs
        self._questions = Questions(trials)
        self._datasets = datasets
        self._mode = mode

    @property
    def max_run_s(self) -> float | None:
        """Seconds after which a run ends by itself; None for never."""
        return self._jobs.longest_run_s

    def plan(
        self, rows: int, intensity: str = "normal", overrides: Mapping[str, object] | None = None
    ) -> TrainingConfig:
        """The values that a run over this many rows would have; raises `InputError` naming what is out of range."""
        info = self._host.info
        defaults = defaults_for(info.num_parameters, rows, cast(Intensity, intensity), info.context_length)
        context = ConfigContext(info.context_length, info.lora_modules, local=self._mode == "local")
        values = fitting_defaults(defaults, info).updated(overrides or {}, context)
        check_rank(values, info)
        check_dropout(values, info)
        return values

    def preflight(
        self,
        owner: str,
        file: DatasetFile,
        intensity: str,
        overrides: Mapping[str, object],
        smaller: bool = False,
    ) -> AsyncGenerator[PreflightResult | None, None]:
        """Find out by trying what a run would take, with `smaller` changing its values until it fits.

        Yields None until there is an answer; ends without one when the owner asks anew. Raises `PlaygroundError` for
        values that cannot be used.
        """

        async def question() -> tuple[PreflightRequest, TrainingConfig]:
            prepared = await self._datasets.prepare_to_train(owner, file)
            values = self.plan(prepared.rows, intensity, overrides)
            info = self._host.info
            sample = preflight_request(
                owner,
                prepared.train,
                prepared.held_out,
                model=str(info.folder),
                quantization=info.quantization,
            )
            return sample, values

        return self._questions.ask(owner, question, smaller)

    async def start(
        self,
        owner: str,
        file: DatasetFile,
        name: str,
        intensity: str = "normal",
        probes: object = (),
        overrides: Mapping[str, object] | None = None,
    ) -> str:
        """Teach the model what the file holds; returns the id of the run, which goes on by itself.

        `overrides` are training values by their names in PEFT and TRL, `probes` questions to ask while it learns.
        Raises `PlaygroundError` before anything is written when something given cannot be used.
        """
        name = check_name(name)
        questions = check_probes(probes)
        prepared = await self._datasets.prepare_to_train(owner, file)
        values = self.plan(prepared.rows, intensity, overrides)
        info = self._host.info
        source = DatasetSource(
            file.name or file.path.name, prepared.findings.format, intensity, prepared.num_train, prepared.num_held_out
        )
        start = partial(
            self._jobs.start,
            owner,
            name,
            (prepared.train, prepared.held_out),
            values,
            model=str(info.folder),
            quantization=info.quantization,
            base_fingerprint=info.fingerprint,
            model_name=info.name,
            probes=questions,
            address=self._address_of(owner),
        )

        def begin() -> str:
            job_id = start()
            note_source(self._job(owner, job_id), source)
            return job_id

        return await quick.run(begin)

    def list(self, owner: str) -> Sequence[JobState]:
        """The owner's runs, newest first."""
        return self._jobs.list(owner)

    def state(self, owner: str, job_id: object) -> JobState:
        """Where a run stands."""
        return self._jobs.get(owner, job_id)

    def follow(self, owner: str, job_id: object) -> AsyncIterator[JobState]:
        """Where it stands, now and whenever that changes, until it is finished."""
        return self._jobs.follow(owner, job_id)

    def stop(self, owner: str, job_id: object) -> None:
        """End it: at once while it waits, otherwise after the running step, keeping what was learnt."""
        self._jobs.stop(owner, job_id)

    def resume(self, owner: str, job_id: object) -> None:
        """Go on with an ended run; raises `InputError` where that cannot be, and `BusyError`."""
        self._jobs.resume(owner, job_id, self._address_of(owner))

    def busy(self) -> bool:
        """Whether anybody's run trains or waits."""
        return self._jobs.busy()

    def counts(self) -> tuple[int, int]:
        """How many runs train and how many wait."""
        return self._jobs.counts()

    def active_owners(self) -> set[str]:
        """Whose runs train or wait."""
        return self._jobs.active_owners()

    def latest(self, owner: str, now: float) -> JobState | None:
        """The owner's run to come back to: one that goes on, else the newest, if its end was not seen yet."""
        states = self.list(owner)
        for state in states:
            if state["state"] not in FINISHED:
                return state
        newest = next(iter(states), None)
        if newest is None or (self._job(owner, newest["job_id"]).folder / SEEN_FILE).exists():
            return None
        ended = self._jobs.events(owner, newest["job_id"])[-1].time
        return newest if newest["adapter"] is not None or now - ended < RECENT_S else None

    def mark_seen(self, owner: str, job_id: object) -> None:
        """The owner has seen how the run ended, or does not care to."""
        (self._job(owner, job_id).folder / SEEN_FILE).touch()

    def source(self, owner: str, job_id: object) -> DatasetSource | None:
        """What the run was made from; None where that was not noted."""
        return read_source(self._job(owner, job_id))

    def facts(self, owner: str, job_id: object) -> dict[str, Any]:
        """For the adapter's card: rows, held-out losses, steps, seconds, settings. Empty until there is a result."""
        return self._job(owner, job_id).facts()

    def probes(self, owner: str, job_id: object) -> Sequence[str]:
        """The questions that are asked while it learns."""
        return self._job(owner, job_id).spec.probes

    def probe_answers(self, owner: str, job_id: object) -> Sequence[ProbeAnswers]:
        """What was answered so far, by step; step 0 is the base model."""
        return read_probes(self._job(owner, job_id).folder)

    def left_out(self, owner: str, job_id: object) -> Sentence | None:
        """Why the run's result is only kept for now; None where it is switched on and measured."""
        reason = left_out(self._host.info, self._job(owner, job_id))
        return reason.sentence if reason else None

    def kept_steps(self, owner: str, job_id: object) -> Sequence[KeptStep]:
        """The steps that can be made adapters, oldest first."""
        return kept_steps(self._job(owner, job_id))

    def publish_step(self, owner: str, job_id: object, step: int) -> str:
        """Make an adapter of what a run had learnt at a step; blocks; returns its id. Raises `PlaygroundError`."""
        return publish_step(self._host, self._store, self._job(owner, job_id), step)

    def sample_rows(self, owner: str, job_id: object) -> SampleRows:
        """Prompts to compare on, with the wanted answers: some that were set aside, else some it learnt; then the
        questions that it was watched by, without."""
        return sample_rows(self._job(owner, job_id))

    def last_pace(self, owner: str) -> tuple[float, float] | None:
        """Seconds to get going, and seconds for each example, of the owner's newest finished run on the loaded model;
        None without one."""
        for state in self.list(owner):
            job = self._job(owner, state["job_id"])
            comparable = state["state"] == "done" and self._host.info.serves(job.spec.base_fingerprint)
            facts = job.facts() if comparable else {}
            if facts.get("steps") and facts.get("seconds"):
                settings = facts["settings"]
                batch = settings["per_device_train_batch_size"] * settings["gradient_accumulation_steps"]
                return max(0.0, state["seconds"] - facts["seconds"]), facts["seconds"] / (facts["steps"] * batch)
        return None

    def move_all(self, owner: str, to: str) -> set[str]:
        """Give the owner's runs that are over to another one; returns the ids of those that go on, which stay."""
        return self._jobs.move_all(owner, to)

    def remove_all(self, owner: str) -> int:
        """End the owner's runs and trials at once, and keep nothing of them; blocks, and returns how many runs there
        were. Raises `BusyError` where the running one does not let go."""
        self._questions.forget(owner)
        return self._jobs.remove_all(owner)

    def close(self) -> None:
        """Stop the running worker cleanly; what was running can be resumed by the next app."""
        self._jobs.close()

    def _job(self, owner: str, job_id: object) -> Job:
        return self._jobs.job(owner, job_id)


def check_probes(probes: object) -> tuple[str, ...]:
    """The questions to watch, without empty ones; raises `InputError`."""
    if isinstance(probes, str) or not isinstance(probes, Sequence):
        raise InputError("probes must be a list of texts.")
    kept = []
    for probe in probes:
        if not isinstance(probe, str):
            raise InputError("probes must be a list of texts.")
        if len(probe) > MAX_PROBE_CHARS:
            raise InputError("A question to watch may have {limit} characters at most.", limit=MAX_PROBE_CHARS)
        if probe.strip():
            kept.append(probe.strip())
    if len(kept) > MAX_PROBES:
        raise InputError("At most {limit} questions can be watched.", limit=MAX_PROBES)
    return tuple(kept)
