"""What the page says, in English and Chinese. The English text is the key, as in gettext; `zh_CN.po` has the Chinese.

A translation may depend on its context: "From" a language and "From" a file are two words in Chinese.
"""

from collections.abc import Callable, Mapping
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from playground.sentence import Sentence

ENGLISH, CHINESE = "en", "zh-CN"
LANGUAGE_COOKIE = "playground_language"
Gettext = Callable[..., str]
"""`gettext` in one visitor's language: takes the sentence, or its English and its fields."""
CATALOG = Path(__file__).with_name("zh_CN.po")


def gettext(locale: str, sentence: Sentence | str, /, **fields: object) -> str:
    """The sentence in the visitor's language with its fields filled in, those that are sentences in that language too.

    Without a translation it is said in English.
    """
    if isinstance(sentence, str):
        sentence = Sentence(sentence, **fields)
    if locale != CHINESE:
        return str(sentence)
    said = {
        name: gettext(locale, value) if isinstance(value, Sentence) else value
        for name, value in sentence.fields.items()
    }
    return str(Sentence(in_chinese(sentence.msgid), **said))


def in_chinese(msgid: str, context: str = "") -> str:
    """The translation, its fields not filled in; `msgid` itself where there is none."""
    return _chinese().get((context, msgid), msgid)


def locale_of(headers: Mapping[str, str]) -> str:
    """The language chosen with the button (a cookie), else the browser's first one. `headers` have lower-case names."""
    try:
        chosen = SimpleCookie(headers.get("cookie") or "").get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    wanted = chosen.value if chosen else (headers.get("accept-language") or "").split(",")[0]
    return CHINESE if wanted.strip().lower().startswith("zh") else ENGLISH


@cache
def _chinese() -> dict[tuple[str, str], str]:
    """By context and English. Read once, when the first word is asked for."""
    from babel.messages.pofile import read_po  # imports for longer than all else here: not for whoever says nothing

    with CATALOG.open("rb") as file:
        messages = [message for message in read_po(file, abort_invalid=True) if message.id and message.string]
    return {(message.context or "", str(message.id)): str(message.string) for message in messages}
