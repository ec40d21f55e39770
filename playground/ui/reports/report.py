"""An adapter's report, drawn as html: verdict, tiles, what else changed, and the rows behind it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from playground.evaluation.held_out import OTHER
from playground.i18n.catalog import Gettext
from playground.metrics.bootstrap import MIN_PAIRED_ROWS
from playground.sentence import N_
from playground.tasks.registry import all_tasks
from playground.ui.components import snippets
from playground.ui.templates import render

MEASURES = {
    "accuracy": N_("Right answers"),
    "macro-F1": N_("Right answers, each label alike"),
    "exact match": N_("Exactly your answers"),
    "F1": N_("Words in common with yours"),
    "BLEU": N_("Close to them, word for word"),
    "chrF": N_("Close to your answers"),
    "ROUGE-1": N_("Close to your summaries"),
    "ROUGE-L": N_("Close to your summaries, in order"),
    "perplexity": N_("Surprise at your texts, lower is better"),
}
MANY = 101
"""A score of 100 is the most; more is a perplexity."""
ROWS_SHOWN = 3
"""So many of the best rows, and of the worst."""


def words(report: Mapping[str, Any], gettext: Gettext) -> str:
    """The verdict's sentences; "" where there is none."""
    return " ".join(gettext(one["template"], **_fields(one, gettext)) for one in report.get("verdict", ()))


def _fields(sentence: Mapping[str, Any], gettext: Gettext) -> dict[str, Any]:
    """With the words among them, such as the name of a measure, in the visitor's language."""
    fields = sentence.get("fields", {})
    return {name: gettext(value) if isinstance(value, str) else value for name, value in fields.items()}


def tiles(report: Mapping[str, Any], gettext: Gettext) -> Markup:
    """Up to two measures, before and now, with the gain and half of its interval; and how many skills were kept."""
    drawn = [_tile(measure, gettext) for measure in report.get("measures", ())[:2]]
    skills = report.get("skills", ())
    if skills:
        told = [skill for skill in skills if skill["worse"] or skill["rows"] >= MIN_PAIRED_ROWS]
        kept = str(sum(not skill["worse"] for skill in told)) if told else "?"
        after = gettext("of {count}", count=len(told)) if told else gettext("too little was asked")
        drawn.append(snippets.tile(gettext("Other skills kept"), kept, "", after))
    return snippets.tiles(*drawn)


def _tile(measure: Mapping[str, Any], gettext: Gettext) -> Markup:
    name, rows = measure["name"], measure["rows"]
    gain, margin = measure["adapter"] - measure["base"], (measure["high"] - measure["low"]) / 2
    label = gettext(MEASURES.get(name, name))
    if name == "accuracy":
        now, before, spread = (round(rows * share / 100) for share in (measure["adapter"], measure["base"], margin))
        told = gettext("of {count}; {gain} ± {spread}", count=rows, gain=_signed(f"{now - before:+d}"), spread=spread)
        return snippets.tile(label, str(now), str(before), told)
    # Apart from those around a hundred and more, where they say nothing, tenths are shown.
    digits = 0 if max(measure["adapter"], measure["base"]) >= MANY else 1
    now, before = (f"{measure[who]:.{digits}f}" for who in ("adapter", "base"))
    told = f"{gettext(name)}; {_signed(f'{gain:+.{digits}f}')}\u00a0±\u00a0{margin:.{digits}f}"
    return snippets.tile(label, now, before, told)


def _signed(figure: str) -> str:
    """With a minus that is as long as a plus is wide."""
    return figure.replace("-", "\u2212")


def answers(report: Mapping[str, Any], name: str, gettext: Gettext) -> str:
    """What was asked that it never saw, with the wanted answer and both given ones: the most gained, and the least."""
    best, worst = _best_and_worst(report)
    plain = any(measure["name"] == "perplexity" for measure in report.get("measures", ()))
    drawn = _rows(gettext("Where it gained most, of what it never saw"), best, name, gettext, plain) if best else ""
    return drawn + (_rows(gettext("Where it gained least"), worst, name, gettext, plain) if worst else "")


def answers_table(
    gettext: Gettext,
    heading: str,
    name: str,
    rows: Iterable[tuple[str, str, str, str]],
    told: str = "",
    asked_as: str = "Question",
) -> Markup:
    """(question, the base model's answer, the adapter's answer, the wanted answer or "") side by side."""
    values = {"heading": heading, "told": told, "asked_as": gettext(asked_as), "name": name, "rows": list(rows)}
    return render("answers", gettext, **values)


def others(
    report: Mapping[str, Any], gettext: Gettext, lowered: tuple[int, Sequence[Mapping[str, Any]]] | None = None
) -> str:
    """The built-in tasks before and now; losses that are more than chance are marked. `lowered` are a strength in
    percent and what was scored at it."""
    skills = report.get("skills", ())
    if not skills:
        return ""
    percent, scores = lowered or (0, ())
    at = {score["task"]: _skill(score) for score in scores}
    rows = [{**_skill(skill), "lowered": at.get(skill["task"])} for skill in skills]
    most = max(skill["rows"] for skill in skills)
    return render("other_skills", gettext, skills=rows, count=most, enough=most >= MIN_PAIRED_ROWS, percent=percent)


def behind(report: Mapping[str, Any], name: str, gettext: Gettext) -> str:
    """What the figures rest on, folded away: all measures, and which labels were taken for which."""
    if not report.get("measures"):
        return ""
    measures = [
        (
            _measure(one["name"]),
            f"{one['base']:.1f}",
            f"{one['adapter']:.1f}",
            f"{one['low']:+.1f} … {one['high']:+.1f}",
        )
        for one in report["measures"]
    ]
    table = report.get("confusion") or {"labels": (), "base": (), "adapter": ()}
    labels = [gettext("other") if label == OTHER else label for label in table["labels"]]
    whose = ((gettext("Base model"), table["base"]), (name, table["adapter"])) if labels else ()
    tables = [(who, _confusion(table["labels"], counts)) for who, counts in whose]
    return render("figures", gettext, name=name, measures=measures, labels=labels, tables=tables)


def _best_and_worst(report: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    rows = sorted(report.get("rows", ()), key=lambda row: -row["gain"])
    return rows[:ROWS_SHOWN], rows[max(ROWS_SHOWN, len(rows) - ROWS_SHOWN) :]


def _skill(skill: Mapping[str, Any]) -> dict[str, Any]:
    digits = 2 if skill["measure"] == "perplexity" else 1  # small, and small changes of it count
    return {
        "name": _task_title(skill["task"]),
        "measure": _measure(skill["measure"]),
        "before": f"{skill['base']:.{digits}f}",
        "now": f"{skill['adapter']:.{digits}f}",
        "worse": skill["worse"],
    }


def _measure(name: str) -> str:
    """A measure by its own name, and which way it is better where that is not upwards."""
    return N_("perplexity, lower is better") if name == "perplexity" else name


def _rows(heading: str, rows: Sequence[Mapping[str, Any]], name: str, gettext: Gettext, plain: bool) -> Markup:
    shown = [(row["asked"], row["base"], row["adapter"], row.get("wanted", "")) for row in rows]
    told = gettext("How surprising each text is: its perplexity, lower is better.") if plain else ""
    return answers_table(gettext, heading, name, shown, told, "Text" if plain else "Question")


def _confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> list[tuple[int, str, Sequence[int]]]:
    """Of each label its place among all, and how often each was answered in its stead; what is no label has no row."""
    rows = zip(labels, counts, strict=True)
    return [(place, label, row) for place, (label, row) in enumerate(rows) if label != OTHER]


def _task_title(name: str) -> str:
    """As the table of what was forgotten calls a task; one that is gone by its name."""
    task = all_tasks().get(name)
    return (task.forgetting.title if task and task.forgetting else "") or (task.title if task else name)
