"""Finds the tasks: every module of this package that defines `TASK`."""

import importlib
import pkgutil
from functools import cache
from typing import Any

from playground import tasks
from playground.data.formats import GENERAL_FORMATS, Formats
from playground.tasks.base import Task


@cache
def all_tasks() -> dict[str, Task[Any]]:
    """By name, in the order of their tabs."""
    names = [f"{tasks.__name__}.{module.name}" for module in pkgutil.iter_modules(tasks.__path__)]
    found = [getattr(importlib.import_module(name), "TASK", None) for name in names]
    known = [task for task in found if isinstance(task, Task)]
    return {task.name: task for task in sorted(known, key=lambda task: (task.order, task.name))}


@cache
def dataset_formats() -> Formats:
    """All ways in which a file may hold examples: those for anything, and those of the tasks."""
    known = [*GENERAL_FORMATS, *(format for task in all_tasks().values() for format in task.formats)]
    return {format.name: format for format in sorted(known, key=lambda format: (format.order, format.name))}


def task_of(format: str) -> Task[Any] | None:
    """The task that rows of this format are for; None for those that may be for anything."""
    known = (task for task in all_tasks().values() for found in task.formats if found.name == format)
    return next(known, None)
