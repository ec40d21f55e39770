"""Defends the house rules: style, types, floors, and what may not be imported where."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_MODULES = 20
"""In one folder, besides its `__init__`."""


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


def test_files_functions_and_folders_are_short() -> None:
    modules = [path for path in tracked() if path.suffix == ".py" and (ROOT / path).exists()]
    folders = Counter(path.parent for path in modules if path.name != "__init__.py")
    found = [f"{folder}/: {count} modules" for folder, count in folders.items() if count > MAX_MODULES]
    for path in modules:
        found += [f"{path}: {told}" for told in too_long((ROOT / path).read_text(encoding="utf-8"))]
    assert found == []


def test_what_is_too_long_is_found() -> None:
    lines = "    pass\n"
    assert list(too_long("def f():\n" + lines * (MAX_FUNCTION_LINES - 1))) == []
    assert list(too_long("class A:\n  async def f():\n" + lines * MAX_FUNCTION_LINES)) == ["f of 51 lines"]
    assert list(too_long("pass\n" * MAX_FILE_LINES)) == []
    assert list(too_long("pass\n" * (MAX_FILE_LINES + 1))) == ["301 lines"]


def too_long(code: str) -> Iterator[str]:
    """What of a module is above its bound: itself, and functions, also those inside others; no decorator counts."""
    lines = len(code.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines"
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.name} of {lines} lines"


def test_top_level_is_tidy() -> None:
    allowed = {"app.py", "requirements.txt", "playground", "tests", "assets", "README.md", "pyproject.toml"}
    allowed |= {"LICENSE", "CHANGELOG.md"}
    tops = {path.parts[0] for path in tracked()}
    assert {top for top in tops if not top.startswith(".")} <= allowed


def tracked() -> list[Path]:
    """Every file of the repository, relative to its root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name]
