"""The text grows without broken characters, lost spaces or half a stop text."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from playground.engine.detokenizer import IncrementalDetokenizer

TEXT = "Größe: 小狗在花园里睡觉。🐕🐕 done,  two spaces\n\nend"


@pytest.fixture(scope="module")
def tokenizer(tiny_model_folder: Path) -> AutoTokenizer:
    return AutoTokenizer.from_pretrained(tiny_model_folder)


def test_never_shows_a_broken_character(tokenizer: AutoTokenizer) -> None:
    """Characters of several tokens appear whole; every shown text is a beginning of the final one."""
    text = IncrementalDetokenizer(tokenizer.decode, tokenizer.encode("Say:"))
    for token in tokenizer.encode(TEXT):
        text.push(token)
        assert TEXT.startswith(text.text)
        assert "\ufffd" not in text.text
    assert text.text == TEXT


@pytest.mark.parametrize("prompt", ["Say: ", "说：小狗在花园里睡觉"])
def test_tokens_that_are_single_bytes_break_nothing_else(prompt: str) -> None:
    """Some tokenizers turn all of a run of bytes into signs of breakage when it begins inside a character."""

    def decode(tokens: Sequence[int]) -> str:
        try:
            return bytes(tokens).decode()
        except UnicodeDecodeError:
            return "\ufffd" * len(tokens)

    text = IncrementalDetokenizer(decode, list(prompt.encode()))
    for token in TEXT.encode():
        text.push(token)
        assert TEXT.startswith(text.text)
    assert text.text == TEXT


def test_survives_broken_bytes(tokenizer: AutoTokenizer) -> None:
    """A model that writes impossible bytes still gets its later words shown."""
    half = tokenizer.encode("小")[:1]
    text = IncrementalDetokenizer(tokenizer.decode, tokenizer.encode("Say:"))
    for token in [*half * 100, *tokenizer.encode(" then words")]:
        text.push(token)
    assert text.text.endswith(" then words")


def test_keeps_the_leading_space(stories_folder: Path) -> None:
    """Tokenizers that mark words by a space before them keep it in a continuation."""
    tokenizer = AutoTokenizer.from_pretrained(stories_folder)
    ids = tokenizer.encode("Once upon a time there was")
    for cut in range(1, len(ids)):
        text = IncrementalDetokenizer(lambda tokens: tokenizer.decode(tokens, skip_special_tokens=True), ids[:cut])
        for token in ids[cut:]:
            text.push(token)
        begin = tokenizer.decode(ids[:cut], skip_special_tokens=True)
        assert begin + text.text == "Once upon a time there was"


def test_holds_back_what_may_become_a_stop(tokenizer: AutoTokenizer) -> None:
    """Nothing of a stop text is shown while it may still come, and it is shown when it does not."""
    text = IncrementalDetokenizer(tokenizer.decode, [], stops=("END",))
    shown = []
    for token in tokenizer.encode("an E, an EN, then END of it"):
        text.push(token)
        shown.append(text.visible())
        if text.stopped:
            break
    assert text.stopped
    assert text.text == shown[-1] == "an E, an EN, then "
    assert not any(one.endswith(("E", "EN")) for one in shown)
    assert any("an EN," in one for one in shown)


def test_the_earliest_stop_wins(tokenizer: AutoTokenizer) -> None:
    """With several stop texts the text ends before whichever came first."""
    text = IncrementalDetokenizer(tokenizer.decode, [], stops=("sun", "dog"))
    for token in tokenizer.encode("the dog in the sun"):
        text.push(token)
        if text.stopped:
            break
    assert text.text == "the "
