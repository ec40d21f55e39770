"""What lies beside the zip that a merge writes, for whoever started it."""

from pathlib import Path

from playground.files import tmp_path


def log_file(out: Path) -> Path:
    return out.with_name(f"{out.name}.log")


def refusal_file(out: Path) -> Path:
    """Why there is no zip, as a sentence's template and fields; there only after a refusal."""
    return out.with_name(f"{out.name}.json")


def written_bytes(out: Path) -> int:
    """How much of the zip is written while it is not whole yet."""
    try:
        return tmp_path(out).stat().st_size
    except FileNotFoundError:  # not begun, or just put in its place
        return 0
