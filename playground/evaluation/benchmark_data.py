"""The rows that measure a model, and the promise that the built-in skills are never trained on them.

What of a data folder measures, as JSON Lines unless it ends in .txt:

- `sentiment/sst2_dev.jsonl`: `text`, `label` ("positive" or "negative")
- `translation/multi30k_val.jsonl`: `en`, `de`, `fr`; `translation/tatoeba_en_zh_train.jsonl`: `en`, `zh`
- `qa/squad_train.jsonl`: `context`, `question`, `answers` (a list), `start`
- `summarization/scitldr_dev.jsonl`: `document`, `summary`
- `text/tinystories_train.txt`: stories, with a line break between two and an empty line between their paragraphs

Where a file is one that the built-in skills are trained on, a fixed part of it is held out here, and they learn from
the rest alone.
"""

import json
import re
from pathlib import Path
from typing import Any

from playground.errors import DataError

Row = dict[str, Any]

CHINESE_FILE = "translation/tatoeba_en_zh_train.jsonl"
QUESTIONS_FILE = "qa/squad_train.jsonl"
STORIES_FILE = "text/tinystories_train.txt"
_MISSING = "The data folder has no {path}. playground/evaluation/benchmark_data.py lists the files that belong there."
EVERY = 40
"""Of the English-Chinese sentences, every 40th is held out, and every other row with the same English goes too."""
LAST_PASSAGES = 130
"""Of the SQuAD passages, in the file's order (articles lie together), the last ones are held out."""
LAST_STORIES = 40
_STORY_BREAK = re.compile(r"(?<!\n)\n(?!\n)")


def read_rows(path: Path) -> list[Row]:
    """Read a JSON Lines file; raises `DataError` when it is missing."""
    if not path.is_file():
        raise DataError(_MISSING, path=path)
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def read_text(path: Path) -> str:
    if not path.is_file():
        raise DataError(_MISSING, path=path)
    return path.read_text(encoding="utf-8-sig")


def chinese_pairs(folder: Path) -> tuple[list[Row], list[Row]]:
    """English-Chinese sentence pairs: those to train on, and those held out."""
    rows = read_rows(folder / CHINESE_FILE)
    held = [row for index, row in enumerate(rows) if index % EVERY == EVERY - 1]
    known = {row["en"].strip().lower() for row in held}
    return [row for row in rows if row["en"].strip().lower() not in known], held


def questions(folder: Path) -> tuple[list[Row], list[Row]]:
    """Questions with their passages: those to train on, and those about held-out passages."""
    rows = read_rows(folder / QUESTIONS_FILE)
    passages = list(dict.fromkeys(row["context"] for row in rows))
    held = set(passages[-min(LAST_PASSAGES, len(passages) // 4) :])
    return [row for row in rows if row["context"] not in held], [row for row in rows if row["context"] in held]


def stories(folder: Path) -> tuple[list[str], list[str]]:
    """Short stories, one string each: those to train on, and the held-out last ones."""
    pieces = _STORY_BREAK.split(read_text(folder / STORIES_FILE))
    whole = [piece.strip() for piece in pieces if piece.strip()]
    held = min(LAST_STORIES, len(whole) // 4)
    return whole[: len(whole) - held], whole[len(whole) - held :]


def held_out_rows(folder: Path, file: str) -> list[Row]:
    """The rows of one of the files that measure: all of them, or the part that is never trained on."""
    if file == CHINESE_FILE:
        return chinese_pairs(folder)[1]
    if file == QUESTIONS_FILE:
        return questions(folder)[1]
    return read_rows(folder / file)
