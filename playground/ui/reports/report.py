"""An adapter's report, drawn as html: verdict, tiles, what else changed, and the rows behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from playground.evaluation.held_out import OTHER
from playground.i18n.catalog import Gettext
from playground.sentence import N_
from playground.ui.reports import dataset as teach_html
from playground.ui.reports.dataset import safe

SKILLS = {
    "sentiment": N_("Sentiment"),
    "translate": N_("Translate"),
    "summarize": N_("Summarize"),
    "answer": N_("Question answering"),
    "generate": N_("Stories"),
}
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


def tiles(report: Mapping[str, Any], gettext: Gettext) -> str:
    """Up to two measures, before and now, with the gain and half of its interval; and how many skills were kept."""
    drawn = [_tile(measure, gettext) for measure in report.get("measures", ())[:2]]
    skills = report.get("skills", ())
    if skills:
        kept = sum(not skill["worse"] for skill in skills)
        drawn.append(
            teach_html.tile(gettext("Other skills kept"), str(kept), "", gettext("of {count}", count=len(skills)))
        )
    return teach_html.tiles(*drawn)


def _tile(measure: Mapping[str, Any], gettext: Gettext) -> str:
    name, rows = measure["name"], measure["rows"]
    gain, margin = measure["adapter"] - measure["base"], (measure["high"] - measure["low"]) / 2
    label = gettext(MEASURES.get(name, name))
    if name == "accuracy":
        now, before, spread = (round(rows * share / 100) for share in (measure["adapter"], measure["base"], margin))
        told = gettext("of {count}; {gain} ± {spread}", count=rows, gain=_signed(f"{now - before:+d}"), spread=spread)
        return teach_html.tile(label, str(now), str(before), told)
    # Apart from those around a hundred and more, where they say nothing, tenths are shown.
    digits = 0 if max(measure["adapter"], measure["base"]) >= MANY else 1
    now, before = (f"{measure[who]:.{digits}f}" for who in ("adapter", "base"))
    told = f"{gettext(name)}; {_signed(f'{gain:+.{digits}f}')}\u00a0±\u00a0{margin:.{digits}f}"
    return teach_html.tile(label, now, before, told)


def _signed(figure: str) -> str:
    """With a minus that is as long as a plus is wide."""
    return figure.replace("-", "\u2212")


def answers(report: Mapping[str, Any], name: str, gettext: Gettext) -> str:
    """What was asked that it never saw, with the wanted answer and both given ones: the most gained, and the least."""
    best, worst = _best_and_worst(report)
    plain = any(measure["name"] == "perplexity" for measure in report.get("measures", ()))
    drawn = _rows(gettext("Where it gained most, of what it never saw"), best, name, gettext, plain) if best else ""
    return drawn + (_rows(gettext("Where it gained least"), worst, name, gettext, plain) if worst else "")


def others(report: Mapping[str, Any], gettext: Gettext) -> str:
    """The built-in tasks before and now; losses that are more than chance are marked."""
    skills = report.get("skills", ())
    if not skills:
        return ""
    body = "".join(_skill(skill, gettext) for skill in skills)
    head = "".join(f'<th class="num">{safe(gettext(word))}</th>' for word in (N_("before"), N_("now")))
    advice = gettext("With {count} items each, only large losses show; none did.", count=skills[0]["rows"])
    if any(skill["worse"] for skill in skills):
        advice = gettext("Only the marked ones are more than chance. Turn the strength down there, or choose the base.")
    heading = teach_html.title(gettext("What else changed"))
    return f'{heading}<table class="tbl"><tr><th></th>{head}</tr>{body}</table>{teach_html.caption(advice)}'


def behind(report: Mapping[str, Any], name: str, gettext: Gettext) -> str:
    """What the figures rest on, folded away: all measures, and which labels were taken for which."""
    measures = report.get("measures", ())
    if not measures:
        return ""
    drawn = _all_measures(measures, name, gettext)
    drawn += _confusion(report["confusion"], name, gettext) if report.get("confusion") else ""
    summary = safe(gettext("The figures behind it"))
    return f'<details class="behind"><summary class="quiet">{summary}</summary>{drawn}</details>'


def _all_measures(measures: Sequence[Mapping[str, Any]], name: str, gettext: Gettext) -> str:
    words = ("", gettext("Base model"), name, gettext("difference, 95 % interval"))
    head = "".join(f'<th class="num">{safe(word)}</th>' if word else "<th></th>" for word in words)
    body = "".join(
        f'<tr><td>{safe(gettext(_measure(one["name"])))}</td><td class="num">{one["base"]:.1f}</td>'
        f'<td class="num">{one["adapter"]:.1f}</td>'
        f'<td class="num">{one["low"]:+.1f} … {one["high"]:+.1f}</td></tr>'
        for one in measures
    )
    return f'<table class="tbl">{head}{body}</table>'


def _best_and_worst(report: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    rows = sorted(report.get("rows", ()), key=lambda row: -row["gain"])
    return rows[:ROWS_SHOWN], rows[max(ROWS_SHOWN, len(rows) - ROWS_SHOWN) :]


def _skill(skill: Mapping[str, Any], gettext: Gettext) -> str:
    digits = 2 if skill["measure"] == "perplexity" else 1  # small, and small changes of it count
    before, now = (f"{skill[who]:.{digits}f}" for who in ("base", "adapter"))
    marked = f'<b class="lost">{now}</b>' if skill["worse"] else now
    name = safe(gettext(SKILLS.get(skill["task"], skill["task"])))
    label = f'{name} <span class="quiet">{safe(gettext(_measure(skill["measure"])))}</span>'
    return f'<tr><td>{label}</td><td class="num quiet">{before}</td><td class="num">{marked}</td></tr>'


def _measure(name: str) -> str:
    """A measure by its own name, and which way it is better where that is not upwards."""
    return N_("perplexity, lower is better") if name == "perplexity" else name


def _rows(heading: str, rows: Sequence[Mapping[str, Any]], name: str, gettext: Gettext, plain: bool) -> str:
    shown = [(row["asked"], row["base"], row["adapter"], row.get("wanted", "")) for row in rows]
    told = gettext("How surprising each text is: its perplexity, lower is better.") if plain else ""
    asked_as = "Text" if plain else "Question"
    return teach_html.title(heading, told) + teach_html.answers_table(gettext, name, shown, asked_as)


def _confusion(table: Mapping[str, Any], name: str, gettext: Gettext) -> str:
    columns = [gettext("other") if label == OTHER else label for label in table["labels"]]
    head = "".join(f'<th class="num">{safe(column)}</th>' for column in columns)
    drawn = []
    for who, counts in ((gettext("Base model"), table["base"]), (name, table["adapter"])):
        body = "".join(
            f"<tr><td>{safe(label)}</td>{_counts(row, right)}</tr>"
            for right, (label, row) in enumerate(zip(table["labels"], counts, strict=True))
            if label != OTHER
        )
        drawn.append(f'<table class="tbl"><tr><th>{safe(who)}</th>{head}</tr>{body}</table>')
    heading = teach_html.title(
        gettext("Which label was answered with which"), gettext("Yours on the left, its answers above.")
    )
    return f'{heading}<div class="sideways">{"".join(drawn)}</div>'


def _counts(row: Sequence[int], right: int) -> str:
    """How often each label was answered; the right one stands out."""
    marked = (f"<b>{count}</b>" if place == right else f"{count}" for place, count in enumerate(row))
    return "".join(f'<td class="num">{count}</td>' for count in marked)
