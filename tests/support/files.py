"""Writes files that tests read."""

from pathlib import Path


def write_file(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file of this content, a text in UTF-8; return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
