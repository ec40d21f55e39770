"""Answers that a person corrected, kept as rows to learn from until their owner clears them."""

import hashlib
import json
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground.data_dir import DataDir
from playground.errors import InputError, TrainingError
from playground.files import disk_full_as_error, write_bytes, write_json
from playground.protocol.messages import Message
from playground.tasks.inputs import check_text

FILE_NAME = "corrections.jsonl"
MAX_FILES = 3
"""To fetch or to teach, of one owner."""
_FILES = "corrections-"
MAX_CORRECTIONS = 500
MAX_CORRECTION_CHARS = 20_000
"""In one row: a longer conversation would be cut to the model's context anyway."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A conversation whose last answer is the corrected one; `was` is what the model had answered."""

    id: str
    messages: tuple[Message, ...]
    was: str

    @property
    def question(self) -> str:
        return self.messages[-2]["content"]

    @property
    def answer(self) -> str:
        return self.messages[-1]["content"]


Kept = list[Correction]


class Corrections:
    """Everybody's, each owner's in one file that is replaced whole at every change. Thread-safe."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self._lock = threading.Lock()

    def list(self, owner: str) -> Kept:
        """The owner's corrections, oldest first."""
        try:
            rows = json.loads(self._data.corrections(owner).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Correction(row["id"], tuple(row["messages"]), row["was"]) for row in rows]

    def count(self, owner: str) -> int:
        """How many are kept; 0 also where the disk has damaged them."""
        try:
            return len(self.list(owner))
        except (ValueError, KeyError, TypeError):
            return 0

    def keep(self, owner: str, asked: Sequence[Message], was: str, answer: str) -> Kept:
        """Keep `answer` as what should have followed `asked`, in the place of `was`; returns all that are kept then.

        Of one answer the newest correction is kept, and none once it reads again as the model wrote it. Raises
        `InputError` for an empty answer, and where something is too long or too much.
        """
        if not answer.strip():
            raise InputError("A corrected answer cannot be empty. Change it again, and write what it should say.")
        row = [*asked, Message(role="assistant", content=answer.strip())]
        for text in [message["content"] for message in row] + [was] * bool(was.strip()):
            check_text(text, "message")

        def changed(kept: Kept) -> Kept:
            earlier = next((other for other in kept if _same_answer(other, asked, was)), None)
            written = earlier.was if earlier else was
            if answer.strip() == written.strip():
                return [other for other in kept if other is not earlier]
            correction = Correction(earlier.id if earlier else secrets.token_hex(6), tuple(row), written)
            _check_room(correction, len(kept) + (earlier is None))
            return [correction if other is earlier else other for other in kept] + [correction] * (earlier is None)

        return self._change(owner, changed)

    def drop(self, owner: str, correction: object) -> Kept:
        """Forget one; returns the others. Raises `InputError` for one that is not the owner's or not there."""

        def changed(kept: Kept) -> Kept:
            others = [other for other in kept if other.id != correction]
            if len(others) == len(kept):
                raise InputError("This correction is not there any more.")
            return others

        return self._change(owner, changed)

    def clear(self, owner: str) -> None:
        self._change(owner, lambda _: [])

    def move_all(self, owner: str, to: str) -> int:
        """Put an owner's before another one's, whole before any is gone; returns how many. None is refused."""
        if not self.count(owner):  # also where they are damaged
            return 0
        with self._lock:
            there = self.list(to)
            known = {row.id for row in there}
            moved = [row for row in self.list(owner) if row.id not in known]
            self._write(self._data.corrections(to), [asdict(row) for row in [*moved, *there]])
            self._data.corrections(owner).unlink()
        return len(moved)

    def as_json_lines(self, owner: str) -> str:
        """A conversation a line, as `{"messages": [...]}`: a file that Fine-tune reads, and that others read too.

        Only the corrected answer is learnt: the ones before it are what the model said, right or wrong.
        """
        lines = (
            json.dumps({"messages": _only_last_learnt(row.messages)}, ensure_ascii=False) for row in self.list(owner)
        )
        return "".join(f"{line}\n" for line in lines)

    def write_file(self, owner: str) -> Path:
        """All of them as they are now, in a file to fetch or to teach: later ones do not change what is prepared.

        The same ones are the same file, and an owner's last few files stay. Raises `InputError` where none is kept.
        """
        lines = self.as_json_lines(owner)
        if not lines:
            raise InputError("No correction is kept. Change an answer with its pencil first.")
        content = lines.encode()
        folder = self._data.to_fetch(owner) / (_FILES + hashlib.sha256(content).hexdigest()[:32])
        with self._lock, disk_full_as_error():
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(folder / FILE_NAME, content)
            os.utime(folder)
            for earlier in sorted(folder.parent.glob(f"{_FILES}*"), key=lambda one: one.stat().st_mtime)[:-MAX_FILES]:
                shutil.rmtree(earlier)
        return folder / FILE_NAME

    def _change(self, owner: str, change: Callable[[Kept], Kept]) -> Kept:
        """Replace what is kept; the file is not touched where nothing changes."""
        with self._lock:
            before = self.list(owner)
            kept = change(before)
            if kept != before:
                self._write(self._data.corrections(owner), [asdict(row) for row in kept])
        return kept

    def _write(self, path: Path, rows: Sequence[dict[str, Any]]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, rows)
        except OSError as error:
            raise TrainingError(
                "The correction could not be written to the disk ({reason}). Make room and try again.",
                reason=error.strerror or type(error).__name__,
            ) from error


def _same_answer(kept: Correction, asked: Sequence[Message], was: str) -> bool:
    """Whether `kept` corrects the answer that reads `was` now.

    What the visitor said tells the place: the answers before it may have been corrected meanwhile.
    """
    return was in (kept.answer, kept.was) and _said(kept.messages[:-1]) == _said(asked)


def _only_last_learnt(messages: Sequence[Message]) -> Sequence[Message]:
    before: Sequence[Message] = [
        {**message, "weight": 0} if message["role"] == "assistant" else message for message in messages[:-1]
    ]
    return [*before, messages[-1]]


def _said(messages: Sequence[Message]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "user"]


def _check_room(correction: Correction, count: int) -> None:
    if sum(len(message["content"]) for message in correction.messages) + len(correction.was) > MAX_CORRECTION_CHARS:
        raise InputError(
            "This conversation is too long to learn from: {limit} characters are the most. Start a new chat.",
            limit=MAX_CORRECTION_CHARS,
        )
    if count > MAX_CORRECTIONS:
        raise InputError(
            "You have kept {limit} corrections, the most there can be. Drop some first.", limit=MAX_CORRECTIONS
        )
