"""Writes the model card beside an exported model: what it read, how it was made, and what it scores."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

SOURCES = (
    ("sentiment/sst2_sentences_train.jsonl", "Stanford Sentiment Treebank, sentences", "no explicit licence"),
    ("sentiment/sst2_phrases_train.jsonl", "Stanford Sentiment Treebank, phrases", "no explicit licence"),
    ("sentiment/uci_reviews_train.jsonl", "UCI sentiment labelled sentences", "CC BY 4.0"),
    (
        "translation/multi30k_train.jsonl",
        "Multi30k, captions in English, German and French",
        "captions of Flickr30k: for research use",
    ),
    ("translation/tatoeba_en_zh_train.jsonl", "Tatoeba, English and Chinese", "CC BY 2.0 FR"),
    ("qa/squad_train.jsonl", "SQuAD 1.1, a part", "CC BY-SA 4.0"),
    ("summarization/scitldr_train.jsonl", "SciTLDR", "Apache-2.0"),
    ("text/tinystories_train.txt", "TinyStories, a part", "CDLA-Sharing-1.0"),
    ("text/sherlock.txt", "The Adventures of Sherlock Holmes", "public domain"),
    ("text/wizard_of_oz.txt", "The Wonderful Wizard of Oz", "public domain"),
    ("instruct/self_instruct_seeds.jsonl", "Self-Instruct seed tasks", "Apache-2.0"),
)

CARD = """\
---
license: other
license_name: mixed-see-training-data
language: [en, de, fr, zh]
library_name: transformers
pipeline_tag: text-generation
tags: [toy, starter]
---

# The starter model of the LLM Playground

A very small language model ({millions:.1f} million parameters) made from nothing for the LLM Playground, so that
every tab works at once, on two processor cores, with no network. **It is a toy.** It tells little stories and
translates simple captions, often wrongly. It knows next to nothing about the world.
Use it to try the page and to see what fine-tuning changes; load a larger model for anything else.

## How it was made

`python -m playground.starter DATA_FOLDER --out RUN_FOLDER --millions {millions_asked:g}`, seed {seed}: a Llama of
{layers} layers, {hidden_size} wide, with a byte-level vocabulary learnt on the same texts, read {tokens_m:.2f} million
tokens in {step} steps of about {tokens_per_step} tokens in {hours:.2f} hours on {hardware}.
Hidden layers learn with Muon, the rest with AdamW; rates stay high and fall in a line to zero over the last
{cooldown:.0%} of the tokens. Weights are kept in bfloat16. Every prompt is the one that the tasks of the page use. The
same command, seed and files make the same model again, up to what other processors round differently.
{notes}
## What it was trained on

| file | what | licence, as far as known | SHA-256 |
|---|---|---|---|
{sources}

And passages with questions that are made up from templates (`playground/starter/facts.py`), true of nobody.

Multi30k's captions come from Flickr30k and are for research use: the same holds, to be safe, for this model.

## What it scores

Measured through the page's own tasks by `python -m playground.evaluation MODEL --data DATA_FOLDER --rows {rows}`.
{machine}

{table}

None of these rows was trained on: SST-2's development sentences, with phrases of them removed from the training data;
Multi30k's validation captions; every 40th sentence pair of the Tatoeba file, with all rows of the same English removed;
the questions about the last 130 passages of the SQuAD file; SciTLDR's development part; the last 40 stories of the
TinyStories file. Perplexity per byte is of what follows a story's first 60 characters.

## Limits

- Translations are good for captions of pictures in short sentences; other texts come out as such captions. Chinese is
  the weakest.
- Sentiment: an accuracy near 50% in the table means that it guesses, and its percentages then mean nothing.
- Answers to questions are always words of the passage or "The passage does not say."; most of the choice is made by
  rules on the words of question and passage, fitted on questions that it was trained on
  (`python -m playground.starter.word_weights`).
- Summaries on the page are the text's own sentences, chosen by such rules: what the model itself writes follows
  research abstracts in style and is mostly not about the text.
- What it says may be false, and it repeats what the stories and reviews it was trained on contain, biases included.
- It reads at most {context_length} tokens at once.
"""


def card(record: dict[str, Any], table: str, parameters: int, rows: int, hardware: str, notes: str = "") -> str:
    """Fill the card from `recipe.json`, as `export` writes it, and the table that was measured."""
    hashes = record["data"]
    lines = [f"| `{name}` | {what} | {licence} | `{hashes[name][:16]}…` |" for name, what, licence in SOURCES]
    scores, _, machine = table.strip().partition("\n\n")
    progress = record["progress"]
    return CARD.format(
        **record["recipe"],
        millions=parameters / 1e6,
        millions_asked=record["recipe"]["tokens"] / 1e6,
        tokens_m=progress["tokens"] / 1e6,
        step=progress["step"],
        hours=progress["seconds"] / 3600,
        hardware=hardware,
        sources="\n".join(lines),
        table=scores,
        machine=machine,
        rows=rows,
        notes=f"\n{notes}\n" if notes else "",
    )


def main() -> int:
    arguments = _arguments()
    record = json.loads((arguments.model / "recipe.json").read_text(encoding="utf-8"))
    table = arguments.table.read_text(encoding="utf-8")
    parameters = (arguments.model / "model.safetensors").stat().st_size // 2  # two bytes each; the header is small
    text = card(record, table, parameters, arguments.rows, arguments.hardware, arguments.notes)
    (arguments.model / "README.md").write_text(text, encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m playground.starter.card", description=__doc__)
    parser.add_argument("model", type=Path, help="folder with the exported model")
    parser.add_argument("--table", type=Path, required=True, help="what playground.evaluation printed, in a file")
    parser.add_argument("--rows", type=int, required=True, help="the --rows it was asked for")
    parser.add_argument("--hardware", required=True, help="what the model was trained on, in words")
    parser.add_argument("--notes", default="", help="a sentence about this run that a reader should know")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
