"""How sure the model was of each word: the less sure, the darker; a click on a word tells what else it considered.

Each word is a radio button, so that the keyboard reaches it and no script is needed.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.requests import TokenLogprob
from playground.sentence import N_
from playground.tasks.outputs import TextOutput
from playground.ui.components.basics import html
from playground.ui.templates import render

DRAWN_EVERY_S = 1.0
"""While an answer grows; all words with all others are a lot to send."""
EMPTY = N_("The words of the next answer appear here: the less sure the model was, the darker.")


def place(elem_id: str) -> gr.HTML:
    """Where the words stand, seen only while the switch in "More controls" is on."""
    return html('<div class="quiet">%s</div>', EMPTY, classes=("words",), elem_id=f"{elem_id}-words")


class TokenProbabilities:
    """Draws the words of one growing answer, not oftener than need be."""

    def __init__(self, gettext: Gettext, name: str) -> None:
        """`name` is one for each place on the page: only one word of each is chosen."""
        self._gettext = gettext
        self._name = name
        self._last: TextOutput | None = None
        self._next_at = 0.0

    def drawn(self, result: TextOutput | None) -> Any:
        """An update for `place`; nothing new most of the time."""
        now = time.monotonic()
        if result is None or result is self._last or (now < self._next_at and not result.finished):
            return gr.skip()
        self._last, self._next_at = result, now + DRAWN_EVERY_S
        return shaded(self._gettext, self._name, result.text, result.words)


def shaded(gettext: Gettext, name: str, text: str, words: Sequence[TokenLogprob]) -> Markup:
    """`words` as they stand in `text`."""
    pieces = list(in_place(text, words))
    begin = next((place for place, (shown, _) in enumerate(pieces) if shown.strip()), 0)
    pieces[: begin + 1] = [(shown.lstrip(), word) for shown, word in pieces[: begin + 1]]  # no empty lines on top
    tokens = [
        {
            "shown": shown,
            "plain": _plain(gettext, word.token),
            "probability": math.exp(word.logprob),
            "others": [(_plain(gettext, other), math.exp(logprob)) for other, logprob in word.top_logprobs],
        }
        for shown, word in pieces
    ]
    return render("tokens", gettext, place=name, tokens=tokens)


def in_place(text: str, words: Sequence[TokenLogprob]) -> Iterator[tuple[str, TokenLogprob]]:
    """Each word as it stands in the text: some tokenizers drop a word's leading space when it is decoded alone."""
    at = 0
    for word in words:
        spaced = text.startswith(f" {word.token}", at) and not text.startswith(word.token, at)
        shown = f" {word.token}" if spaced else word.token
        if text.startswith(shown, at):
            at += len(shown)
        yield shown, word


def _plain(gettext: Gettext, text: str) -> str:
    """A word by itself; what cannot be seen gets a sign or a name."""
    if not text:
        return gettext("(the end)")
    return text.strip(" ").replace("\n", "↵") or "␣"
