"""Words with a tag each, as sequence labelling keeps them: lists in a row, a row for each word, or lines of a text.

The tags of names (B-PER, I-PER, O) are learnt as the names with their kinds, others as each word with its tag.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from playground.data.column_names import plain
from playground.data.table import Problem, Row, Table, build_table
from playground.errors import DataError
from playground.sentence import N_, Sentence

_WORDS = ("tokens", "words", "token", "word", "wordslist", "tokenlist", "分词")
_TAGS = (
    *("nertags", "ner", "tags", "tag", "labels", "label", "iob", "bio", "entities", "postags", "pos", "upos"),
    *("xpos", "chunktags", "chunk"),
)
_SENTENCE = ("sentence", "sentenceid", "sentid", "sentenceno", "sentenceidx")
_OUTSIDE = "O"
_STARTS, _GOES_ON = "BSU", "ILEM"
_MARKS = frozenset(f"{_STARTS}{_GOES_ON}")
MAX_LISTED = 40
MAX_FIELDS = 14
"""On a line: CoNLL-U has ten."""
_LOOKED_AT = 200
_SAMPLE_CHARS = 20_000
TOLD = N_(
    "The words in '{words}' have a tag each in '{tags}'. They were read as sentences with what is tagged in them."
)
NUMBERS = N_(
    "The tags in '{tags}' are numbers, and the file does not hold their names. Write the names in their place, or save "
    "the set as Parquet with datasets, which keeps them."
)
Pairs = list[tuple[str, str]]


def with_tags(table: Table) -> Table | None:
    """A question for each sentence, and what is tagged in it as the answer; raises `DataError` for tags that nobody can
    read."""
    by_name = {plain(column): column for column in reversed(table.columns)}
    words = next((by_name[name] for name in _WORDS if name in by_name), "")
    tags = [by_name[name] for name in _TAGS if name in by_name]
    if not words or not tags:
        return None
    if all(isinstance(row.get(words), str) for row in table.rows[:_LOOKED_AT]):
        return _of_rows(table, words, tags[0], by_name)
    for column in tags:
        sentences = [_pairs(row.get(words), row.get(column)) for row in table.rows]
        if not any(sentences) or any(pairs is None for pairs in sentences):
            continue
        if all(isinstance(tag, int) for row in table.rows for tag in _listed(row.get(column))):
            raise DataError(NUMBERS, tags=column)
        rows = [{name: row[name] for name in row if name not in (words, column)} for row in table.rows]
        return _asked(table, rows, [pairs or [] for pairs in sentences], words, column)
    return None


def are_tagged(text: str) -> bool:
    """Whether a text begins as CoNLL keeps sentences: lines with a word and its tag at the end, and blank ones."""
    lines = [line.split() for line in text[:_SAMPLE_CHARS].split("\n")[:_LOOKED_AT] if not _is_comment(line)]
    lines = lines[:-1] if len(text) > _SAMPLE_CHARS else lines
    if len(lines) < 2 or len({len(parts) for parts in lines}) > 1 or not 2 <= len(lines[0]) <= MAX_FIELDS:
        return False
    return all(_is_mark(parts[-1]) for parts in lines) and any("-" in parts[-1] for parts in lines)


def tagged_rows(blocks: Iterable[str]) -> Iterator[Row]:
    """A row for each such block."""
    for block in blocks:
        parts = [line.split() for line in block.split("\n") if not _is_comment(line)]
        if pairs := [each for each in parts if len(each) > 1]:
            yield {"tokens": [each[0] for each in pairs], "tags": [each[-1] for each in pairs]}


def _is_comment(line: str) -> bool:
    return not line.strip() or line.startswith(("-DOCSTART-", "# "))


def _is_mark(tag: str) -> bool:
    return tag == _OUTSIDE or (tag[:1] in _MARKS and tag[1:2] == "-" and len(tag) > 2)


def _of_rows(table: Table, words: str, tags: str, by_name: dict[str, str]) -> Table | None:
    """Rows of one word each, under the number of a sentence that may stand before the first of them only."""
    sentence = next((by_name[name] for name in _SENTENCE if name in by_name), "")
    if not sentence:
        return None
    current = ""
    placed: list[tuple[str, int, Row]] = []
    for number, row in zip(table.numbers, table.rows, strict=True):
        current = str(row.get(sentence) or current)
        placed.append((current, number, row))
    rows: list[Row] = []
    sentences: list[Pairs] = []
    for _, group in groupby(placed, key=lambda each: each[0]):
        members = [row for _, _, row in group]
        others = [name for name in table.columns if name not in (words, tags, sentence)]
        rows.append({name: members[0].get(name) for name in others})  # so that they are told as not used
        sentences.append([(str(row.get(words)), str(row.get(tags))) for row in members if row.get(words)])
    numbered = build_table(enumerate(rows, 1), table.kind, table.problems)
    return _asked(numbered, rows, sentences, words, tags)


def _asked(table: Table, rows: Sequence[Row], sentences: Sequence[Pairs], words: str, tags: str) -> Table:
    names = all(_is_mark(tag) for pairs in sentences for _, tag in pairs)
    kinds = sorted(
        {tag[2:] if names else tag for pairs in sentences for _, tag in pairs if tag != _OUTSIDE or not names}
    )
    listed = f": {', '.join(kinds)}" if len(kinds) <= MAX_LISTED else ""
    question = (
        f"Find the names in this text, with the kind of each{listed}."
        if names
        else (f"Give the tag of each word in this text{listed}.")
    )
    made = [
        {**row, "prompt": f"{question}\n\n{_joined(pairs)}" if pairs else "", "completion": _answer(pairs, names)}
        for row, pairs in zip(rows, sentences, strict=True)
    ]
    found = build_table(zip(table.numbers, made, strict=True), table.kind, table.problems)
    found.problems.append(Problem(Sentence(TOLD, words=words, tags=tags)))
    return found


def _answer(pairs: Pairs, names: bool) -> str:
    if not names:
        return "\n".join(f"{word}: {tag}" for word, tag in pairs)
    return "\n".join(f"{name}: {kind}" for name, kind in _spans(pairs)) or ("none" if pairs else "")


def _spans(pairs: Pairs) -> Iterator[tuple[str, str]]:
    words: list[str] = []
    kind = ""
    for word, tag in [*pairs, ("", _OUTSIDE)]:
        goes_on = words and tag[:1] in _GOES_ON and tag[2:] == kind
        if words and not goes_on:
            yield _joined([(each, "") for each in words]), kind
            words = []
        if tag != _OUTSIDE:
            words, kind = [*words, word], tag[2:]


def _joined(pairs: Pairs) -> str:
    """With blanks between, but for scripts that write none."""
    words = [word for word, _ in pairs]
    return ("" if all(map(_is_unspaced, words)) else " ").join(words)


def _is_unspaced(word: str) -> bool:
    return bool(word) and all(char >= "\u2e80" for char in word)


def _pairs(words: object, tags: object) -> Pairs | None:
    """Each word with its tag; None where they are no lists of one length."""
    listed, marks = _listed(words), _listed(tags)
    if not isinstance(words, list) or not isinstance(tags, list) or len(listed) != len(marks):
        return None
    return [(str(word), str(tag)) for word, tag in zip(listed, marks, strict=True)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
