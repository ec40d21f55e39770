"""Old encodings, each with how one sees that a text was read in the right one: by the letters that come out.

In most of them nearly any bytes can be read, so that a wrong one gives no error but rare characters.
"""

import re
from collections.abc import Callable

_OTHERS = re.compile(r"[^\x00-\x7f]")
_WESTERN = re.compile(r"[\u00c0-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e‘’“”‚„–—…•€£¥©®™°«»¿¡§·´\u00a0]")
_CENTRAL = re.compile(r"[ąćęłńóśźżĄĆĘŁŃÓŚŹŻáäčďéěíľĺňôřšťúůýžÁÄČĎÉĚÍĽŇŘŠŤÚŮÝŽöőüűÖŐÜŰßăâîșțşţ‘’“”‚„–—…€«»§\u00a0]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fc]")
_SMALL_CYRILLIC = re.compile(r"[а-яёіїєґў]")
_CYRILLIC = re.compile(r"[А-Яа-яЁёІіЇїЄєҐґЎў]")
_MIXED = re.compile(r"[a-zA-Z](?=[а-яА-ЯёіїЁІЇ])|[а-яА-ЯёіїЁІЇ](?=[a-zA-Z])")
_KOREAN = frozenset("이다는을를에의가고니요하지은서로어나기사한도자인그습세안있아라")
"""The commonest syllables: about a third of any Korean text."""


def is_chinese(text: str) -> bool:
    """Simplified characters, nearly all of them those of the old GB2312, and of these the common half."""
    return _ideographs(text, "gb2312", b"\xb0", b"\xd8")


def _is_traditional(text: str) -> bool:
    return _ideographs(text, "big5", b"\xa4", b"\xc7")


def _ideographs(text: str, encoding: str, first: bytes, end: bytes) -> bool:
    """`first` to `end` are the first bytes of the common characters."""
    found = _OTHERS.findall(text)
    common = "".join(found).encode(encoding, "ignore").decode(encoding)
    ideographs = [char for char in common if "\u4e00" <= char <= "\u9fff"]
    usual = sum(first <= char.encode(encoding) < end for char in ideographs)
    return len(common) >= 0.8 * len(found) and len(ideographs) >= 0.5 * len(found) and usual >= 0.9 * len(ideographs)


def _is_japanese(text: str) -> bool:
    found = _OTHERS.findall(text)
    return sum(bool(_KANA.match(char)) for char in found) >= 0.25 * len(found)


def _is_korean(text: str) -> bool:
    syllables = [char for char in _OTHERS.findall(text) if "\uac00" <= char <= "\ud7a3"]
    common = sum(char in _KOREAN for char in syllables)
    return len(syllables) >= 0.7 * len(_OTHERS.findall(text)) and common >= 0.2 * len(syllables)


def _is_western(text: str) -> bool:
    return _mostly(_WESTERN, text) and len(_OTHERS.findall(text)) <= 0.25 * len(text)


def _is_central(text: str) -> bool:
    return _mostly(_CENTRAL, text) and len(_OTHERS.findall(text)) <= 0.25 * len(text)


def _is_russian(text: str) -> bool:
    """In another Cyrillic encoding a text would be all capitals, and a Latin one has Latin letters beside its odd
    ones."""
    small, all_letters = len(_SMALL_CYRILLIC.findall(text)), len(_CYRILLIC.findall(text))
    mixed = len(_MIXED.findall(text))
    return all_letters >= 0.9 * len(_OTHERS.findall(text)) and small > 0.5 * all_letters and mixed <= 0.05 * all_letters


def _mostly(letters: re.Pattern[str], text: str) -> bool:
    found = _OTHERS.findall(text)
    return sum(bool(letters.match(char)) for char in found) >= 0.95 * len(found)


ENCODINGS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("cp932", _is_japanese),
    ("cp949", _is_korean),
    ("gb18030", is_chinese),
    ("big5", _is_traditional),
    ("cp1252", _is_western),
    ("cp1251", _is_russian),
    ("cp1250", _is_central),
)
"""Encodings and their signs, in the order in which they are tried."""
