"""A task in one file: what it takes, what it answers, how it is asked, and how it is judged.

A module of this package that defines `TASK` is one more task. From what it declares follow its tab, its endpoint, the
checks of both, the training rows that a file of examples becomes, what a training is measured by, and what it forgot.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from playground.data.formats import DatasetFormat
from playground.metrics.corpus import CHRF_SCORE, CorpusMetric
from playground.metrics.scores import has_spaces
from playground.protocol.client import SamplingClient
from playground.protocol.messages import Message
from playground.protocol.model import ModelInfo
from playground.tasks.inputs import TaskInputs
from playground.tasks.outputs import TaskOutput
from playground.validation import validate

FORGETTING_FILE = Path(__file__).resolve().parents[2] / "assets" / "forgetting.json"
Result = TypeVar("Result", bound=TaskOutput)
Row = dict[str, Any]
Scores = Callable[[Sequence[Any], Sequence[Any]], dict[str, float]]
"""(predictions, references) to named scores."""


@dataclass(frozen=True, slots=True)
class TaskExample:
    """Inputs to start from with one click; `title` is what the chip says."""

    title: str
    inputs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Forgetting:
    """How a training is seen to have spoilt a task: a few fixed items, scored by `metric`, base against adapter."""

    metric: CorpusMetric
    """Of perplexity, what follows an item's opening is read instead of asked for."""
    worse: str
    """The sentence that says so."""
    forgot: str
    """The sentence for a loss of most of it."""
    at: str
    """What it got worse at, in a sentence that names two tasks."""
    items: Callable[[], Sequence[Mapping[str, str]]]
    """Each has the task's inputs, and in `wanted` what should be said."""
    title: str = ""
    """In a table; without one, the task's own."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Rows of a file of the data folder, asked through the task, for `python -m playground.evaluation`."""

    title: str
    file: str
    inputs: Callable[[Row], dict[str, str]]
    reference: Callable[[Row], Any]
    scores: Scores
    keep: Callable[[Row], bool] = lambda _row: True
    baseline: tuple[str, Callable[[dict[str, str]], str]] | None = None
    """What nobody needs a model for: its name, and its answer to the inputs."""


class Task(ABC, Generic[Result]):
    name: ClassVar[str]
    title: ClassVar[str]
    action: ClassVar[str]
    """What the button says."""
    empty: ClassVar[str]
    """What the result area says before the first result."""
    order: ClassVar[int] = 100
    """Its place among the tabs, from left; among equals by name."""
    Inputs: ClassVar[type[TaskInputs]]
    Output: ClassVar[type[TaskOutput]]
    examples: ClassVar[tuple[TaskExample, ...]] = ()
    formats: ClassVar[tuple[DatasetFormat, ...]] = ()
    """How files hold rows for it, which become the very prompts that the tab writes."""
    metrics: ClassVar[tuple[CorpusMetric | Callable[[Sequence[str]], CorpusMetric], ...]] = ()
    """By which rows of its formats are judged, the leading one first; one may depend on what should be said."""
    forgetting: ClassVar[Forgetting | None] = None
    benchmarks: ClassVar[tuple[Benchmark, ...]] = ()

    @abstractmethod
    def messages(self, inputs: Any) -> list[Message]:
        """Write the prompt for the `Inputs`, as the model is trained on it."""

    @abstractmethod
    def run(self, client: SamplingClient, inputs: Any) -> AsyncIterator[Result]:
        """Ask the model for the `Inputs`, and yield results; the last one is whole. Raises `InputError`."""

    def metrics_for(self, references: Sequence[str]) -> tuple[CorpusMetric, ...]:
        """Its metrics as they fit what should be said: those that count words give way where words have no spaces."""
        made = [metric(references) if callable(metric) else metric for metric in self.metrics]
        spaced = has_spaces(references)
        return tuple(dict.fromkeys(metric if spaced or not metric.by_words else CHRF_SCORE for metric in made))

    def read_inputs(self, values: Mapping[str, object], info: ModelInfo) -> Any:
        """Make `Inputs` of what a stranger gave, for the model that is loaded; raises `InputError`."""
        return validate(self.Inputs, values, info)

    def ask(self, client: SamplingClient, **values: object) -> AsyncIterator[Result]:
        """Check what a stranger gave, and run; raises `InputError`."""
        return self.run(client, self.read_inputs(values, client.info))

    def prompt(self, **values: Any) -> list[Message]:
        """Write the prompt of values that are known to be good, such as a row of a file that was read."""
        return self.messages(self.Inputs.model_construct(**values))


def forgetting_items(task: str) -> Callable[[], Sequence[Mapping[str, str]]]:
    """The items that come with the app for a task."""
    return partial(_items, task)


@cache
def _items(task: str) -> Sequence[Mapping[str, str]]:
    read: dict[str, list[dict[str, str]]] = json.loads(FORGETTING_FILE.read_text(encoding="utf-8"))
    return read[task]
