"""Finds the tasks: every module of this package that defines `TASK`."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache

from playground import tasks
from playground.protocol.messages import Message
from playground.tasks.answer import NOT_SAID
from playground.tasks.base import Task
from playground.tasks.nlp.languages import detect

ORDER = ("generate", "translate", "summarize", "sentiment", "answer")
"""The built-in tasks come first, in this order; others follow by name."""


@cache
def all_tasks() -> dict[str, Task]:
    found: dict[str, Task] = {}
    for module in pkgutil.iter_modules(tasks.__path__):
        task = getattr(importlib.import_module(f"{tasks.__name__}.{module.name}"), "TASK", None)
        if isinstance(task, Task):
            found[task.name] = task
    return {name: found[name] for name in sorted(found, key=_rank)}


def prompt_writers() -> Mapping[str, Callable[..., list[Message]]]:
    """How rows of a training file become the very prompts that the tabs use."""
    known = all_tasks()
    return {
        "translate": lambda text, target_text: known["translate"].messages(text=text, target=detect(target_text)),
        "translate_to": lambda text, language: known["translate"].messages(text=text, target=language),
        "summarize": lambda text: known["summarize"].messages(text=text),
        "sentiment": lambda text: known["sentiment"].messages(text=text),
        "answer": lambda question, context: known["answer"].messages(question=question, context=context),
        "not_said": lambda: [{"role": "assistant", "content": NOT_SAID}],
    }


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
