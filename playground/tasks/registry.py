"""Finds the tasks: every module of this package that defines `TASK`."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from playground import tasks
from playground.protocol.messages import Message
from playground.tasks.answer import NOT_SAID
from playground.tasks.base import Task
from playground.tasks.nlp.languages import detect


@cache
def all_tasks() -> dict[str, Task[Any]]:
    """By name, in the order of their tabs."""
    names = [f"{tasks.__name__}.{module.name}" for module in pkgutil.iter_modules(tasks.__path__)]
    found = [getattr(importlib.import_module(name), "TASK", None) for name in names]
    known = [task for task in found if isinstance(task, Task)]
    return {task.name: task for task in sorted(known, key=lambda task: (task.order, task.name))}


def prompt_writers() -> Mapping[str, Callable[..., list[Message]]]:
    """How rows of a training file become the very prompts that the tabs use."""
    known = all_tasks()
    return {
        "translate": lambda text, target_text: known["translate"].prompt(text=text, target=detect(target_text)),
        "translate_to": lambda text, language: known["translate"].prompt(text=text, target=language),
        "summarize": lambda text: known["summarize"].prompt(text=text, length="short"),
        "sentiment": lambda text: known["sentiment"].prompt(text=text),
        "answer": lambda question, context: known["answer"].prompt(question=question, context=context),
        "not_said": lambda: [{"role": "assistant", "content": NOT_SAID}],
    }
