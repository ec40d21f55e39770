"""What a training was worth, in two or three plain sentences; nothing that may be chance is called progress.

The fields of a sentence may be English words, which the page says in the visitor's language too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.evaluation.forgetting import TaskScore
from playground.metrics.bootstrap import MIN_PAIRED_ROWS, PairedDifference
from playground.sentence import N_, Sentence
from playground.tasks.base import Forgetting
from playground.tasks.registry import all_tasks

MEMORIZED = 1.02
"""Times the best held-out loss: a last one above it has risen, one below is the same."""
LEARNING = 0.99
"""Times the held-out loss before: a last one below it has fallen by what is worth a longer run."""
MANY_SKILLS = 3
ALL_RIGHT = 98.0
"""Of 100: there is nothing left for which longer studying could be recommended."""

UNMEASURED = N_("No examples were set aside, so nothing was measured: compare the answers and judge for yourself.")
FEW_ROWS = N_(
    "Only {rows} examples could be asked that it never saw: too few to tell progress from chance, so compare the "
    "answers and judge for yourself."
)
RIGHT_MORE = N_("On the {rows} examples that it never saw, it is right {after} times, the base model {before} times.")
RIGHT_CHANCE = N_(
    "On the {rows} examples that it never saw, it is right {after} times, the base model {before} times: that may be "
    "no more than chance."
)
RIGHT_LESS = N_(
    "On the {rows} examples that it never saw, it is right only {after} times, the base model {before} times: it got "
    "worse."
)
CLOSER = N_(
    "On the {rows} examples that it never saw, its answers come closer to the wanted ones: {after} of 100, the base "
    "model {before} ({measure})."
)
CLOSER_CHANCE = N_(
    "On the {rows} examples that it never saw, its answers match the wanted ones at {after} of 100, the base model's "
    "at {before} ({measure}): that may be no more than chance."
)
FURTHER = N_(
    "On the {rows} examples that it never saw, its answers are further from the wanted ones: {after} of 100, the base "
    "model {before} ({measure})."
)
LESS_SURPRISED = N_(
    "The {rows} texts that it never saw surprise it less: its perplexity is {after}, the base model's {before}."
)
SURPRISED_CHANCE = N_(
    "The {rows} texts that it never saw surprise it as before: its perplexity is {after}, the base model's {before}, "
    "which may be no more than chance."
)
MORE_SURPRISED = N_(
    "The {rows} texts that it never saw surprise it more: its perplexity is {after}, the base model's {before}."
)
BEST_THEN_MEMORIZED = N_("It was best at step {best} of {last}; after that it memorized.")
BEST_THEN_SAME = N_("It was best at step {best} of {last}; after that it learnt nothing more.")
BEST_AT_END = N_("It was best at its last step, {last}, and still learning: longer studying may teach it more.")
BEST_AND_DONE = N_("It was best at its last step, {last}; there it hardly learnt any more.")
ANOTHER_STEP = N_("This is step {step}; on the examples set aside, step {best} of {last} did best.")
BEST_AT_LAST = N_("It was best at its last step, {last}.")
TOO_FEW_ITEMS = N_(
    "Of each built-in task only {rows} items could be asked in the time there was: too few to tell whether it forgot "
    "something."
)
ALL_KEPT = N_("None of the {count} built-in tasks that were tried got clearly worse.")
MANY_FORGOTTEN = N_(
    "It got worse at {worse} of the {count} built-in tasks that were tried, and has forgotten most of {forgot}."
)
MANY_WORSE = N_("It got worse at {worse} of the {count} built-in tasks that were tried.")
WORSE_AT_TWO = N_("It got worse at {one} and at {other}.")


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """How a run went: which `step` of it the adapter is, which did `best`, and the held-out losses as (step, loss)."""

    step: int
    best: int
    losses: Sequence[tuple[int, float]] = ()


def verdict(main: PairedDifference | None, curve: TrainingCurve, skills: Sequence[TaskScore]) -> list[Sentence]:
    """What it gained, which step is best, and what it lost."""
    return [_gained(main), *_best_step(curve, main), *_lost(skills)]


def with_skills(said: Iterable[Mapping[str, Any]], skills: Sequence[TaskScore]) -> list[dict[str, Any]]:
    """A kept verdict, as plain sentences, with what these scores say of losses in place of what was said of them."""
    known = {TOO_FEW_ITEMS, ALL_KEPT, MANY_FORGOTTEN, MANY_WORSE, WORSE_AT_TWO}
    for task in all_tasks().values():
        known |= {task.forgetting.worse, task.forgetting.forgot} if task.forgetting else set()
    kept = [dict(sentence) for sentence in said if sentence.get("template") not in known]
    return [*kept, *(sentence.to_plain() for sentence in _lost(skills))]


def _gained(main: PairedDifference | None) -> Sentence:
    if main is None:
        return Sentence(UNMEASURED)
    if main.rows < MIN_PAIRED_ROWS:
        return Sentence(FEW_ROWS, rows=main.rows)
    place = 0 if main.better else 2 if main.worse else 1
    if main.name == "accuracy":
        before, after = (round(main.rows * value / 100) for value in (main.base, main.adapter))
        told = (RIGHT_MORE, RIGHT_CHANCE, RIGHT_LESS)[place]
        return Sentence(told, rows=main.rows, before=before, after=after)
    figures = {"rows": main.rows, "before": _shown(main.base), "after": _shown(main.adapter)}
    if main.lower_is_better:
        return Sentence((LESS_SURPRISED, SURPRISED_CHANCE, MORE_SURPRISED)[place], **figures)
    return Sentence((CLOSER, CLOSER_CHANCE, FURTHER)[place], **figures, measure=main.name)


def _best_step(curve: TrainingCurve, main: PairedDifference | None) -> list[Sentence]:
    losses = {step: loss for step, loss in curve.losses if step > 0}
    if len(losses) < 2:
        return []
    best, last = curve.best, max(losses)
    if curve.step != best:
        return [Sentence(ANOTHER_STEP, step=curve.step, best=best, last=last)]
    if best == last:
        if main and not main.lower_is_better and main.adapter >= ALL_RIGHT:
            return [Sentence(BEST_AT_LAST, last=last)]
        *_, before, _ = sorted(losses)
        return [Sentence(BEST_AT_END if losses[last] < LEARNING * losses[before] else BEST_AND_DONE, last=last)]
    rose = losses[last] > MEMORIZED * losses[best]
    return [Sentence(BEST_THEN_MEMORIZED if rose else BEST_THEN_SAME, best=best, last=last)]


def _lost(skills: Sequence[TaskScore]) -> list[Sentence]:
    if not skills:
        return []
    worse = [(skill, _forgetting(skill)) for skill in skills if skill.worse]
    if not worse:
        asked = [skill for skill in skills if skill.enough]
        few = max(skill.difference.rows for skill in skills)
        return [Sentence(ALL_KEPT, count=len(asked)) if asked else Sentence(TOO_FEW_ITEMS, rows=few)]
    forgot = sum(skill.forgotten for skill, _ in worse)
    if len(worse) >= MANY_SKILLS:
        fields = {"worse": len(worse), "count": len(skills)}
        return [Sentence(MANY_FORGOTTEN, **fields, forgot=forgot) if forgot else Sentence(MANY_WORSE, **fields)]
    if len(worse) == 2 and not forgot:
        return [Sentence(WORSE_AT_TWO, one=worse[0][1].at, other=worse[1][1].at)]
    return [Sentence(told.forgot if skill.forgotten else told.worse) for skill, told in worse]


def _forgetting(skill: TaskScore) -> Forgetting:
    found = all_tasks()[skill.task].forgetting
    if found is None:
        raise ValueError(f"the task {skill.task} has no items")
    return found


def _shown(value: float) -> str:
    if value >= 10_000:
        return ">9999"  # a broken adapter's perplexity has dozens of digits
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
