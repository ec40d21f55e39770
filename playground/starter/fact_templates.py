"""Kinds of made-up sentences, each with the questions that it answers."""

import random
from dataclasses import dataclass

from playground.starter import fact_words as words


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence, and questions about it with answers that stand in it word for word."""

    sentence: str
    questions: tuple[tuple[str, str], ...]


def _built(draw: random.Random) -> Fact:
    place, town, year, person = draw.choice(words.PLACE), draw.choice(words.TOWN), words.year(draw), words.person(draw)
    word = draw.choice(("built", "finished", "opened", "designed"))
    sentence = draw.choice(
        (
            f"The {place} of {town} was {word} in {year} by {person}.",
            f"In {year}, {person} {word} the {place} in {town}."
            if word != "opened"
            else f"The {place} in {town} was opened by {person} in {year}.",
        )
    )
    return Fact(
        sentence,
        (
            (f"When was the {place} {word}?", year),
            (f"In what year was the {place} of {town} {word}?", year),
            (f"Who {word} the {place}?", person),
            (f"By whom was the {place} {word}?", person),
            (f"Where is the {place}?", town),
            (f"What was {word} in {year}?", f"{place}"),
        ),
    )


def _size(draw: random.Random) -> Fact:
    thing, count = draw.choice(("tree", "wall", "river", "hill", "ship", "garden", "street")), words.number(draw)
    unit, word = draw.choice(
        (("metres", "tall"), ("feet", "tall"), ("metres", "long"), ("miles", "long"), ("metres", "wide"))
    )
    other = {"tall": "height", "long": "length", "wide": "width"}[word]
    return Fact(
        f"The {thing} is {draw.choice(('', 'about ', 'more than '))}{count} {unit} {word}.",
        (
            (f"How {word} is the {thing}?", f"{count} {unit}"),
            (f"What is the {other} of the {thing}?", f"{count} {unit}"),
            (f"What is {count} {unit} {word}?", thing),
        ),
    )


def _material(draw: random.Random) -> Fact:
    thing, stuff, year = (
        draw.choice(("roof", "gate", "fence", "boat", "door", "floor")),
        draw.choice(words.STUFF),
        words.year(draw),
    )
    return Fact(
        f"The {thing} was made of {stuff} in {year}.",
        (
            (f"What was the {thing} made of?", stuff),
            (f"Which material was used for the {thing}?", stuff),
            (f"When was the {thing} made?", year),
        ),
    )


def _worked(draw: random.Random) -> Fact:
    first, last, job, town = (
        draw.choice(words.FIRST),
        draw.choice(words.LAST),
        draw.choice(words.JOB),
        draw.choice(words.TOWN),
    )
    person, years = f"{first} {last}", str(draw.randint(2, 40))
    sentence = f"{person} worked as a {job} in {town} for {years} years."
    return Fact(
        sentence,
        (
            (f"Who worked as a {job}?", person),
            (f"Where did {last} work?", town),
            (f"What did {first} {last} work as?", job),
            (f"What was {last}'s job?", job),
            (f"How long did {person} work as a {job}?", f"{years} years"),
            (f"For how many years did {last} work in {town}?", years),
        ),
    )


def _born(draw: random.Random) -> Fact:
    first, last, town, year, month = (
        draw.choice(words.FIRST),
        draw.choice(words.LAST),
        draw.choice(words.TOWN),
        words.year(draw),
        draw.choice(words.MONTH),
    )
    day = f"{draw.randint(1, 28)} {month} {year}"
    return Fact(
        f"{first} {last} was born in {town} on {day}.",
        (
            (f"Where was {first} {last} born?", town),
            (f"In which town was {last} born?", town),
            (f"When was {first} born?", day),
            (f"On what date was {last} born?", day),
            (f"Who was born in {town}?", f"{first} {last}"),
        ),
    )


def _last_one(draw: random.Random) -> Fact:
    role, person, year, topic = draw.choice(words.JOB), words.person(draw), words.year(draw), draw.choice(words.TOPIC)
    which = draw.choice(("first", "last", "new", "old"))
    return Fact(
        f"The {which} {role}, {person}, left in {year} and wrote a book about {topic}.",
        (
            (f"Who was the {which} {role}?", person),
            (f"What is the name of the {which} {role}?", person),
            (f"When did the {which} {role} leave?", year),
            (f"What did the {which} {role} write a book about?", topic),
            ("What was the book about?", topic),
        ),
    )


def _cooking(draw: random.Random) -> Fact:
    dish, minutes, degrees = (
        draw.choice(("dough", "cake", "soup", "sauce", "meat", "rice")),
        draw.randint(3, 90),
        draw.randint(8, 25),
    )
    verb = draw.choice(("rest", "cook", "cool", "bake", "stand"))
    time = f"{minutes} minutes"
    return Fact(
        f"Let the {dish} {verb} for {time} at {degrees}0 degrees.",
        (
            (f"How long does the {dish} {verb}?", time),
            (f"How long must the {dish} {verb}?", time),
            (f"For how many minutes should the {dish} {verb}?", str(minutes)),
            (f"At what temperature does the {dish} {verb}?", f"{degrees}0 degrees"),
        ),
    )


def _mixing(draw: random.Random) -> Fact:
    grams, food, other = (
        f"{draw.randint(1, 90)}0 grams",
        draw.choice(("flour", "sugar", "butter", "nuts")),
        draw.choice(("milk", "water", "salt", "oil")),
    )
    return Fact(
        f"Mix {grams} of {food} with {draw.choice(('some', 'a spoon of', 'a cup of'))} {other}.",
        (
            (f"How much {food} is needed?", grams),
            (f"How many grams of {food} do you need?", grams.removesuffix(" grams")),
            (f"What is mixed with the {food}?", other),
        ),
    )


def _opening(draw: random.Random) -> Fact:
    place = draw.choice(("shop", "bakery", "pool", "zoo", "bank", "office"))
    opens, closes, price = (
        f"{draw.randint(6, 11)} o'clock",
        f"{draw.randint(4, 10)} in the evening",
        f"{draw.randint(2, 60)} euros",
    )
    return Fact(
        f"The {place} opens at {opens} and closes at {closes}, and a ticket costs {price}.",
        (
            (f"When does the {place} open?", opens),
            (f"When does the {place} close?", closes),
            (f"At what time does the {place} close?", closes),
            ("How much does a ticket cost?", price),
            ("What is the price of a ticket?", price),
        ),
    )


def _pet(draw: random.Random) -> Fact:
    name, colour, animal, pet = (
        draw.choice(words.FIRST),
        draw.choice(words.COLOUR),
        draw.choice(words.ANIMAL),
        draw.choice(words.PET),
    )
    return Fact(
        f"{name} has a {colour} {animal} called {pet}.",
        (
            (f"What is the name of {name}'s {animal}?", pet),
            (f"What is {name}'s {animal} called?", pet),
            (f"What colour is the {animal}?", colour),
            (f"Who has a {animal}?", name),
            (f"What kind of animal does {name} have?", animal),
        ),
    )


def _people(draw: random.Random) -> Fact:
    town, count, river = (
        draw.choice(words.TOWN),
        words.number(draw),
        draw.choice(("Alder", "Tamar", "Isel", "Orla", "Neva")),
    )
    return Fact(
        f"{town} lies on the river {river} and has {count} inhabitants.",
        (
            (f"How many people live in {town}?", count),
            (f"How many inhabitants does {town} have?", count),
            (f"On which river does {town} lie?", river),
            (f"What is the population of {town}?", count),
            (f"Which town lies on the river {river}?", town),
        ),
    )


def _reason(draw: random.Random) -> Fact:
    thing, cause, month = (
        draw.choice(("road", "harbour", "factory", "line", "mine", "airport")),
        draw.choice(words.CAUSE),
        draw.choice(words.MONTH),
    )
    return Fact(
        f"The {thing} was closed in {month} because of {cause}.",
        (
            (f"Why was the {thing} closed?", cause),
            (f"What was the reason that the {thing} was closed?", cause),
            (f"When was the {thing} closed?", month),
            (f"In which month was the {thing} closed?", month),
            (f"What was closed because of {cause}?", thing),
        ),
    )


def _match(draw: random.Random) -> Fact:
    winner, loser = draw.sample(words.TEAM, 2)
    score, town = f"{draw.randint(3, 9)} to {draw.randint(0, 2)}", draw.choice(words.TOWN)
    return Fact(
        f"The {winner} beat the {loser} by {score} in {town}.",
        (
            ("Who won the game?", winner),
            (f"Which team beat the {loser}?", winner),
            (f"Whom did the {winner} beat?", loser),
            ("Which team lost?", loser),
            ("What was the score?", score),
            (f"Where did the {winner} beat the {loser}?", town),
        ),
    )


def _likes(draw: random.Random) -> Fact:
    name, food, day = (
        draw.choice(words.FIRST),
        draw.choice(words.FOOD),
        draw.choice(("Monday", "Tuesday", "Friday", "Saturday", "Sunday")),
    )
    return Fact(
        f"Every {day}, {name} eats {food}.",
        (
            (f"What does {name} eat every {day}?", food),
            (f"When does {name} eat {food}?", f"Every {day}"),
            (f"Who eats {food}?", name),
        ),
    )


KINDS = (
    _built,
    _size,
    _material,
    _worked,
    _born,
    _last_one,
    _cooking,
    _mixing,
    _opening,
    _pet,
    _people,
    _reason,
    _match,
    _likes,
)
