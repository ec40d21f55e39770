"""Cards as Anki exports them: lines of "#" above that say how the rest is to be read."""

import re

from playground.data.table import MAX_COLUMNS

_FIRST = "#separator:"
_NAMED = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " "}
_KEPT_FOR = re.compile(r"(guid|notetype|deck|tags) column", re.IGNORECASE)
_SIDES = ("front", "back")


def is_anki(text: str) -> bool:
    return text[: len(_FIRST)].lower() == _FIRST


def as_delimited(text: str) -> str:
    """The same cards under a header, with what the lines above say taken for the names of the columns."""
    told: dict[str, str] = {}
    while text.startswith("#"):
        line, _, text = text.partition("\n")
        key, _, value = line[1:].partition(":")
        told[key.strip().lower()] = value.strip()
    named = told.get("separator", "tab")
    sign = _NAMED.get(named.lower(), named[:1] or "\t")
    if "columns" in told:
        return f"{told['columns']}\n{text}"
    named_places = {int(place[:3]): _KEPT_FOR.fullmatch(key) for key, place in told.items() if place[:3].isdecimal()}
    kept = {place: found[1] for place, found in named_places.items() if found}
    count = max([min(text.partition("\n")[0].count(sign) + 1, MAX_COLUMNS + 1), *kept])
    free = iter((*_SIDES, *(f"field {place}" for place in range(3, count + 1))))
    header = [kept.get(place) or next(free) for place in range(1, count + 1)]
    return f"{sign.join(header)}\n{text}"
