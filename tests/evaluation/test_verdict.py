"""The verdict says what was gained, kept and lost, and never calls chance progress."""

from playground.evaluation import verdict as words
from playground.evaluation.forgetting import TaskScore
from playground.evaluation.verdict import TrainingCurve, verdict
from playground.metrics.bootstrap import PairedDifference

AT_ONCE = TrainingCurve(0, 0)
UP, ALPHA, DOWN = (10.0, 50.0), (-5.0, 9.0), (-50.0, -10.0)
SKILLS = ("generate", "translate", "summarize", "sentiment", "answer")


def found(interval: tuple[float, float], name: str = "accuracy", rows: int = 40) -> PairedDifference:
    return PairedDifference(name, 45.0, 77.5, *interval, rows, lower_is_better=name == "perplexity")


def said(main: PairedDifference | None, curve: TrainingCurve = AT_ONCE, *skills: TaskScore) -> list[str]:
    return [str(sentence) for sentence in verdict(main, curve, skills)]


def test_gain_chance_and_loss_are_three_sentences() -> None:
    assert said(found(UP)) == ["On the 40 examples that it never saw, it is right 31 times, the base model 18 times."]
    assert "no more than chance" in said(found(ALPHA))[0]
    assert "got worse" in said(found(DOWN))[0]


def test_texts_are_judged_by_their_measure() -> None:
    assert "closer" in said(found(UP, "chrF"))[0] and "77.5 of 100" in said(found(UP, "chrF"))[0]
    assert "chance" in said(found(ALPHA, "ROUGE-1"))[0] and "ROUGE-1" in said(found(ALPHA, "ROUGE-1"))[0]
    assert "further" in said(found(DOWN, "F1"))[0]
    assert "less" in said(found(DOWN, "perplexity"))[0]  # lower is better there
    assert "more" in said(found(UP, "perplexity"))[0]
    assert "chance" in said(found(ALPHA, "perplexity"))[0]
    assert "perplexity is >9999," in said(PairedDifference("perplexity", 45.0, 1e40, 1e39, 1e41, 40, True))[0]


def test_too_little_to_judge_is_said() -> None:
    assert said(None) == [words.UNMEASURED]
    assert "Only 3 examples" in said(found(UP, rows=3))[0]


def test_the_best_step_and_what_came_after_it() -> None:
    losses = [(0, 3.0), (10, 2.0), (20, 1.5), (30, 1.9)]
    assert said(None, TrainingCurve(20, 20, losses))[1:] == ["It was best at step 20 of 30; after that it memorized."]
    same = [*losses[:3], (30, 1.501)]
    assert said(None, TrainingCurve(20, 20, same))[1:] == [
        "It was best at step 20 of 30; after that it learnt nothing more."
    ]
    assert "longer studying" in said(None, TrainingCurve(30, 30, [*losses[:3], (30, 1.4)]))[1]
    assert said(None, TrainingCurve(30, 30, [*losses[:3], (30, 1.499)]))[1:] == [
        "It was best at its last step, 30; there it hardly learnt any more."
    ]
    assert said(None, TrainingCurve(10, 20, losses))[1:] == [
        "This is step 10; on the examples set aside, step 20 of 30 did best."
    ]
    assert len(said(None, TrainingCurve(30, 30))) == 1  # nothing set aside: no step can be called the best


def test_what_was_forgotten_is_named() -> None:
    kept = [TaskScore(task, found(ALPHA)) for task in SKILLS]
    assert said(found(UP), AT_ONCE, *kept)[1:] == ["None of the 5 built-in tasks that were tried got clearly worse."]
    worse = [TaskScore("translate", found(DOWN)), *kept[2:]]
    assert said(found(UP), AT_ONCE, *worse)[1:] == ["It got worse at translating."]
    two = [TaskScore("translate", found(DOWN)), TaskScore("generate", found(UP, "perplexity"))]
    assert said(found(UP), AT_ONCE, *two)[1:] == ["It got worse at translating and at telling little stories."]
    most = [TaskScore(task, found(DOWN)) for task in SKILLS]
    assert said(found(UP), AT_ONCE, *most)[1:] == ["It got worse at 5 of the 5 built-in tasks that were tried."]


def test_most_of_a_skill_lost_is_forgotten_and_too_few_items_tell_nothing() -> None:
    lost = TaskScore("translate", PairedDifference("chrF", 93.6, 16.8, -80.0, -70.0, 12))
    assert said(found(UP), AT_ONCE, lost)[1:] == ["It forgot how to translate."]
    less = TaskScore("generate", PairedDifference("perplexity", 2.0, 3.0, 0.9, 1.1, 12, lower_is_better=True))
    assert said(found(UP), AT_ONCE, lost, less)[1:] == [
        "It forgot how to translate.",
        "It got worse at telling little stories.",
    ]
    few = TaskScore("translate", PairedDifference("chrF", 93.6, 16.8, -80.0, -70.0, 3))
    assert "only 3 items" in said(found(UP), AT_ONCE, few)[1]


def test_a_kept_verdict_takes_what_was_measured_later() -> None:
    few = TaskScore("translate", PairedDifference("chrF", 93.6, 16.8, -80.0, -70.0, 3))
    all_of_them = TaskScore("translate", PairedDifference("chrF", 93.6, 16.8, -80.0, -70.0, 12))
    kept = [sentence.to_plain() for sentence in verdict(found(UP), AT_ONCE, [few])]
    now = words.with_skills(kept, [all_of_them])
    assert now[0] == kept[0]
    assert [sentence["template"] for sentence in now[1:]] == ["It forgot how to translate."]


def test_nothing_more_is_recommended_where_all_is_right() -> None:
    perfect = PairedDifference("accuracy", 45.0, 100.0, *UP, 40)
    losses = [(0, 3.0), (10, 2.0), (20, 1.5)]
    assert said(perfect, TrainingCurve(20, 20, losses))[1:] == ["It was best at its last step, 20."]


def test_it_is_never_longer_than_three_sentences() -> None:
    worse = [
        TaskScore("translate", found(DOWN)),
        TaskScore("answer", found(DOWN)),
        TaskScore("sentiment", found(ALPHA)),
    ]
    assert len(said(found(UP), TrainingCurve(1, 1, [(0, 2.0), (1, 1.0), (2, 1.5)]), *worse)) == 3
