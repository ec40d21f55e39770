"""Defends that each visitor is spoken to in one language, and that what cannot be translated is still said."""

import subprocess
import sys

import pytest

from playground.errors import TrainingError
from playground.i18n.catalog import CHINESE, ENGLISH, gettext, in_chinese, locale_of
from playground.sentence import Sentence


@pytest.mark.parametrize(
    ("headers", "locale"),
    [
        ({}, ENGLISH),
        ({"accept-language": "zh-HK,zh;q=0.9,en;q=0.8"}, CHINESE),
        ({"accept-language": "de-DE,zh;q=0.5"}, ENGLISH),
        ({"accept-language": "en-US", "cookie": "playground_language=zh-CN"}, CHINESE),
        ({"accept-language": "zh-CN", "cookie": "playground_language=en"}, ENGLISH),
        ({"cookie": 'a="b; playground_language'}, ENGLISH),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(headers: dict[str, str], locale: str) -> None:
    assert locale_of(headers) == locale


def test_fields_are_filled_in() -> None:
    assert gettext(CHINESE, "Part {part} of {parts}", part=2, parts=5) == "第 2 / 5 部分"
    assert gettext(ENGLISH, "Part {part} of {parts}", part=2, parts=5) == "Part 2 of 5"


def test_sentences_within_sentences_are_said_in_the_same_language() -> None:
    """An error within one counts too."""
    why = Sentence("Row {row}: {reason}", row=3, reason=TrainingError("There is nothing in it to learn."))
    assert gettext(CHINESE, "Only so much. {reason}", reason=why) == "Only so much. 第 3 行：里面没有可以学习的内容。"
    assert gettext(ENGLISH, "{reason}", reason=why) == "Row 3: There is nothing in it to learn."


def test_what_has_no_translation_is_said_in_english() -> None:
    """Braces in a text without fields are no fields."""
    assert gettext(CHINESE, "No model {x}.") == gettext(ENGLISH, "No model {x}.") == "No model {x}."


def test_one_english_word_may_be_two_in_chinese() -> None:
    assert in_chinese("From") == "来自"  # a file
    assert in_chinese("From", "language") == "从"


def test_the_ground_stays_light() -> None:
    """Errors are imported by all, also by what says nothing to anybody: no page, no torch, and no Babel till then."""
    script = """
import sys
import playground.errors, playground.i18n.catalog
assert not {"babel", "gradio", "pydantic", "torch"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
