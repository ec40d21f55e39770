"""Requests that a story would answer, made from the story's own words."""

import random
import re
from collections import Counter

PROMPTS_OF_A_STORY = 6
_TEMPLATES = (
    "Tell a story about {}.",
    "Tell a story about {}.",
    "Tell a story about {}.",
    "Tell me a story about {}.",
    "Tell me a short story about {}",
    "Write a story about {}.",
    "Write a short story about {}.",
    "Can you tell a story about {}?",
    "A story about {}, please.",
)
_PLAIN = ("Tell a story.", "Tell me a story.", "Write a short story.", "Once upon a time")
_HERO = re.compile(
    r"there (?:was|were|lived) (an? [a-z]+(?: [a-z]+)?|two [a-z]+)(?= named| called| who|\.|,| in | that)"
)
_THING = re.compile(r"\b(?:an?|the|his|her|their) ([a-z]{3,})(?=[.,!?]| (?:and|was|is|in|on|with|that|to)\b)")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]{2,})\b")


def story_prompts(story: str, draw: random.Random) -> list[str]:
    """Different requests for one story, about its hero, its things and its people, as they are named in it."""
    topics = _topics(story)
    prompts = []
    for _ in range(PROMPTS_OF_A_STORY):
        if not topics or draw.random() < 0.05:
            prompts.append(draw.choice(_PLAIN))
            continue
        topic = draw.choice(topics)
        others = [other for other in topics if other != topic]
        if others and draw.random() < 0.15:
            topic = f"{topic} and {draw.choice(others)}"
        prompts.append(draw.choice(_TEMPLATES).format(topic))
    return prompts


def _topics(story: str) -> list[str]:
    """The hero three times, each person and each thing that is named at least twice once."""
    opening = story[:300]
    topics = [match.group(1) for match in _HERO.finditer(opening)][:1] * 3
    names = Counter(_NAME.findall(story))
    topics += [name for name, count in names.items() if count > 1][:3]
    things = Counter(_THING.findall(story))
    topics += [f"{_article(thing)} {thing}" for thing, count in things.items() if count > 1]
    return topics


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
