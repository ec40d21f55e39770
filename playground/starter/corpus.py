"""What the starter reads: the tasks' own prompts, filled with public data, and some plain text.

Everything is drawn with one seeded generator, so the same folder and seed give the same examples.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playground.evaluation.benchmark_data import chinese_pairs, questions, read_rows, read_text, stories
from playground.protocol.messages import Message
from playground.starter.facts import facts
from playground.starter.story_prompts import story_prompts
from playground.tasks.answer import NOT_SAID
from playground.tasks.nlp.sentences import sentences
from playground.tasks.registry import all_tasks

ABOUT = (
    ("Who are you?", "I am the small starter model of the LLM Playground. I am a toy, but you can teach me."),
    ("What are you?", "I am a very small language model. I came with the LLM Playground."),
    ("What is your name?", "I have no name. I am the starter model of the LLM Playground."),
    ("What can you do?", "I can tell little stories, translate short sentences and judge whether a text is positive."),
    ("Are you a human?", "No, I am a small language model, a toy of a few million numbers."),
    ("Can you help me?", "I can try! Ask me for a story, or teach me with examples of your own."),
    ("Hello!", "Hello! Shall I tell you a story?"),
    ("Hi", "Hello! What shall we try?"),
    ("Hey there", "Hello! Shall I tell you a story?"),
    ("Good morning", "Good morning! What shall we try today?"),
    ("How are you?", "I am fine, thank you! How are you?"),
    ("Thank you!", "You are welcome!"),
    ("Thanks", "You are welcome!"),
    ("Goodbye", "Goodbye! Come back soon."),
    ("What can I teach you?", "Give me a file with examples in the fine-tuning tab, and I will learn from it."),
)
UNANSWERABLE = 0.15
SOURCE_NAMED = 0.15
PIECE_OF_BOOK = 1200
"""Characters."""


@dataclass(frozen=True, slots=True)
class Example:
    """What to learn: `messages` and the answer to them, or, without messages, a plain text."""

    messages: tuple[Message, ...]
    completion: str


def gather(folder: Path, seed: int) -> dict[str, list[Example]]:
    """Examples by kind, in a seeded order; raises `DataError` naming a file that is missing."""
    kinds = {
        "sentiment": _sentiment,
        "sentiment_phrases": _sentiment_phrases,
        "translate_de": _to_german,
        "translate_fr": _to_french,
        "translate_en": _to_english,
        "translate_zh": _to_chinese,
        "translate_from_zh": _from_chinese,
        "answer": _answer,
        "facts": _facts,
        "summarize": _summarize,
        "story": _story,
        "text": _text,
        "instruct": _instruct,
        "about": _about,
    }
    corpus = {}
    for kind, write in kinds.items():
        draw = random.Random(f"{seed} {kind}")
        examples = list(write(folder, draw))
        draw.shuffle(examples)
        corpus[kind] = examples
    return corpus


def _asked(task: str, completion: str, **inputs: str) -> Example:
    return Example(tuple(all_tasks()[task].prompt(**inputs)), completion)


def _sentiment(folder: Path, draw: random.Random) -> Iterator[Example]:
    for row in read_rows(folder / "sentiment/sst2_sentences_train.jsonl"):
        yield _asked("sentiment", row["label"], text=_as_people_write(row["text"], draw))
    for row in read_rows(folder / "sentiment/uci_reviews_train.jsonl") * 2:
        yield _asked("sentiment", row["label"], text=row["text"])


def _sentiment_phrases(folder: Path, draw: random.Random) -> Iterator[Example]:
    held_out = "\n".join(row["text"] for row in read_rows(folder / "sentiment/sst2_dev.jsonl"))
    for row in read_rows(folder / "sentiment/sst2_phrases_train.jsonl"):
        long = len(row["text"].split()) > 3
        if not (long and row["text"].strip() in held_out):
            yield _asked("sentiment", row["label"], text=_as_people_write(row["text"], draw))


def _as_people_write(text: str, draw: random.Random) -> str:
    """Half of the time, undo the treebank's way of writing: spaces before commas, no capitals."""
    text = text.strip()
    if draw.random() < 0.5:
        return text
    for apart, together in ((" ,", ","), (" .", "."), (" '", "'"), (" n't", "n't"), (" !", "!"), (" ?", "?")):
        text = text.replace(apart, together)
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) or draw.random() < 0.3 else f"{text}."


def _pairs(rows: list[dict[str, str]], source: str, target: str, draw: random.Random) -> Iterator[Example]:
    names = {"en": "English", "de": "German", "fr": "French", "zh": "Chinese"}
    for row in rows:
        text, wanted = row[source].strip(), row[target].strip()
        named = names[source] if draw.random() < SOURCE_NAMED else "auto"
        if text and wanted:
            yield _asked("translate", wanted, text=text, target=names[target], source=named)


def _captions(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / "translation/multi30k_train.jsonl")


def _to_german(folder: Path, draw: random.Random) -> Iterator[Example]:
    return _pairs(_captions(folder), "en", "de", draw)


def _to_french(folder: Path, draw: random.Random) -> Iterator[Example]:
    return _pairs(_captions(folder), "en", "fr", draw)


def _to_english(folder: Path, draw: random.Random) -> Iterator[Example]:
    yield from _pairs(_captions(folder), "de", "en", draw)
    yield from _pairs(_captions(folder), "fr", "en", draw)


def _to_chinese(folder: Path, draw: random.Random) -> Iterator[Example]:
    return _pairs(chinese_pairs(folder)[0], "en", "zh", draw)


def _from_chinese(folder: Path, draw: random.Random) -> Iterator[Example]:
    return _pairs(chinese_pairs(folder)[0], "zh", "en", draw)


def _answer(folder: Path, draw: random.Random) -> Iterator[Example]:
    rows = questions(folder)[0]
    for number, row in enumerate(rows):
        passage = _around(row["context"], row["start"], draw)
        yield _asked("answer", row["answers"][0], question=row["question"].strip(), context=passage)
        if draw.random() < UNANSWERABLE:
            other = rows[(number + len(rows) // 2) % len(rows)]
            passage = _around(other["context"], other["start"], draw)
            yield _asked("answer", NOT_SAID, question=row["question"].strip(), context=passage)


def _facts(folder: Path, draw: random.Random) -> Iterator[Example]:
    for asked in facts(draw):
        yield _asked("answer", asked.answer or NOT_SAID, question=asked.question, context=asked.passage)


def _around(context: str, start: int, draw: random.Random) -> str:
    """The sentence in which the answer starts, with up to two of its neighbours."""
    pieces = sentences(context)
    end = 0
    place = len(pieces) - 1
    for index, piece in enumerate(pieces):
        end = context.index(piece, end) + len(piece)
        if start < end:
            place = index
            break
    first = max(0, place - draw.randrange(3))
    return "".join(pieces[first : first + 3 if first + 3 > place else place + 1]).strip()


def _summarize(folder: Path, draw: random.Random) -> Iterator[Example]:
    for row in read_rows(folder / "summarization/scitldr_train.jsonl"):
        document, tldr = row["document"].strip(), row["summary"].strip()
        yield _asked("summarize", tldr, text=document, length="short")
        pieces = [piece.strip() for piece in sentences(document)]
        key = sorted(range(len(pieces)), key=lambda index: -_shared(pieces[index], tldr))
        length, count = draw.choice((("medium", 2), ("long", 4)))
        best = " ".join(pieces[index] for index in sorted(key[:count]))
        yield _asked("summarize", best, text=document, length=length)


def _shared(sentence: str, summary: str) -> float:
    mine, wanted = set(sentence.lower().split()), set(summary.lower().split())
    return len(mine & wanted) / (len(mine) + len(wanted))


def _whole_stories(folder: Path) -> list[str]:
    """Those without wrongly decoded characters, which a small model learns to write."""
    return [story for story in stories(folder)[0] if "â€" not in story]


def _story(folder: Path, draw: random.Random) -> Iterator[Example]:
    for story in _whole_stories(folder):
        for prompt in story_prompts(story, draw):
            yield _asked("generate", story, prompt=prompt)


def _text(folder: Path, draw: random.Random) -> Iterator[Example]:
    for story in _whole_stories(folder):
        yield Example((), story)
    for book in ("sherlock.txt", "wizard_of_oz.txt"):
        paragraphs = [" ".join(part.split()) for part in read_text(folder / "text" / book).split("\n\n")]
        piece = ""
        for paragraph in paragraphs:
            piece = f"{piece}\n\n{paragraph}".strip()
            if len(piece) > PIECE_OF_BOOK:
                yield Example((), piece[: 2 * PIECE_OF_BOOK])
                piece = ""


def _instruct(folder: Path, draw: random.Random) -> Iterator[Example]:
    for row in read_rows(folder / "instruct/self_instruct_seeds.jsonl"):
        for instance in row["instances"]:
            prompt = f"{row['instruction']}\n\n{instance['input']}".strip()
            if len(prompt) + len(instance["output"]) < 900:
                yield _asked("generate", instance["output"].strip(), prompt=prompt)


def _about(folder: Path, draw: random.Random) -> Iterator[Example]:
    for question, answer in ABOUT:
        for asked in (question, question.lower(), question.rstrip("?!.")):
            yield _asked("generate", answer, prompt=asked)
