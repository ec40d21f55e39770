"""From a file to a run: what is read, refused and handed on. Training itself is tested elsewhere."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playground.data.examples import Example
from playground.data_dir import DataDir
from playground.errors import AdapterError, DataError, InputError, PlaygroundError
from playground.models.loader import load_model
from playground.models.tokenizer import ChatTokenizer
from playground.sandbox.sandbox import Sandbox
from playground.service.datasets import READY_FILES, DatasetService, TrainableDataset
from playground.service.finetuning import FinetuningService, check_probes
from playground.service.reading.dataset import DatasetFile, UnmatchedError
from playground.service.runs import DatasetSource
from playground.training.jobs.queue import JobQueue
from playground.training.jobs.runner import JobHooks
from playground.training.spec import StoredExamples, load_examples
from playground.training.tokenization import tokenize_examples
from tests.support.tiny import make_info


@dataclass
class RecordingJobs:
    """Notes what a run would be given; starting a real worker would take seconds a test."""

    root: Path
    started: list[tuple[Any, ...]] = field(default_factory=list)

    def start(self, *given: Any, **named: Any) -> str:
        self.started.append((*given, named))
        return "j1"

    def job(self, owner: str, job_id: str) -> Any:
        self.root.mkdir(exist_ok=True)
        return SimpleNamespace(folder=self.root, job_id=job_id)


@pytest.fixture(scope="module")
def tokenizer(tiny_model_folder: Path) -> ChatTokenizer:
    return load_model(str(tiny_model_folder), "none").tokenizer


@dataclass
class Parts:
    datasets: DatasetService
    finetuning: FinetuningService
    tokenizer: ChatTokenizer
    jobs: RecordingJobs


def make_parts(tokenizer: ChatTokenizer, folder: Path, jobs: Any, sandbox: Sandbox) -> Parts:
    host: Any = SimpleNamespace(info=make_info(linear_modules=()), tokenizer=tokenizer)
    nothing: Any = None
    datasets = DatasetService(host, DataDir(folder), sandbox)
    return Parts(datasets, FinetuningService(host, nothing, jobs, nothing, datasets, "public"), tokenizer, jobs)


@pytest.fixture
def services(tokenizer: ChatTokenizer, tmp_path: Path, sandbox: Sandbox) -> Parts:
    return make_parts(tokenizer, tmp_path, RecordingJobs(tmp_path / "job"), sandbox)


def prepare(services: Parts, path: Path, **reading: Any) -> TrainableDataset:
    return asyncio.run(services.datasets.prepare_to_train("ann", DatasetFile(path, **reading)))


def examples_of(stored: StoredExamples, folder: Path) -> list[Example]:
    stored.save(folder / "stored.jsonl")
    return load_examples(folder / "stored.jsonl")


def describe(services: Parts, path: Path) -> Any:
    return asyncio.run(services.datasets.describe("ann", DatasetFile(path)))


def start(services: Parts, path: Path, name: str = "Sums", **given: Any) -> str:
    """`given` as programs give it: how to read the file, how to teach, and training values."""
    reading = {key: given.pop(key) for key in ("format", "columns", "repairs") if key in given}
    teaching = {key: given.pop(key) for key in ("intensity", "probes") if key in given}
    file = DatasetFile(path, path.name, **reading)
    return asyncio.run(services.finetuning.start("ann", file, name, overrides=given, **teaching))


def write(folder: Path, rows: int, name: str = "pairs.csv") -> Path:
    path = folder / name
    path.write_text("question,answer\n" + "".join(f"What is {i}?,It is {i}.\n" for i in range(rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("pirate_talk.csv", "prompt_completion"),
        ("sort_messages.csv", "text_label"),
        ("polite_replies.jsonl", "prompt_completion"),
    ],
)
def test_the_ready_files_can_be_taught(services: Parts, name: str, format: str) -> None:
    """The three files that the page offers are recognised whole, with nothing to repair."""
    found = prepare(services, READY_FILES / name)
    assert found.findings.format == format
    assert found.usable == found.findings.rows >= 100
    assert not found.findings.repairs


def test_start_hands_on_what_was_shown(services: Parts, tmp_path: Path) -> None:
    """The run gets the split rows, checked values and trimmed questions of exactly this file."""
    path = write(tmp_path, 30)
    job_id = start(services, path, " Sums ", probes=["  Hello? ", ""], r=4, epochs=2)
    assert job_id == "j1"
    owner, name, (learned, held_out), values, named = services.jobs.started[0]
    assert (owner, name) == ("ann", "Sums")
    assert (learned.count, held_out.count) == (24, 6)
    assert (values.r, values.epochs) == (4, 2.0)
    assert named["probes"] == ("Hello?",)
    assert named["base_fingerprint"] == "f" * 64


def test_long_texts_count_as_the_pieces_that_they_become(services: Parts, tmp_path: Path) -> None:
    """Steps and times follow the rows that training makes, which for long plain texts are more than the texts."""
    path = tmp_path / "stories.txt"
    path.write_text("\n\n".join(f"Story {n}. " + "The dog ran on. " * 400 for n in range(12)), encoding="utf-8")
    prepared = prepare(services, path)
    limit = services.finetuning.plan(prepared.rows).max_length
    pieces = len(tokenize_examples(examples_of(prepared.train, tmp_path), services.tokenizer, limit).rows)
    assert prepared.rows == pieces > 2 * prepared.num_train
    start(services, path, "Stories")
    assert (
        services.jobs.started[0][3] == services.finetuning.plan(pieces) != services.finetuning.plan(prepared.num_train)
    )
    assert prepare(services, write(tmp_path, 12)).rows == 10


def test_repairs_are_made_only_when_asked_for(services: Parts, tmp_path: Path) -> None:
    """Repeated rows stay unless their repair was ticked."""
    path = tmp_path / "double.csv"
    path.write_text("question,answer\n" + "Who?,Me.\n" * 12 + "Where?,Here.\n", encoding="utf-8")
    assert prepare(services, path).usable == 13
    assert prepare(services, path, repairs=("duplicates",)).usable == 2


def test_columns_can_be_chosen_by_hand(services: Parts, tmp_path: Path) -> None:
    """Columns that nothing recognises are usable once a person says which is which."""
    path = tmp_path / "odd.csv"
    path.write_text("qqq,zzz\nWho?,Me.\nWhere?,Here.\n", encoding="utf-8")
    with pytest.raises(UnmatchedError, match=r"(?i)columns") as unmatched:
        prepare(services, path)
    assert unmatched.value.table.rows[0] == {"qqq": "Who?", "zzz": "Me."}
    prepared = prepare(services, path, format="prompt_completion", columns={"prompt": "qqq", "completion": "zzz"})
    messages = examples_of(prepared.train, tmp_path)[0].messages
    assert messages is not None
    assert [message["content"] for message in messages] == ["Who?", "Me."]


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ({"name": ""}, AdapterError),
        ({"name": "base"}, AdapterError),
        ({"name": "x" * 100}, AdapterError),
        ({"format": "poem"}, DataError),
        ({"columns": {"prompt": "nowhere"}}, DataError),
        ({"repairs": ("magic",)}, DataError),
        ({"intensity": "brutal"}, InputError),
        ({"epochs": float("nan")}, InputError),
        ({"learning_rate": float("inf")}, InputError),
        ({"max_steps": 0}, InputError),
        ({"r": 0}, InputError),
        ({"r": "16"}, InputError),
        ({"max_length": 10_000}, InputError),
        ({"speed": 3}, InputError),
        ({"probes": "one"}, InputError),
        ({"probes": [3]}, InputError),
        ({"probes": ["x" * 3_000]}, InputError),
        ({"probes": ["a", "b", "c", "d", "e", "f"]}, InputError),
    ],
)
def test_bad_values_start_nothing(
    services: Parts, tmp_path: Path, named: dict[str, Any], kind: type[PlaygroundError]
) -> None:
    """Each wrong value gives one sentence of its own, and no run begins."""
    given = {"name": "Sums", **named}
    with pytest.raises(kind) as told:
        start(services, write(tmp_path, 20), **given)
    assert str(told.value).rstrip().endswith(".")
    assert not services.jobs.started


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_start_nothing(services: Parts, tmp_path: Path, rows: int) -> None:
    """Fewer than two usable rows are refused with a sentence that says so."""
    with pytest.raises(DataError, match=r"two|2|row|empty"):
        start(services, write(tmp_path, rows))
    assert not services.jobs.started


def test_a_missing_file_is_told(services: Parts, tmp_path: Path) -> None:
    """A path with no file behind it, as a forged one, ends in a sentence and not in a traceback."""
    with pytest.raises(DataError, match="no longer there"):
        start(services, tmp_path / "gone.csv")


def test_an_upload_that_cannot_be_read_is_removed(services: Parts, tmp_path: Path) -> None:
    """A refused file leaves nothing behind; one whose columns are only unknown stays, and so does any other file."""
    uploads = tmp_path / "uploads"
    files = {place: uploads / place / "a.csv" for place in ("broken", "odd")}
    files["outside"] = tmp_path / "a.csv"
    for place, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"qqq,zzz\nWho?,Me.\nHow?,So.\n" if place == "odd" else bytes(range(256)) * 20)
        with pytest.raises(DataError):
            prepare(services, path)
    assert [place for place, path in files.items() if path.exists()] == ["odd", "outside"]
    assert not files["broken"].parent.exists()


def test_harder_study_means_more_steps(services: Parts) -> None:
    """The three intensities differ in how long they teach."""
    steps = [services.finetuning.plan(128, intensity).total_steps(128) for intensity in ("light", "normal", "thorough")]
    assert steps == sorted(set(steps))


def test_questions_to_watch_are_kept_in_order() -> None:
    """Empty questions are left out, the others keep their order."""
    assert check_probes(["b", " ", "a "]) == ("b", "a")


def test_a_real_queue_takes_the_run(tokenizer: ChatTokenizer, tmp_path: Path, sandbox: Sandbox) -> None:
    """The arguments fit the real `JobQueue`, and the origin is kept beside the run's spec."""
    jobs = JobQueue(DataDir(tmp_path / "data"), JobHooks(on_trained=lambda _job, _folder: "a-0"))
    real = make_parts(tokenizer, tmp_path, jobs, sandbox)
    try:
        job_id = start(real, write(tmp_path, 20))
        job = jobs.job("ann", job_id)
        assert job.name == "Sums"
        assert (job.folder / "origin.json").exists()
        source = real.finetuning.source("ann", job_id)
        assert source == DatasetSource("pairs.csv", "prompt_completion", "normal", 16, 4)
        with pytest.raises(InputError):
            jobs.job("bob", job_id)
    finally:
        jobs.close()


def test_what_is_kept_for_testing_is_shown_but_not_learnt(services: Parts, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "question,answer,split\n" + "".join(f"q{n},a{n},{'test' if n == 2 else 'train'}\n" for n in range(4))
    )
    told = describe(services, path)
    assert [(row["row"], row["completion"], row["learnt"]) for row in told["preview"]] == [
        *((1, "a0", "a0"), (2, "a1", "a1"), (3, "a2", ""), (4, "a3", "a3")),
    ]
    assert told["held_out"] == [3]


def test_what_does_not_fit_is_told(services: Parts, tmp_path: Path) -> None:
    """Defends programs from teaching answers that break off, which the page shows."""
    path = tmp_path / "a.csv"
    path.write_text("question,answer\n" + "".join(f"q{n},{'word ' * 2000}\n" for n in range(3)))
    told = describe(services, path)
    assert any("Their ends are cut off and not learnt" in problem for problem in told["problems"])


def test_too_few_rows_do_not_hide_the_columns(services: Parts, tmp_path: Path) -> None:
    """Defends whoever sees why a file cannot be taught: what was recognised stays recognised."""
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\nHow are you?,Fine.\nWhy?,\n", encoding="utf-8")
    with pytest.raises(UnmatchedError, match="Only 1 of the 2 rows") as refusal:
        prepare(services, path)
    assert refusal.value.format == "prompt_completion"
    assert refusal.value.columns == {"prompt": "question", "completion": "answer"}
