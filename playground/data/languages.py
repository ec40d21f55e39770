"""Languages by their English names, told from what a column is called or a cell says: a name, or a code of any kind."""

import re
from functools import cache

from babel import Locale
from babel.core import get_global

from playground.data.column_names import plain

_CODES = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr ht hu hy id ig "
    "is it ja jv ka kk km kn ko ku ky la lb lo lt lv mg mk ml mn mr ms mt my ne nl no or pa pl ps pt qu ro ru rw si sk "
    "sl so sq sr sv sw ta te tg th tk tl tr tt ug uk ur uz vi xh yo yue zh zu"
).split()
_OWN_NAMES = "ar bn cs da de el es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv ta th tr uk vi zh".split()
_OTHER_WORDS = {
    "中文": "zh",
    "汉语": "zh",
    "英文": "en",
    "法文": "fr",
    "德文": "de",
    "俄文": "ru",
    "日文": "ja",
    "韩文": "ko",
}
_OTHER_CODES = {"cn": "zh", "zhcn": "zh", "zhtw": "zh", "nb": "no", "nn": "no", "cmn": "zh", "jp": "ja"}
_TAG = re.compile(r"([a-z]{2,3})[-_]([a-z]{4}|[a-z]{2}|\d{3})([-_]([a-z]{2}|\d{3}))?")
_BESIDE = frozenset("text texts sentence sentences src tgt source target translation lang language raw".split())
"""What may stand beside a code in a name: "text_en"."""


def language_of(name: str) -> str:
    """The English name of the language that a column is named after or a cell names, or "".

    "de", "deu", "de-AT", "deu_Latn", "German", "Deutsch", "German sentences", "text_de", "translation.de".
    """
    last = name.rsplit(".", 1)[-1].strip()
    folded = plain(last)
    found = _names().get(folded) or _codes().get(folded)
    if found:
        return found
    if (tag := _TAG.fullmatch(last.lower())) and tag[2] not in _BESIDE and tag[1] not in _BESIDE:
        return _codes().get(tag[1], "")
    words = [plain(word) for word in re.split(r"[\W_]+", last.lower()) if word]
    named = [language for word in words if len(word) > 3 and (language := _names().get(word))]
    if named:
        return named[0]
    coded = [_codes()[word] for word in words if word in _codes()]
    others = [word for word in words if word not in _codes()]
    return coded[0] if len(coded) == 1 and others and _BESIDE.issuperset(others) else ""


def name_of_code(code: str) -> str:
    """The English name of a language by its code of two or three letters, or ""."""
    return _codes().get(code, "")


@cache
def _names() -> dict[str, str]:
    """By what the language is called in English, in Chinese, and in itself where many speak it."""
    english, chinese = Locale("en").languages, Locale("zh").languages
    words = {plain(english[code]): english[code] for code in _CODES if code in english}
    words |= {plain(chinese[code]): english[code] for code in _CODES if code in chinese and code in english}
    words |= {plain(Locale(code).languages[code]): english[code] for code in _OWN_NAMES}
    return words | {plain(word): english[code] for word, code in _OTHER_WORDS.items()}


@cache
def _codes() -> dict[str, str]:
    english = Locale("en").languages
    known = {code: english[code] for code in _CODES if code in english}
    aliases = {alias: known[code] for alias, code in get_global("language_aliases").items() if code in known}
    plain_aliases = {alias: name for alias, name in aliases.items() if alias.isalpha() and len(alias) == 3}
    return {**plain_aliases, **known, **{code: known[of] for code, of in _OTHER_CODES.items()}}
