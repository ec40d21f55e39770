"""What the columns of a file without a header are for, told from what stands in them."""

from playground.data.table import Table

_LOOKED_AT = 2_000
_WORDS_OF_A_LABEL = 4


def by_content(table: Table) -> tuple[str, dict[str, str]] | None:
    """A format's name and its columns, where all columns of a file have numbers for names and two of them hold what
    is learnt: a label that comes again beside a text, or two texts."""
    numbered = ([f"column {place + 1}", str(place)] for place in range(len(table.columns)))
    if not all(name in names for name, names in zip(table.columns, numbered, strict=True)):
        return None
    cells = {name: _cells(table, name) for name in table.columns}
    labels = [name for name, texts in cells.items() if _is_label(texts)]
    texts = [name for name, said in cells.items() if name not in labels and _are_texts(said)]
    if len(labels) == 1 and len(texts) in (1, 2):
        second = {"text2": texts[1]} if len(texts) == 2 else {}
        return "text_label", {"text": texts[0], **second, "label": labels[0]}
    if len(texts) == 2:
        return "prompt_completion", {"prompt": texts[0], "completion": texts[1]}
    return None


def _cells(table: Table, name: str) -> list[str]:
    found = (row.get(name) for row in table.rows[:_LOOKED_AT])
    return [text for text in (str(value).strip() for value in found if value is not None) if text]


def _is_label(texts: list[str]) -> bool:
    """Few short ones, of which most come again."""
    short = all(len(text.split()) <= _WORDS_OF_A_LABEL for text in texts)
    return short and 1 < len(set(texts)) <= max(2, len(texts) // 2)


def _are_texts(texts: list[str]) -> bool:
    """Words, and not the numbers and names of rows; most of them said once."""
    worded = sum(any(map(str.isalpha, text)) and (" " in text or not any(map(str.isdigit, text))) for text in texts)
    return 2 * worded > len(texts) and 2 * len(set(texts)) > len(texts)
