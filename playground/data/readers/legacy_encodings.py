"""Old encodings, told apart by the letters that come out: in a wrong one nearly any bytes can be read, but as letters
that no language has together."""

import codecs
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache

_OTHERS = re.compile(r"[^\x00-\x7f]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fc]")
_KOREAN = frozenset("이다는을를에의가고니요하지은서로어나기사한도자인그습세안있아라")
"""The commonest syllables: about a third of any Korean text."""
_NEUTRAL = frozenset("‘’“”‚„–—…•€£¥©®™°«»§·´\u00a0№‹›½²³" + "\u200e\u200f")
"""Signs that stand in texts of any language."""
_WITHIN = re.compile(r"(?<=[^\W\d_])[‘“”‚„…•€£¥©®™°«»§´№‹›½²³](?=[^\W\d_])")
"""Such a sign between two letters, where none belongs: a letter was meant."""
_ODD_CASE = re.compile(r"[a-zß-öø-ÿα-ώа-џěřčžšąęłśćńźżőűığş][A-ZÀ-ÖØ-ÞŠŽŒŸČŘĚŁŚŹŻĄĘĆŃŐŰΑ-ΩА-ЯЁЂ-Џ](?=[^\W\d_])")
_MIXED = re.compile(r"[a-zA-Z][Ͱ-ӿ֐-ۿ฀-๿]|[Ͱ-ӿ֐-ۿ฀-๿][a-zA-Z]")
_IN_A_WORD = re.compile(r"[a-zA-Z][\u4e00-\u9fff]+(?=[a-z])")
_MAX_CHARS = 50_000
_STRANGE = 1e-4
"""The share of a letter that a language does not have."""
_LEAST = -4.6
_SIGNS_ALONE = -0.5
"""What a text is worth whose only odd characters are such signs as an editor sets by itself."""
_LETTERS = {
    **{"cs": "íáéěřčžýšůúňďťó", "sk": "áíéčýžšľúôťňďäóĺŕ", "pl": "łąęóżśćńź", "hu": "áéóöíüőúű", "ro": "ăîâşţ"},
    **{"hr": "čćšžđ", "sl": "čšž", "de": "üäöß", "fr": "éèàêçùâôîûïëœ", "es": "óíáéñú¿¡ü", "pt": "ãáéçíóõêúâà"},
    **{"it": "àèìòùé", "sv": "äåö", "da": "øåæé", "no": "øåæé", "fi": "äöå", "is": "ðáíþæóöéúý", "nl": "éëïè"},
    **{"ca": "àéèóòçíïúü", "et": "äõüöšž", "lt": "ėšąžųūįęč", "lv": "āēīšūņļģķžč", "tr": "ıüşğçöiâ", "sq": "ëç"},
    "el": "αοιετσνηυρπκμλωςγδχθφβξζψόάίέήύώϊΐϋΰ",
    "ru": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "uk": "оанивіертслкдмупязьбгйчхцжїюшщєфґ",
    "bg": "аеионтрсвлкдпмзъугбчщяьжцхйшюф",
    "sr": "аиоенрсјтукдмвплбзгшчцжћњљђхџф",
    "be": "аінеорытслкяўдвмупгзбьчэёжйхцшюф",
    "he": "יוהלארתבשמנםדקעחפצסגכטזךץףן",
    "ar": "اليمنوترعبدسةفكهقحجشأىصخضطذزءئثإظغؤآ؟،",
    "fa": "اريندمهوتبسشكگزخفقلعپجچحطصغضذثظژآئ؟،",
    "th": "านรอกเงมยลวดัทีส่้ติะปบคหแ์ุจพูชใไข็ำโืผึถซธศณญภฟฉฎฐษฬฮๆ๊๋",
}
"""The letters of a language that ASCII lacks, the commonest first."""
_WESTERN = ("de", "fr", "es", "pt", "it", "sv", "da", "no", "fi", "is", "nl", "ca", "et")
_CENTRAL = ("cs", "sk", "pl", "hu", "ro", "hr", "sl", "sq", "de")
_CYRILLIC = ("ru", "uk", "bg", "sr", "be")
_SINGLE_BYTE = {
    **{"cp1252": _WESTERN, "cp1250": _CENTRAL, "cp1251": _CYRILLIC, "cp1253": ("el",), "cp1254": ("tr",)},
    **{"cp1255": ("he",), "cp1256": ("ar", "fa"), "cp1257": ("lt", "lv", "et", "pl"), "cp874": ("th",)},
    **{"iso8859_2": _CENTRAL, "iso8859_7": ("el",), "iso8859_5": _CYRILLIC, "iso8859_6": ("ar",)},
    **{"koi8_u": _CYRILLIC, "cp866": _CYRILLIC, "mac_cyrillic": _CYRILLIC, "mac_roman": _WESTERN, "cp850": _WESTERN},
    **{"cp852": _CENTRAL, "mac_latin2": _CENTRAL},
}
"""Encodings of one byte for each letter, the commonest first, and the languages that are written in them."""


def likely_encodings(sample: bytes) -> Iterator[str]:
    """The encodings in which a sample, whose end may be half a character, makes sense, the likeliest first."""
    for name, plausible in _MULTI_BYTE:
        text = _decoded(sample, name)
        if text is not None and _OTHERS.search(text) and plausible(text):
            yield name
    scores = {name: score for name in _SINGLE_BYTE if (score := _score(sample, name)) is not None}
    yield from sorted((name for name, score in scores.items() if score >= _LEAST), key=lambda name: -scores[name])


def _score(sample: bytes, name: str) -> float | None:
    """How likely the letters are beyond ASCII's in the language that fits them best."""
    text = _decoded(sample[:_MAX_CHARS], name)
    others = _OTHERS.findall(text) if text else []
    if not others or text is None:
        return None
    counts = Counter(char for char in "".join(others).replace("İ", "i").lower() if char not in _NEUTRAL)
    counts.update(_WITHIN.findall(text))
    total = sum(counts.values())
    if not total:
        return _SIGNS_ALONE if name == "cp1252" else None
    odd = (len(_ODD_CASE.findall(text)) + len(_MIXED.findall(text))) / total
    likely = (_likelihood(counts, _shares(language)) for language in _SINGLE_BYTE[name])
    return max(likely) / total - 3 * min(1.0, odd)


def _likelihood(counts: Counter[str], shares: dict[str, float]) -> float:
    return sum(count * math.log(shares.get(char, _STRANGE)) for char, count in counts.items())


@cache
def _shares(language: str) -> dict[str, float]:
    """Of the letters of a language, falling as their ranks do."""
    letters = _LETTERS[language]
    weights = [1 / (rank + 4) for rank in range(len(letters))]
    return {letter: weight / sum(weights) for letter, weight in zip(letters, weights, strict=True)}


def _decoded(sample: bytes, name: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return None


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
    within = len(_IN_A_WORD.findall(text))
    return (
        len(common) >= 0.8 * len(found)
        and len(ideographs) >= 0.5 * len(found)
        and usual >= 0.9 * len(ideographs)
        and 2 * within < len(ideographs)
    )


def _is_japanese(text: str) -> bool:
    found = _OTHERS.findall(text)
    return sum(bool(_KANA.match(char)) for char in found) >= 0.25 * len(found)


def _is_korean(text: str) -> bool:
    syllables = [char for char in _OTHERS.findall(text) if "\uac00" <= char <= "\ud7a3"]
    common = sum(char in _KOREAN for char in syllables)
    return len(syllables) >= 0.7 * len(_OTHERS.findall(text)) and common >= 0.2 * len(syllables)


_MULTI_BYTE: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("cp932", _is_japanese),
    ("euc_jp", _is_japanese),
    ("cp949", _is_korean),
    ("gb18030", is_chinese),
    ("big5", _is_traditional),
)
"""Encodings and their signs, in the order in which they are tried."""
