"""What becomes of each file in a folder: python -m tests.bench.uploads FOLDER."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from playground.data.inspection import Inspection, inspect
from playground.errors import DataError
from playground.tasks.registry import dataset_formats

HEAD = ("file", "read as", "format", "rows", "usable", "which column is which", "repairs offered", "noticed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(_line(HEAD))
    print(_line(["---"] * len(HEAD)))
    for path in sorted(parser.parse_args().folder.iterdir()):
        print(_line(_cells(path)))


def _cells(path: Path) -> Sequence[str]:
    try:
        found = inspect(path, formats=dataset_formats())
    except DataError as refusal:
        return (path.name, "refused", "", "", "", "", "", str(refusal))
    return (path.name, *_facts(found))


def _facts(found: Inspection) -> tuple[str, ...]:
    mapping = ", ".join(f"{role} = {column}" for role, column in found.mapping.columns.items())
    return (
        found.kind,
        found.format,
        str(found.rows),
        str(len(found.examples.usable)),
        mapping,
        "; ".join(repair.text for repair in found.repairs),
        "; ".join(problem.text for problem in found.problems),
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    main()
