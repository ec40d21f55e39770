"""What happened in this process, in numbers that tell of nobody: for `/metrics`, in the terms of Prometheus."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

from playground.errors import PlaygroundError

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "playground_requests", "Questions to tasks, by how they ended.", ("task", "outcome"), registry=REGISTRY
)
FIRST_RESULT = Histogram(
    "playground_first_result_seconds",
    "From a question to the first words of its answer.",
    ("task",),
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
TOKENS = Counter("playground_generated_tokens", "Tokens that the model wrote.", registry=REGISTRY)
REFUSALS = Counter("playground_refusals", "What visitors were told could not be done.", ("reason",), registry=REGISTRY)
TRAININGS = Counter("playground_trainings", "Training runs, by how they ended.", ("state",), registry=REGISTRY)


class Asked:
    """One question to a task."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._began = time.monotonic()
        self._answered = False

    def result(self) -> None:
        """There is something to show."""
        if not self._answered:
            self._answered = True
            FIRST_RESULT.labels(self._task).observe(time.monotonic() - self._began)


@contextmanager
def asked(task: str) -> Iterator[Asked]:
    """Count what is done within as one question, and how it ended."""
    outcome = "left"  # nobody reads it to the end
    try:
        yield Asked(task)
        outcome = "answered"
    except PlaygroundError:
        outcome = "refused"
        raise
    except Exception:
        outcome = "failed"
        raise
    finally:
        REQUESTS.labels(task, outcome).inc()


def refused(error: Exception) -> None:
    """Count what a visitor is told: by its kind, or as a fault of ours."""
    REFUSALS.labels(type(error).__name__ if isinstance(error, PlaygroundError) else "InternalError").inc()
