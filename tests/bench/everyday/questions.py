"""Everyday questions of many kinds, and what a right answer to some of them must hold."""

from dataclasses import dataclass

from playground.protocol.messages import Message


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    prompt: str
    wanted: str = ""
    """A regular expression that a right answer matches, whatever its capitals; "" where no rule can tell."""
    system: str = ""
    history: tuple[Message, ...] = ()


def _plain(kind: str, *prompts: str) -> list[Question]:
    return [Question(kind, prompt) for prompt in prompts]


_CHAT: tuple[Message, ...] = (
    {"role": "user", "content": "My name is Anna and I have a dog called Bruno."},
    {"role": "assistant", "content": "Nice to meet you, Anna! Bruno sounds like a lovely dog."},
)
_FRUIT: tuple[Message, ...] = (
    {"role": "user", "content": "Name three fruits."},
    {"role": "assistant", "content": "Three fruits are apples, bananas and oranges."},
)

QUESTIONS: tuple[Question, ...] = (
    Question("fact", "What is the capital of France?", "paris"),
    Question("fact", "Who wrote Romeo and Juliet?", "shakespeare"),
    Question("fact", "How many days are there in a week?", "seven|7"),
    Question("fact", "What is the largest planet in our solar system?", "jupiter"),
    Question("fact", "What is the chemical symbol for water?", "h2o|h₂o"),
    Question("fact", "Who was the first person on the moon?", "armstrong"),
    Question("fact", "What language do people speak in Brazil?", "portuguese"),
    Question("fact", "Which animal is known as man's best friend?", "dog"),
    Question("fact", "What is the capital of Japan?", "tokyo"),
    Question("fact", "How many continents are there?", "seven|7"),
    Question("fact", "What is the boiling point of water in Celsius?", "100"),
    Question("fact", "Why is the sky blue?", "scatter"),
    Question("definition", "What is photosynthesis?", "light"),
    Question("definition", "What does the word 'generous' mean?", "giv|shar|kind"),
    Question("definition", "What is gravity?", "force"),
    Question("definition", "What is a democracy?", "people|citizen|vot"),
    Question("definition", "What is machine learning?", "data"),
    Question("definition", "Explain inflation to a child.", "price|money"),
    *_plain(
        "how-to",
        "How do I boil an egg?",
        "How can I fall asleep faster?",
        "How do I change a flat tire?",
        "How do I make a cup of tea?",
        "How can I save money each month?",
        "How do I remove a coffee stain from a shirt?",
        "How do I plant tomatoes?",
        "How can I learn a new language?",
        "How do I prepare for a job interview?",
    ),
    *_plain(
        "list",
        "Give me three tips for staying healthy.",
        "List five animals that live in the sea.",
        "What should I pack for a weekend at the beach?",
        "Give me ideas for a birthday party for a six-year-old.",
        "Name four seasons and say one thing about each.",
        "List the pros and cons of working from home.",
        "Suggest five healthy breakfasts.",
    ),
    *_plain(
        "story",
        "Tell a story about a lighthouse.",
        "Tell a short story about a brave little dog.",
        "Write a poem about autumn.",
        "Write a haiku about the sea.",
        "Tell me a bedtime story.",
        "Write about a birthday.",
    ),
    *_plain(
        "email",
        "Write a short email to my boss asking for a day off on Friday.",
        "Write a thank-you note to my grandmother for a scarf.",
        "Write an email to a customer whose parcel is late.",
        "Write a birthday wish for a friend.",
    ),
    Question("code", "Write a Python function that adds two numbers.", r"def \w+\("),
    Question("code", "Write a Python function that reverses a string.", r"\[::-1\]|reversed|\+"),
    Question("code", "Write a Python function that checks whether a number is even.", r"% 2"),
    Question("code", "Show me a for loop in Python that prints the numbers 1 to 10.", r"range\("),
    Question("code", "Write a Python class for a bank account with deposit and withdraw.", r"class \w+"),
    Question("role", "What should I eat tonight?", system="You are a pirate. Answer in one sentence."),
    Question("role", "Why do we dream?", system="You are a patient teacher. Answer in two sentences."),
    Question("role", "I feel sad today.", system="You are a kind friend."),
    Question("role", "What is 2 + 2?", "4|four", system="Answer with one word."),
    Question("follow-up", "What is my dog called?", "bruno", history=_CHAT),
    Question("follow-up", "What is my name?", "anna", history=_CHAT),
    Question("follow-up", "Which of them is yellow?", "banana", history=_FRUIT),
    Question("follow-up", "Name two more.", history=_FRUIT),
    *_plain(
        "opinion",
        "What do you think about cats?",
        "Is it better to live in a city or in the country?",
        "What is the best season?",
        "Should children have mobile phones?",
    ),
    *_plain("joke", "Tell me a joke.", "Tell me a joke about a chicken.", "Tell me a riddle."),
    Question("arithmetic", "What is 7 times 8?", "56"),
    Question("arithmetic", "What is 15 + 27?", "42"),
    Question("arithmetic", "I have 10 apples and eat 3. How many are left?", "seven|7"),
    Question("arithmetic", "What is half of 50?", "25"),
    *_plain("talk", "Hello!", "How are you?", "Who are you?", "What can you do?", "Thank you!"),
    Question("rewrite", "Correct this sentence: She go to school yesterday.", "went"),
    Question("rewrite", "What is the opposite of hot?", "cold"),
    Question("rewrite", "Make this sentence more polite: Give me the report.", "please|could|would"),
)

FOREIGN: tuple[Question, ...] = (
    *_plain("German", "Was soll ich heute Abend kochen?", "Wie heißt die Hauptstadt von Frankreich?"),
    *_plain("German", "Erkläre mir bitte, warum der Himmel blau ist."),
    *_plain("French", "Que puis-je préparer pour le dîner ce soir ?", "Raconte-moi une histoire sur un petit chien."),
    *_plain("French", "Pourquoi le ciel est-il bleu ?"),
    *_plain("Spanish", "¿Qué puedo cocinar esta noche?", "Cuéntame un cuento sobre un perro pequeño."),
    *_plain("Spanish", "¿Por qué el cielo es azul durante el día?"),
    *_plain("Italian", "Che cosa posso cucinare stasera?", "Raccontami una storia su un piccolo cane."),
    *_plain("Italian", "Perché il cielo è blu durante il giorno?"),
    *_plain("Portuguese", "O que posso cozinhar hoje à noite?", "Conte-me uma história sobre um cachorrinho."),
    *_plain("Portuguese", "Por que o céu é azul durante o dia?"),
    *_plain("Dutch", "Wat zal ik vanavond koken?", "Vertel me een verhaal over een kleine hond."),
    *_plain("Dutch", "Waarom is de lucht overdag eigenlijk blauw?"),
    *_plain("Polish", "Co mogę ugotować dziś wieczorem?", "Opowiedz mi historię o małym psie."),
    *_plain("Polish", "Dlaczego niebo jest niebieskie w ciągu dnia?"),
    *_plain("Russian", "Что приготовить сегодня на ужин?", "Расскажи историю о маленькой собаке."),
    *_plain("Russian", "Почему днём небо голубое?"),
    *_plain("Chinese", "今天晚上我应该做什么菜？", "给我讲一个关于小狗的故事。", "为什么白天的天空是蓝色的？"),
)
"""Everyday questions in nine other languages, which a model that knows only English owns up to."""
