"""Defends the app from work on strangers' files: bounded, ended with whoever waits for it, shared fairly."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.errors import BusyError, DataError, InputError
from playground.sandbox import child, line
from playground.sandbox.limits import Limits
from playground.sandbox.sandbox import Sandbox
from tests.sandbox import work
from tests.support.running_app import ROOT
from tests.support.training_runs import is_gone

SMALL = Limits(cpu_s=1, wall_s=60.0, memory_bytes=300 * 2**20, answer_bytes=2**20)
PATIENCE_S = 60.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    found = Sandbox(limits=SMALL)
    yield found
    found.close()


def run(sandbox: Sandbox, function: Callable[..., Any], *args: Any) -> Any:
    return asyncio.run(sandbox.run("ann", function, *args))


async def until(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, "nothing happened"
        await asyncio.sleep(0.01)


def test_what_is_done_and_refused_comes_back_as_it_is(sandbox: Sandbox) -> None:
    assert run(sandbox, work.double, 4) == 8
    with pytest.raises(DataError) as refused:
        run(sandbox, work.refuse)
    assert refused.value.sentence.fields == {"row": 3}
    with pytest.raises(RuntimeError, match="nobody thought of it"):  # a fault of ours, for the log
        run(sandbox, work.fail)


@pytest.mark.parametrize(
    ("function", "args", "told"),
    [
        (work.hog_cpu, (), child.TOO_LONG),
        (work.hog_memory, (), child.TOO_LARGE),
        (work.large, (2**21,), child.TOO_LARGE),
        (work.crash, (), child.BROKE_OFF),
    ],
)
def test_what_takes_too_much_is_one_sentence(
    sandbox: Sandbox, function: Callable[..., Any], args: tuple[Any, ...], told: str
) -> None:
    with pytest.raises(InputError) as refused:
        run(sandbox, function, *args)
    assert refused.value.sentence.msgid == told
    assert run(sandbox, work.double, 4) == 8


def test_the_script_that_began_the_app_is_not_run_again(tmp_path: Path) -> None:
    """As `multiprocessing` would by itself, with whatever the script does."""
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio\nfrom playground.sandbox.sandbox import Sandbox\nfrom tests.sandbox import work\n"
        "print('begun', asyncio.run(Sandbox(['tests.sandbox.work']).run('ann', work.double, 4)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("begun 8\n", "")


def test_the_clock_ends_what_only_waits() -> None:
    sandbox = Sandbox(limits=Limits(wall_s=0.2))
    with pytest.raises(InputError) as refused:
        run(sandbox, work.sleep)
    assert refused.value.sentence.msgid == child.TOO_LONG
    sandbox.close()


@pytest.mark.parametrize("ending", ["cancelled", "closed"])
def test_a_child_ends_with_whoever_waits_for_it(sandbox: Sandbox, ending: str) -> None:
    async def leave() -> int:
        asked = asyncio.create_task(sandbox.run("ann", work.hog_cpu if ending == "closed" else work.sleep))
        await until(sandbox.pids)
        (pid,) = sandbox.pids()
        if ending == "closed":
            sandbox.close()
            with pytest.raises(InputError):
                await asked
            with pytest.raises(BusyError):
                await sandbox.run("ann", work.double, 4)
        else:
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert await sandbox.run("ann", work.double, 4) == 8
        return pid

    assert is_gone(asyncio.run(leave()))


def test_two_at_once_and_one_of_each_owner(sandbox: Sandbox, tmp_path: Path) -> None:
    """Of three files of one owner and one each of two others, all begin in turn: nobody waits for all of another's."""

    def begun() -> set[str]:
        return {path.stem for path in tmp_path.glob("*.begun")}

    async def go() -> None:
        asked = [("ann", "a1"), ("ann", "a2"), ("ann", "a3"), ("bob", "b1"), ("cid", "c1")]
        all_of_them = asyncio.gather(
            *(sandbox.run(owner, work.begin_and_wait, tmp_path, name) for owner, name in asked)
        )
        there: set[str] = set()
        for expected, finished in (({"a1", "b1"}, "a1"), ({"c1"}, "b1"), ({"a2"}, "a2"), ({"a3"}, "a3")):
            there |= expected
            await until(lambda: begun() >= there)  # noqa: B023
            assert begun() == there
            assert len(sandbox.pids()) <= 2
            (tmp_path / f"{finished}.go").touch()
        (tmp_path / "c1.go").touch()
        assert await all_of_them == [name for _, name in asked]

    asyncio.run(asyncio.wait_for(go(), PATIENCE_S))


def test_the_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MAX_WAITING", 3)
    monkeypatch.setattr(line, "MAX_WAITING_OF_ONE", 2)

    async def go() -> None:
        places = line.FairLine(1)

        async def wait(owner: str) -> None:
            async with places.place(owner):
                pass

        async with places.place("ann"):
            waiting = [asyncio.create_task(wait(owner)) for owner in ("ann", "ann", "bob")]
            await asyncio.sleep(0)
            with pytest.raises(BusyError) as yours:
                await wait("ann")
            with pytest.raises(BusyError) as all_of_them:
                await wait("cid")
            waiting[1].cancel()
            await asyncio.sleep(0)
            waiting.append(asyncio.create_task(wait("cid")))
            await asyncio.sleep(0)
        assert (yours.value.sentence.msgid, all_of_them.value.sentence.msgid) == (line.FULL_OF_YOURS, line.FULL)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in done] == [type(None), asyncio.CancelledError, type(None), type(None)]
        await wait("ann")  # nothing of the one who gave up is left

    asyncio.run(asyncio.wait_for(go(), PATIENCE_S))


def test_the_keys_of_one_address_share_a_place_and_half_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MAX_WAITING_OF_ADDRESS", 2)
    served: list[str] = []

    async def go() -> None:
        places = line.FairLine(2, lambda owner: "10.0.0.1" if owner.startswith("key") else "")
        free = asyncio.Event()

        async def wait(owner: str) -> None:
            async with places.place(owner):
                served.append(owner)
                await free.wait()

        flood = [asyncio.create_task(wait(f"key {number}")) for number in range(3)]
        await until(lambda: len(served) == 1)
        with pytest.raises(BusyError) as full:
            await wait("key 4")
        assert full.value.sentence.msgid == line.FULL
        other = asyncio.create_task(wait("bob"))
        await until(lambda: served == ["key 0", "bob"])
        free.set()
        await asyncio.gather(*flood, other)
        assert served == ["key 0", "bob", "key 1", "key 2"]

    asyncio.run(asyncio.wait_for(go(), PATIENCE_S))
