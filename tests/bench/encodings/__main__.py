"""Texts in old encodings, read back: `python -m tests.bench.encodings`.

Each language's text is written in each encoding that it is found in, as a table of one row: all of the article, its
first sentence, and four words from it, since small files are the hardest. Prints a Markdown table of how many are read
back letter by letter, and below it whatever was not. The exit code is 1 where a whole article is refused, or more than
one is read as something else.
"""

import re
import sys
import time
import unicodedata
from collections import Counter

from playground.data.readers.encoding import decode
from playground.errors import DataError
from tests.bench.encodings.texts import ARTICLE

_WORDS = 4
_SIZES = ("article", "sentence", "four words")


def main() -> int:
    began = time.perf_counter()
    wrong: list[str] = []
    totals: Counter[tuple[str, str]] = Counter()
    print(f"| language | encodings | {' | '.join(_SIZES)} |\n|---|---|{'---|' * len(_SIZES)}")
    for language, (encodings, text) in ARTICLE.items():
        held = [name for name in encodings.split() if _fits(text, name)]
        found = {
            size: Counter(_read(part, name, size, language, wrong) for name in held) for size, part in _parts(text)
        }
        totals.update({(size, outcome): count for size in found for outcome, count in found[size].items()})
        cells = [f"{found[size]['equal']} of {len(held)}" for size in _SIZES]
        print(f"| {language} | {', '.join(held)} | {' | '.join(cells)} |")
    sums = [{kind: totals[size, kind] for kind in ("equal", "other", "refused")} for size in _SIZES]
    cells = [f"{one['equal']} equal, {one['other']} as something else, {one['refused']} refused" for one in sums]
    print(f"| **all** | | {' | '.join(cells)} |\n")
    print(f"{time.perf_counter() - began:.1f} s.\n")
    print("\n".join(wrong))
    return int(totals["article", "other"] > 1 or totals["article", "refused"] > 0)


def _parts(text: str) -> list[tuple[str, str]]:
    sentence = re.split(r"(?<=[.。])", text)[0]
    words = text.split()
    few = " ".join(words[:_WORDS]) if len(words) > _WORDS else text[:12]
    return list(zip(_SIZES, (text, sentence, few), strict=True))


def _fits(text: str, encoding: str) -> bool:
    try:
        return unicodedata.normalize("NFC", text).encode(encoding) is not None
    except UnicodeEncodeError:
        return False


def _read(text: str, encoding: str, size: str, language: str, wrong: list[str]) -> str:
    table = f"question,answer\nx,{unicodedata.normalize('NFC', text)}\n"
    try:
        found = decode(table.encode(encoding))[0]
    except DataError:
        wrong.append(f"- {language} in {encoding}, {size}: refused")
        return "refused"
    if found == table:
        return "equal"
    wrong.append(f"- {language} in {encoding}, {size}: read as {found.splitlines()[1][2:50]!r}")
    return "other"


if __name__ == "__main__":
    sys.exit(main())
