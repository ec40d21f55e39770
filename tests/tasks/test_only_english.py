"""Defends that a model that knows only English babbles in no other language, and answers whoever asks in English."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from playground.engine.host import LocalModelHost
from playground.protocol.client import SamplingClient
from playground.protocol.sampling import GREEDY
from playground.tasks.generate import ONLY_ENGLISH, TASK
from playground.tasks.nlp.languages import CODES, detect_with_probability
from playground.tasks.nlp.only_english import SENTENCES, only_english
from playground.tasks.outputs import TextOutput

ASKED = {
    "German": "Wie heißt die Hauptstadt von Frankreich?",
    "French": "Quelle est la capitale de la France ?",
    "Spanish": "¿Cuál es la capital de Francia?",
    "Italian": "Qual è la capitale della Francia?",
    "Portuguese": "Qual é a capital da França?",
    "Dutch": "Wat is de hoofdstad van Frankrijk?",
    "Polish": "Jaka jest stolica Francji?",
    "Russian": "Какая столица Франции?",
    "Chinese": "法国的首都是哪里?",
    "Japanese": "フランスの首都はどこですか?",
    "Korean": "프랑스의 수도는 어디입니까?",
    "Arabic": "ما هي عاصمة فرنسا؟",
    "Hindi": "फ्रांस की राजधानी क्या है?",
    "Turkish": "Fransa'nın başkenti neresidir?",
    "Vietnamese": "Thủ đô của Pháp là gì?",
    "Thai": "เมืองหลวงของฝรั่งเศสคืออะไร",
    "Indonesian": "Apa ibu kota Prancis?",
}
ENGLISH = [
    "What is the capital of France?",
    "Tell me a joke",
    "Hi",
    "Translate 'Wie geht es dir?' to English",
    'how to say "Ich möchte ein Bier" in English',
    "What language is this: Der Hund läuft im Park und spielt mit dem Ball.",
    "What does 你好 mean?",
    "is 你好 hello",
    "C'est la vie meaning",
    "café au lait recipe",
    "Who was Johann Wolfgang von Goethe?",
    "Johann Wolfgang von Goethe",
    "I live in São Paulo",
    "my name is José García",
    "for i in range(10): print(i)",
    "SELECT * FROM users WHERE id = 1",
    "```\nEin Satz auf Deutsch, der in einem Kasten steht.\n```",
    "https://www.example.de/wohnung/mieten",
    "Hallo",
    "2+2",
    "...",
]


@pytest.mark.parametrize(("language", "text"), ASKED.items(), ids=ASKED)
def test_who_asks_in_another_language_is_told_in_it(language: str, text: str) -> None:
    said = only_english(text)
    assert said == SENTENCES[language]
    assert detect_with_probability(said)[0] == language


def test_every_language_that_is_told_apart_has_its_sentence() -> None:
    assert {"English", *SENTENCES} == set(CODES) and all("PLAYGROUND_MODEL" in said for said in SENTENCES.values())


@pytest.mark.parametrize("text", ENGLISH)
def test_who_asks_in_english_is_answered(text: str) -> None:
    """Names, code, addresses and what is quoted or to be translated are no language of the one who asks."""
    assert only_english(text) is None


def said_by(client: SamplingClient, prompt: str, mode: str = "chat") -> TextOutput:
    async def last() -> TextOutput:
        params = replace(GREEDY, max_new_tokens=4)
        return [output async for output in TASK.ask(client, prompt=prompt, mode=mode, params=params)][-1]

    return asyncio.run(last())


def test_only_the_plain_model_that_knows_only_english_is_spoken_for(host: LocalModelHost) -> None:
    """An adapter may have learnt the language, a text to be continued is no question, and others know more."""
    client = host.client()
    english = replace(client, info=client.info.model_copy(update={"chat_languages": ("English",)}))
    unknown = replace(client, info=client.info.model_copy(update={"chat_languages": ()}))
    german = ASKED["German"]
    assert said_by(english, german) == TextOutput(SENTENCES["German"], finished=True, note=ONLY_ENGLISH)
    assert said_by(english, ENGLISH[0]).note != ONLY_ENGLISH
    assert said_by(english, german, "text").note != ONLY_ENGLISH
    assert said_by(unknown, german).note != ONLY_ENGLISH


def test_an_adapter_answers_in_any_language(host: LocalModelHost, adapters: list[Path]) -> None:
    host.load_adapter("taught", adapters[0])
    client = host.client(adapter="taught")
    english = replace(client, info=client.info.model_copy(update={"chat_languages": ("English",)}))
    assert said_by(english, ASKED["German"]).note != ONLY_ENGLISH
    assert said_by(replace(english, strength=0.0), ASKED["German"]).note == ONLY_ENGLISH
