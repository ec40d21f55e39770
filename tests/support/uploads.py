"""Files as people bring them, and what would be taught of them."""

import json
from collections.abc import Callable
from pathlib import Path

from playground.data.inspection import Inspection, inspect
from playground.tasks.registry import dataset_formats

Rows = list[dict[str, object]]


def lines(*rows: object) -> str:
    """JSON Lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def two(make: Callable[[int], object]) -> str:
    """JSON Lines of a row for 1 and one for 2."""
    return lines(make(1), make(2))


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "content": content, **more}


def inspected(folder: Path, name: str, content: str | bytes) -> Inspection:
    """What is found in a file, with every repair that is offered."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return inspect(path, formats=dataset_formats(), repairs=None)


def said(found: Inspection) -> list[str]:
    """Each example as one text: "u:" for what is read from the user, "s:" the role, "a:" learnt, "r:" an answer that is
    only read."""
    return [_written(example.messages) or f"t:{example.text}" for example in found.examples.usable]


def _written(messages: object) -> str:
    parts = []
    for message in messages or ():  # type: ignore[attr-defined]
        sign = "r" if message.get("weight") == 0 else message["role"][0]
        parts.append(f"{sign}:{message['content']}")
    return " | ".join(parts)


def told(found: Inspection) -> str:
    """All sentences about a file."""
    return " ".join(problem.text for problem in found.problems)
