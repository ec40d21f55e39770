"""How sure the model was of each word: the less sure, the darker; a click on a word tells what else it considered.

Each word is a radio button, so that the keyboard reaches it and no script is needed.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from playground.i18n.catalog import Gettext
from playground.protocol.requests import TokenLogprob
from playground.sentence import N_
from playground.tasks.base import TextOutput
from playground.ui.components.basics import html
from playground.ui.reports.dataset import safe

DRAWN_EVERY_S = 1.0
"""While an answer grows; all words with all others are a lot to send."""
EMPTY = N_("The words of the next answer appear here: the less sure the model was, the darker.")
HINT = N_("Click a word to see what else it considered.")
FRAME = '<div class="quiet">%s</div>'


def place(elem_id: str) -> gr.HTML:
    """Where the words stand, seen only while the switch in "More controls" is on."""
    return html(FRAME, EMPTY, classes=("words",), elem_id=f"{elem_id}-words")


class TokenProbabilities:
    """Draws the words of one growing answer, not oftener than need be."""

    def __init__(self, speak: Gettext, name: str) -> None:
        """`name` is one for each place on the page: only one word of each is chosen."""
        self._speak = speak
        self._name = name
        self._last: TextOutput | None = None
        self._next_at = 0.0

    def drawn(self, result: TextOutput | None) -> Any:
        """An update for `place`; nothing new most of the time."""
        now = time.monotonic()
        if result is None or result is self._last or (now < self._next_at and not result.finished):
            return gr.skip()
        self._last, self._next_at = result, now + DRAWN_EVERY_S
        return shaded(self._speak, self._name, result.text, result.words)


def shaded(speak: Gettext, name: str, text: str, words: Sequence[TokenLogprob]) -> str:
    """`words` as they stand in `text`."""
    if not words:
        return FRAME % safe(speak(EMPTY))
    pieces = list(in_place(text, words))
    begin = next((place for place, (shown, _) in enumerate(pieces) if shown.strip()), 0)
    pieces[: begin + 1] = [(shown.lstrip(), word) for shown, word in pieces[: begin + 1]]  # no empty lines on top
    drawn = "".join(_word(speak, name, shown, word) for shown, word in pieces)
    return f'<div class="flow" dir="auto">{drawn}</div><div class="strip quiet">{safe(speak(HINT))}</div>'


def in_place(text: str, words: Sequence[TokenLogprob]) -> Iterator[tuple[str, TokenLogprob]]:
    """Each word as it stands in the text: some tokenizers drop a word's leading space when it is decoded alone."""
    at = 0
    for word in words:
        spaced = text.startswith(f" {word.token}", at) and not text.startswith(word.token, at)
        shown = f" {word.token}" if spaced else word.token
        if text.startswith(shown, at):
            at += len(shown)
        yield shown, word


def _word(speak: Gettext, name: str, shown: str, word: TokenLogprob) -> str:
    others = "".join(
        f"<span>{_plain(speak, other)} {_share(math.exp(logprob))}</span>" for other, logprob in word.top_logprobs
    )
    probability = math.exp(word.logprob)
    chosen = f"<b>{_plain(speak, word.token)} {_share(probability)}</b>"
    return (
        f'<label style="--unsure:{1 - probability:.2f}"><input type="radio" name="{safe(name)}">'
        f'<span class="word">{safe(shown)}</span>'
        f'<span class="strip">{chosen}<span class="quiet">{safe(speak("It also considered"))}</span>{others}</span>'
        "</label>"
    )


def _plain(speak: Gettext, text: str) -> str:
    """A word by itself; what cannot be seen gets a sign or a name."""
    if not text:
        return safe(speak("(the end)"))
    return safe(text.strip(" ").replace("\n", "↵") or "␣")


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.005 else "&lt;1%"
