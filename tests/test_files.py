"""Whatever is written is whole or not there, whoever dies meanwhile and however full the disk is."""

import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from playground import files
from playground.errors import AdapterError
from playground.files import (
    append_line,
    copy_synced,
    disk_full_as_error,
    open_atomic,
    publish_folder,
    write_bytes,
    write_json,
    write_text,
)

ENOUGH_S = 60.0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Bytes for bytes, on every system: no line end is changed, no character escaped."""
    path = tmp_path / "file"
    for write, value, expected in (
        (write_bytes, b"\0\r\n\xff", b"\0\r\n\xff"),
        (write_text, "Grüße\n好\r\n", "Grüße\n好\r\n".encode()),
        (write_json, {"Grüße": [1, None]}, '{\n  "Grüße": [\n    1,\n    null\n  ]\n}'.encode()),
    ):
        write(path, value)  # type: ignore[operator]
        assert path.read_bytes() == expected
        assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("value", [{"loss": float("nan")}, {"text": "\ud800"}, {"of": object()}])
def test_what_is_no_json_changes_nothing(tmp_path: Path, value: object) -> None:
    path = tmp_path / "facts.json"
    write_json(path, {"loss": 1.5})
    with pytest.raises((ValueError, TypeError)):
        write_json(path, value)
    assert json.loads(path.read_text()) == {"loss": 1.5}
    assert names(tmp_path) == ["facts.json"]


def test_failing_in_the_middle_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    write_bytes(path, b"old")

    def fail() -> None:
        with open_atomic(path) as file:
            file.write(b"half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model.zip"]


ENDLESS_WRITER = """
import itertools, sys
from pathlib import Path
from playground.files import append_line, publish_folder, write_json
root = Path(sys.argv[1])
for number in itertools.count():
    write_json(root / "state.json", [number] * 20_000)
    append_line(root / "events.jsonl", "[" + ", ".join([str(number)] * 20_000) + "]")
    tmp = root / "tmp"
    tmp.mkdir()
    for name in "abc":
        (tmp / name).write_text(str(number))
    publish_folder(tmp, root / "folder")
"""


@contextmanager
def endless_writer(root: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(root)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("rounds", [1, 2, 3, 5, 8])
def test_a_killed_writer_leaves_no_half(tmp_path: Path, rounds: int) -> None:
    """Killed without warning after some rounds: the file, the folder and all ended lines are of one round each."""
    events = tmp_path / "events.jsonl"
    deadline = time.monotonic() + ENOUGH_S
    with endless_writer(tmp_path) as process:
        while not events.exists() or events.read_bytes().count(b"\n") <= rounds:
            assert process.poll() is None and time.monotonic() < deadline
    assert len(set(json.loads((tmp_path / "state.json").read_text()))) == 1
    whole = events.read_bytes().split(b"\n")[:-1]
    assert [set(json.loads(line)) for line in whole] == [{number} for number in range(len(whole))]
    if (tmp_path / "folder").exists():  # not between two renames
        assert names(tmp_path / "folder") == ["a", "b", "c"]
        assert len({path.read_text() for path in (tmp_path / "folder").iterdir()}) == 1
    append_line(events, "[]")
    assert events.read_bytes() == b"".join(line + b"\n" for line in [*whole, b"[]"])


def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """Also where a killed writer left the one before that beside it."""
    target, left = tmp_path / "step-5", tmp_path / ".step-5.old"
    for folder, text in ((target, "old"), (left, "oldest"), (tmp_path / "tmp" / "inner", "new")):
        folder.mkdir(parents=True)
        (folder / "weights").write_text(text)
    publish_folder(tmp_path / "tmp", target)
    assert names(tmp_path) == ["step-5"]
    assert (target / "inner" / "weights").read_text() == "new"
    assert names(target) == ["inner"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "x\n"), (b"", "x\n"), (b"a\n", "a\nx\n"), (b"a\nhal", "a\nx\n"), (b"hal", "x\n")],
)
def test_a_torn_line_is_dropped(tmp_path: Path, before: bytes | None, after: str) -> None:
    path = tmp_path / "events.jsonl"
    if before is not None:
        path.write_bytes(before)
    append_line(path, "x")
    assert path.read_bytes() == after.encode()


def test_a_line_may_hold_broken_characters(tmp_path: Path) -> None:
    """A lone surrogate out of a stranger's file must not end a training run."""
    append_line(tmp_path / "events.jsonl", "a\ud800好")
    assert (tmp_path / "events.jsonl").read_text(encoding="utf-8") == "a?好\n"


def test_a_copy_never_overwrites(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"x" * 3_000_000)
    copy_synced(source, target)
    assert target.read_bytes() == source.read_bytes()
    with pytest.raises(FileExistsError):
        copy_synced(source, target)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    files.tmp_path(path).symlink_to("/dev/full")
    with pytest.raises(AdapterError, match="disk is full"), disk_full_as_error():
        write_json(path, {"a": 1})
    assert names(tmp_path) == []
    with pytest.raises(OSError, match="No space"):
        append_line(Path("/dev/full"), "x")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), disk_full_as_error():
        raise PermissionError(errno.EACCES, "no")
