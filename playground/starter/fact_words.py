"""Names, places, things, years and numbers to draw from for made-up passages."""

import random

FIRST = "Anna Tom Clara Ben Maria David Lucy Peter Nina Oscar Emma Jack Rosa Henry Lily Max Sara Paul Ella Hugo".split()
LAST = "Lund Meyer Brown Costa Weber Silva Novak Moore Hill Rossi Clark Duval Stone Berg Young Keller".split()
TOWN = (
    "Milford Eastbury Northcape Greenhill Oldport Westbrook Riverton Ashford Lakeside Kingsbridge Harwick Sandvik "
    "Bellmont Stonefield Redwater Paris London Berlin Vienna Rome Madrid Boston Chicago"
).split()
PLACE = "bridge lighthouse library museum school church tower mill theatre hospital station castle market".split()
JOB = "teacher baker doctor sailor painter farmer keeper engineer writer singer captain gardener nurse".split()
ANIMAL = "dog cat horse parrot rabbit goat pony hen".split()
PET = "Bella Rex Coco Luna Milo Daisy Max Ruby Toby Pip".split()
COLOUR = "black white brown grey red green blue yellow".split()
FOOD = "bread soup cake rice pasta cheese apples fish potatoes pancakes honey".split()
STUFF = "iron stone wood brick steel glass concrete copper".split()
MONTH = ("January February March April May June July August September October November December").split()
CAUSE = (
    "heavy rain|a fire|the cold winter|a broken pipe|high costs|a storm|the war|too little money|thick fog|a flood"
).split("|")
TEAM = "Lions Eagles Tigers Bears Wolves Sharks Falcons Panthers".split()
TOPIC = "birds|the sea|old trees|the stars|trains|her travels|bees|the history of the town|music|mountains".split("|")


def person(draw: random.Random) -> str:
    """Draw a first and a last name."""
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}"


def year(draw: random.Random) -> str:
    """Draw a year from 1700 to 2020."""
    return str(draw.randint(1700, 2020))


def number(draw: random.Random) -> str:
    """Draw a small number, a round one, or one in the thousands, as it is written."""
    return draw.choice(
        (str(draw.randint(2, 99)), f"{draw.randint(1, 99)}0", f"{draw.randint(1, 40)},{draw.randint(1, 9)}00")
    )
