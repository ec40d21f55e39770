"""From a file to a training run, for the page and for programs: upload, inspection, examples, spec, job."""

import json
import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from gradio.utils import get_upload_folder

from playground.adapters.info import check_name
from playground.data.column_mapping import AUTO
from playground.data.examples import Example, split
from playground.data.inspection import Inspection, inspect
from playground.data.readers.table_reader import read_table
from playground.errors import DataError, InputError
from playground.files import write_json
from playground.service.services import Services
from playground.tasks.registry import prompt_writers
from playground.training.config import TrainingConfig
from playground.training.defaults import Intensity, defaults_for
from playground.training.jobs.job import Job
from playground.training.setting import ConfigContext
from playground.training.spec import MAX_PROBES
from playground.training.tokenization import RowTokenizer, tokenize_examples

log = logging.getLogger(__name__)

READY_FILES = Path(__file__).resolve().parents[2] / "assets" / "examples"
ORIGIN_FILE = "origin.json"
MAX_PROBE_CHARS = 2_000
MAX_MEASURED_EXAMPLES = 500
MAX_MEASURED_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """A file as it would be taught: what was found in it, and its usable rows after the repairs, split.

    `rows` is how many rows training makes of `learned`: one of each, but several of a long plain text.
    """

    inspection: Inspection
    learned: list[Example]
    held_out: list[Example]
    rows: int

    @property
    def usable(self) -> int:
        return len(self.learned) + len(self.held_out)


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Where a run's examples came from; kept beside its spec."""

    file_name: str
    format: str
    intensity: str
    learned: int
    held_out: int


def inspect_upload(
    services: Services,
    path: Path,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    file_name: str | None = None,
    repairs: Collection[str] | None = (),
) -> Inspection:
    """Read a file, recognise its columns and mend what `repairs` names, None for all; raises `DataError`.

    An upload that cannot be read at all is removed; one whose columns only have to be matched by hand stays.
    """
    try:
        return inspect(path, format, columns, writers=prompt_writers(), name=file_name, repairs=repairs)
    except DataError:
        _remove_unreadable(path, file_name)
        raise


def _remove_unreadable(path: Path, file_name: str | None) -> None:
    try:
        read_table(path, file_name)
    except DataError:
        uploads, place = Path(get_upload_folder()).resolve(), path.resolve()
        if uploads in place.parent.parents and place.is_file():  # each in a folder named after what is in it
            shutil.rmtree(place.parent)


def prepare(
    services: Services,
    path: Path,
    file_name: str | None = None,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    repairs: Collection[str] | None = (),
) -> PreparedDataset:
    """Read a file, mend what `repairs` names (None for all that is offered), and set some rows aside; raises
    `DataError`."""
    inspection = inspect_upload(services, path, format, columns, file_name, repairs)
    learned, held_out = split(inspection.examples.usable)
    return PreparedDataset(inspection, learned, held_out, _rows_of(services, learned))


def _rows_of(services: Services, examples: list[Example]) -> int:
    """Counted on as many as can be in a moment; chats and pairs are one row each."""
    if not examples or examples[0].text is None:
        return len(examples)
    measured = spread(examples)
    made = tokenize_examples(measured, row_tokenizer(services), plan(services, len(examples)).max_length)
    return round(len(examples) * max(1.0, len(made.rows) / len(measured)))


def spread(examples: list[Example]) -> list[Example]:
    """Examples from all over the file, as many as can be measured in a moment."""
    taken: list[Example] = []
    room = MAX_MEASURED_CHARS
    for example in examples[:: -(-len(examples) // MAX_MEASURED_EXAMPLES)]:
        texts = [example.text or "", *(message["content"] for message in example.messages or ())]
        room -= sum(map(len, texts))
        taken.append(example)
        if room < 0:
            break
    return taken


def start_training(
    services: Services,
    owner: str,
    path: Path,
    file_name: str,
    name: str,
    format: str = AUTO,
    columns: Mapping[str, str] | None = None,
    repairs: Collection[str] = (),
    intensity: str = "normal",
    probes: Sequence[str] = (),
    **overrides: object,
) -> str:
    """Teach the model what the file holds; returns the id of the run, which goes on by itself.

    `overrides` are training values by their names in PEFT and TRL. Raises `PlaygroundError` before anything is
    written when something given cannot be used.
    """
    name = check_name(name)
    questions = check_probes(probes)
    prepared = prepare(services, path, file_name, format, columns, repairs)
    values = plan(services, prepared.rows, intensity, overrides)
    info = services.host.info
    job_id = services.jobs.start(
        owner,
        name,
        (prepared.learned, prepared.held_out),
        values,
        model=str(info.folder),
        quantization=info.quantization,
        base_fingerprint=info.fingerprint,
        model_name=info.name,
        probes=questions,
    )
    origin = DatasetSource(
        file_name, prepared.inspection.format, intensity, len(prepared.learned), len(prepared.held_out)
    )
    try:
        write_json(services.jobs.job(owner, job_id).folder / ORIGIN_FILE, asdict(origin))
    except OSError:  # the run has begun already, and goes as well without
        log.exception("where the examples of the run %s came from could not be noted", job_id)
    return job_id


def plan(
    services: Services, rows: int, intensity: str = "normal", overrides: Mapping[str, object] | None = None
) -> TrainingConfig:
    """The values that a run over this many rows would have; raises `InputError` naming what is out of range."""
    info = services.host.info
    defaults = defaults_for(info.num_parameters, rows, cast(Intensity, intensity), info.context_length)
    context = ConfigContext(info.context_length, info.linear_modules, local=services.owners.mode == "local")
    return defaults.updated(overrides or {}, context)


def origin(job: Job) -> DatasetSource | None:
    """What the run was made from; None where that was not noted."""
    path = job.folder / ORIGIN_FILE
    if not path.exists():
        return None
    try:
        return DatasetSource(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):  # the disk damaged it
        log.warning("%s cannot be read and is left out", path)
        return None


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


def row_tokenizer(services: Services) -> RowTokenizer:
    """The live model's codec, which makes training rows too."""
    return cast(RowTokenizer, services.host.tokenizer)
