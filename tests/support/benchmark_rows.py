"""A tiny data folder in the layout that `playground.evaluation` reads, made of invented rows."""

import json
from pathlib import Path
from typing import Any

ANIMALS = ("dog", "cat", "bird", "horse", "cow", "goose", "mouse", "duck")
PLACES = ("park", "house", "garden", "snow", "street", "field")


def make_data(folder: Path) -> Path:
    pairs = [(animal, place) for animal in ANIMALS for place in PLACES]
    reviews = [
        {"text": f"the {animal} in the {place} is {word} , really .", "label": label}
        for animal, place in pairs
        for word, label in (("lovely", "positive"), ("dreadful", "negative"))
    ]
    captions = [
        {"en": f"A {a} in the {p}.", "de": f"Ein {a} hier: {p}.", "fr": f"Un {a} dans le {p}."} for a, p in pairs
    ]
    chinese = [{"en": f"The {a} likes the {p} number {n}.", "zh": f"{n}号动物。"} for n, (a, p) in enumerate(pairs)]
    _rows(folder / "sentiment/sst2_sentences_train.jsonl", reviews[:40])
    _rows(folder / "sentiment/uci_reviews_train.jsonl", reviews[40:60])
    _rows(folder / "sentiment/sst2_dev.jsonl", reviews[60:80])
    _rows(folder / "translation/multi30k_train.jsonl", captions[:40])
    _rows(folder / "translation/multi30k_val.jsonl", captions[40:])
    _rows(folder / "translation/tatoeba_en_zh_train.jsonl", [*chinese, *chinese[:1]])
    _rows(folder / "qa/squad_train.jsonl", [_question(animal, place) for animal, place in pairs])
    documents = [{"document": f"We study a {a}. It is in the {p}. It is new.", "summary": f"A {a}."} for a, p in pairs]
    _rows(folder / "summarization/scitldr_train.jsonl", documents[:30])
    _rows(folder / "summarization/scitldr_dev.jsonl", documents[30:])
    tales = [
        f"Once upon a time, there was a little {a} named Tom. One day, Tom saw the {p}.\n\nTom liked the {p}. The end."
        for a, p in pairs
    ]
    _text(folder / "text/tinystories_train.txt", "\n".join(tales))
    return folder


def _question(animal: str, place: str) -> dict[str, Any]:
    context = f"It rained for days. The {animal} of Lund slept in the {place} all night. Nobody saw it."
    return {
        "context": context,
        "question": f"Where did the {animal} of Lund sleep?",
        "answers": [f"the {place}"],
        "start": context.index(f"the {place}"),
    }


def _rows(path: Path, rows: list[dict[str, Any]]) -> None:
    _text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
