"""Telling that an answer goes round in circles, and where it began to."""

import re

_SIGN = r"\u3040-\u30ff\u3400-\u9fff"
_WORDS = re.compile(rf"^\s*\d+[.)]\s|([{_SIGN}][。，、：；！？]*|[^\s{_SIGN}]{{1,12}})", re.MULTILINE)
"""What stands between spaces, in pieces where it is long, and each sign of Chinese and Japanese, which have none; the
numbers of a list do not count."""
_TOGETHER = 4
"""So many words are looked for as one."""
_BACK = 2
"""What each new word takes back of the repeated ones before it, so that lines that are only alike may go on."""
_ENOUGH = 24
"""Repeated words, less what the new ones among them took back, that only a circle has."""
_READ = 6000
"""Characters at the end that are looked at; more only cost time."""
_ENDS = re.compile(r"[.!?。！？][\"'”’)*]*(?=\s|$)|[。！？]|\n|```")
_CLAUSES = re.compile(r"[,;:，；：]|、")
_MARKER = re.compile(r"\n\s*(?:\d+[.)]|[-*•#]+)\s*$")
"""Of a list's next item, with nothing behind it."""


def without_repetition(text: str) -> str | None:
    """`text` up to where it began to go round in circles, None while it does not.

    A word is repeated when the words that it ends stood together twice before: so a refrain may come once more, and
    what is alike in lists, tables and code is broken up by what is not.
    """
    begin = max(0, len(text) - _READ)
    found = [match for match in _WORDS.finditer(text, begin) if match[1]]
    words = [match[1].lower() for match in found]
    seen: dict[tuple[str, ...], int] = {}
    times: list[int] = []
    """How often the words that begin at each place stood before."""
    score = 0
    for place in range(len(words) - _TOGETHER + 1):
        together = tuple(words[place : place + _TOGETHER])
        times.append(seen.get(together, 0))
        seen[together] = times[-1] + 1
        score = score + 1 if times[-1] > 1 else max(0, score - _BACK)
        if score >= _ENOUGH:
            kept = text[: found[_first_repeated(times)].start()]
            return _tidy(kept) or kept
    return None


def _first_repeated(times: list[int]) -> int:
    """Where the circle that the last place is in went round for the second time; one new word does not break it."""
    first = len(times) - 1
    for place in range(first, -1, -1):
        if times[place]:
            first = place
        elif first - place > _TOGETHER:
            break
    return first


def _tidy(text: str) -> str:
    """Without a sentence that is only begun, or its last clause where that would take more than half."""
    for ends in (_ENDS, _CLAUSES):
        last = max((match.end() for match in ends.finditer(text)), default=0)
        if last > len(text) // 2:
            text = text[:last]
            break
    return _MARKER.sub("", text).rstrip(" \n,;:，；：、")
