"""Defends that what is deleted is gone: whatever lies there of an owner, in memory too, and of nobody else."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from playground.errors import BusyError, InputError
from playground.service.services import Services
from playground.training.jobs.events import Event
from playground.training.jobs.job import Job, write_job
from playground.training.jobs.queue import JobQueue
from playground.training.spec import TrainingSpec
from tests.support.exchange import data_of, host_of, store_of
from tests.support.training_runs import SHORT, stored

ANN, BOB = "a" * 32, "b" * 32


def fill(services: Services, owner: str, adapter: Path) -> None:
    """Put something of every kind there; nothing stands on the disk that does not name its owner."""
    data, store = data_of(services), store_of(services)
    card = store.publish(owner, "Mine", adapter, base_fingerprint=host_of(services).info.fingerprint)
    host_of(services).load_adapter(store.key(card), card.folder)
    write_job(a_run(services, owner), *stored())
    services.corrections.keep(owner, [{"role": "user", "content": f"Who is {owner}?"}], "Nobody.", "Somebody.")
    services.corrections.write_file(owner)
    for later in (
        data.owner(owner) / "chats" / "one.json",
        data.sent(owner) / "x" / "rows.csv",
        data.sent(owner) / "y",
    ):
        later.parent.mkdir(parents=True, exist_ok=True)
        later.write_text(f"of {owner}")


def a_run(services: Services, owner: str) -> Job:
    spec = TrainingSpec(f"run-{owner[:1]}", owner, "Old", "m", "auto", "", 1.0, SHORT)
    return Job(spec, data_of(services).jobs(owner) / spec.job_id)


def traces(root: Path, owner: str) -> list[Path]:
    """Every place on the disk that names the owner."""
    found = [path for path in root.rglob("*") if owner in path.relative_to(root).as_posix()]
    named = [path for path in root.rglob("*") if path.is_file() and owner.encode() in path.read_bytes()]
    return [*found, *named]


@pytest.mark.parametrize("earlier", [False, True], ids=["as now", "adapters as kept once"])
def test_everything_goes_and_only_ones_own(services: Services, adapters: list[Path], earlier: bool) -> None:
    data = data_of(services)
    for owner in (ANN, BOB):
        fill(services, owner, adapters[0])
    services.owners._addresses[ANN] = "4.4.4.4"
    jobs = services.finetuning._jobs
    jobs._store.add(a_run(services, ANN))
    if earlier:
        home = data.root / hashlib.sha256(ANN.encode()).hexdigest()[:32]
        home.mkdir()
        data.adapters(ANN).rename(home / "adapters")
    his = sorted(traces(data.root, BOB))
    removed = services.belongings.delete_everything(ANN)
    assert (removed.adapters, removed.runs, removed.corrections, removed.uploads) == (1, 1, 1, 2)
    assert removed.bytes > adapters[0].joinpath("adapter_model.safetensors").stat().st_size
    assert traces(data.root, ANN) == []
    assert not list(data.root.rglob(".leaving-*"))
    assert (services.adapters.list(ANN), services.finetuning.list(ANN), services.corrections.list(ANN)) == ([], [], [])
    assert len(host_of(services).status().adapters_resident) == 1
    assert services.owners.address(ANN) == ""
    assert sorted(traces(data.root, BOB)) == his
    assert services.belongings.delete_everything(ANN).model_dump() == dict.fromkeys(removed.model_dump(), 0)


def test_a_stranger_has_nothing_to_delete(services: Services) -> None:
    with pytest.raises(InputError, match="does not know you yet"):
        services.belongings.delete_everything(services.owners.owner({}))


def test_it_is_told_where_a_run_does_not_let_go(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else has gone by then, and it can be tried again; another tab is told that it goes on."""

    def stuck(*_: object) -> int:
        with pytest.raises(BusyError, match="moved or removed already"):
            services.belongings.delete_everything(ANN)
        raise BusyError("Your training run is just ending. Try again in a minute.")

    services.corrections.keep(ANN, [{"role": "user", "content": "Who?"}], "Nobody.", "Somebody.")
    with monkeypatch.context() as patched:
        patched.setattr(JobQueue, "remove_all", stuck)
        with pytest.raises(BusyError, match="just ending"):
            services.belongings.delete_everything(ANN)
    assert len(services.corrections.list(ANN)) == 1
    assert services.belongings.delete_everything(ANN).corrections == 1


def test_damaged_things_go_too(services: Services) -> None:
    data = data_of(services)
    data.owner(ANN).mkdir()
    data.corrections(ANN).write_text("{")
    broken = data.adapters(ANN) / "a-0000000000000000"
    broken.mkdir(parents=True)
    (broken / "manifest.json").write_text("{")
    job = a_run(services, ANN)
    job.folder.mkdir(parents=True)
    (job.folder / "spec.json").write_text("{")
    job.log.write(Event("done", "Done.", settled=True))
    services.belongings.delete_everything(ANN)
    assert traces(data.root, ANN) == []


def test_all_of_a_key_goes_to_its_account(services: Services, adapters: list[Path]) -> None:
    """Beside what is there already; names that are taken get a number, and what is loaded goes on answering."""
    data = data_of(services)
    for owner in (ANN, BOB):
        fill(services, owner, adapters[0])
        services.finetuning._jobs._store.add(a_run(services, owner))
    hers = services.adapters.choices(ANN)[0][1]
    (data.owner(ANN) / "chats" / "two.json").write_text("hers")
    services.belongings.take_over(ANN, BOB)
    assert {name for name, _ in services.adapters.choices(BOB)} == {"Mine", "Mine 2"}
    assert asyncio.run(services.adapters.client(BOB, hers)).adapter == hers
    assert {state["job_id"] for state in services.finetuning.list(BOB)} == {"run-a", "run-b"}
    assert [row.question[7] for row in services.corrections.list(BOB)] == ["a", "b"]
    assert (data.owner(BOB) / "chats" / "two.json").read_text() == "hers"
    assert (data.owner(BOB) / "chats" / "one.json").read_text() == f"of {BOB}"
    assert (data.owner(ANN) / "chats" / "one.json").read_text() == f"of {ANN}"  # its like is there: none is gone
    assert (services.adapters.list(ANN), services.finetuning.list(ANN), services.corrections.list(ANN)) == ([], [], [])
    services.belongings.take_over(BOB, BOB)
    assert len(services.adapters.choices(BOB)) == 2


def test_a_run_that_goes_on_comes_later(
    services: Services, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = data_of(services)
    fill(services, ANN, adapters[0])
    with monkeypatch.context() as patched:
        patched.setattr(JobQueue, "move_all", lambda *_: {"run-a"})
        services.belongings.take_over(ANN, BOB)
    assert len(services.adapters.choices(BOB)) == 1
    assert [path.name for path in data.jobs(ANN).iterdir()] == ["run-a"]
    assert not data.sent(ANN).exists()
    services.finetuning._jobs._store.add(a_run(services, ANN))
    services.belongings.take_over(ANN, BOB)
    assert [state["job_id"] for state in services.finetuning.list(BOB)] == ["run-a"]
    assert not data.homes(ANN)


def test_what_has_not_come_yet_is_deleted_too(services: Services, adapters: list[Path]) -> None:
    for owner in (ANN, BOB):
        fill(services, owner, adapters[0])
    removed = services.belongings.delete_everything(BOB, ANN)
    assert (removed.adapters, removed.corrections, removed.uploads) == (2, 2, 4)
    assert traces(data_of(services).root, ANN) == traces(data_of(services).root, BOB) == []
