"""The line under a summary says how far reading is, how much shorter it is, or that the words are the text's own."""

from functools import partial

import pytest

from playground.i18n.catalog import ENGLISH, gettext
from playground.tasks.outputs import TextOutput
from playground.tasks.summarize import OWN_SENTENCES, SHORT_ALREADY
from playground.ui.components.compare import ComparedOutput
from playground.ui.tabs.summarize import _below

TEXT = "The council met. It voted for gravel."
WHOLE = TextOutput("It voted for gravel.", finished=True)
EXTRACT = TextOutput("The council met.", finished=True, note=OWN_SENTENCES)
ONE = TextOutput("The council met.", finished=True, note=SHORT_ALREADY)


@pytest.mark.parametrize(
    ("base", "own", "says"),
    [
        (None, WHOLE, "From 7 words to 4"),
        (None, EXTRACT, "The text's own best sentences, word for word: Toy is too small to write a summary."),
        (None, ONE, "The text is short already: a single sentence."),
        (WHOLE, WHOLE, "From 7 words to 4 and 4"),
        (EXTRACT, WHOLE, "From 7 words to 3 and 4. The base model's are the text's own sentences."),
        (EXTRACT, TextOutput("It"), ""),
        (None, TextOutput("It", part=2, parts=3), "Part 2 of 3"),
    ],
)
def test_what_stands_below(base: TextOutput | None, own: TextOutput, says: str) -> None:
    """Defends the reader of an extract: a summary that nobody wrote says so, alone and beside another."""
    found = ComparedOutput(base, own, "x", taught=base is not None, comparing=base is not None)
    assert _below(partial(gettext, ENGLISH), "Toy", TEXT, found) == says
