"""Defends the house rules: style, types, floors, and what may not be imported where."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        [sys.executable, "-m", "mypy"],
        ["lint-imports"],
    ],
    ids=["ruff", "format", "mypy", "imports"],
)
def test_checks_pass(command: list[str]) -> None:
    executable = Path(sys.executable).parent / command[0]
    if executable.exists():
        command = [str(executable), *command[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_and_tasks_bring_no_torch() -> None:
    """In one fresh process, from the lowest floor up: the first that brings it is named."""
    script = """
import importlib, sys
for module in ("playground.tasks.registry", "playground.evaluation.benchmark", "playground.ui.page"):
    importlib.import_module(module)
    assert "torch" not in sys.modules, module
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_init_files_are_empty() -> None:
    """A facade in an `__init__` would hide an import from the linter."""
    assert [str(path) for path in ROOT.glob("playground/**/__init__.py") if path.read_text().strip()] == []


def test_top_level_is_tidy() -> None:
    allowed = {"app.py", "requirements.txt", "playground", "tests", "assets", "README.md", "pyproject.toml"}
    allowed |= {"LICENSE", "CHANGELOG.md"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= allowed
