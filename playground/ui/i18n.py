"""Every word on the page, in English and Chinese. The English sentence is the key, as in gettext.

`t` gives texts that the browser chooses the language of; `gettext` those that the server must choose: toasts, and HTML
that is made for one visitor.
"""

import hashlib
from http.cookies import CookieError, SimpleCookie
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError, from_plain
from playground.ui.texts_zh import ERRORS, FRAME, TASKS
from playground.ui.texts_zh_corrections import CORRECTIONS
from playground.ui.texts_zh_data import DATA
from playground.ui.texts_zh_errors import WRONG
from playground.ui.texts_zh_exchange import EXCHANGE
from playground.ui.texts_zh_learnt import LEARNT
from playground.ui.texts_zh_run import RUN
from playground.ui.texts_zh_teach import ADAPTERS, FINETUNE

ENGLISH, CHINESE = "en", "zh-CN"
LANGUAGE_COOKIE = "playground_language"
ZH = {**FRAME, **TASKS, **FINETUNE, **ADAPTERS, **ERRORS, **WRONG, **DATA, **RUN, **LEARNT, **EXCHANGE, **CORRECTIONS}

GRADIO = {
    "upload_text.drop_file": ("Drop a file here", "把文件拖到这里"),
    "upload_text.click_to_upload": ("or click to choose one", "或点此选择"),
    "common.or": ("or", "或"),
    "chatbot.edit": ("Correct this answer", "修改这个回答"),
    "chatbot.submit": ("Keep the correction", "保留修改"),
    "chatbot.cancel": ("Leave it as it was", "不改了"),
}
"""Gradio's own words that we say differently."""

I18N = gr.I18n(
    **{
        ENGLISH: {key: words[0] for key, words in GRADIO.items()},
        CHINESE: {key: words[1] for key, words in GRADIO.items()},
    }
)
missing: set[str] = set()
"""What was said through `t` without a Chinese text; a test holds it empty."""


def t(english: str) -> Any:
    """The text for a label, a button, a tab, or HTML that no visitor's data is in."""
    return framed("%s", english)


def framed(frame: str, *english: str) -> Any:
    """As `t`, with HTML around: each `%s` of `frame` takes one of the texts."""
    key = "k" + hashlib.sha256("\0".join((frame, *english)).encode()).hexdigest()[:16]
    missing.update(text for text in english if text not in ZH)
    I18N.translations[ENGLISH][key] = frame % english
    I18N.translations[CHINESE][key] = frame % tuple(ZH.get(text, text) for text in english)
    return I18N(key)


def gettext(locale: str, template: str, **fields: object) -> str:
    """The sentence in the visitor's language, with its fields filled in; a field may be a sentence itself."""
    words = ZH.get(template, template) if locale == CHINESE else template
    said = {name: _said(locale, value) for name, value in fields.items()}
    return words.format(**said) if said else words


def _said(locale: str, value: object) -> object:
    """A field; one that is a sentence, also as a run's events keep it, is said in the same language."""
    if isinstance(value, dict) and "template" in value:
        value = from_plain(**value)
    return gettext(locale, value.template, **value.fields) if isinstance(value, PlaygroundError) else value


def locale_of(request: gr.Request | None) -> str:
    """The language chosen with the button (a cookie), else the browser's first one."""
    if request is None:
        return ENGLISH
    try:
        chosen = SimpleCookie(request.headers.get("cookie") or "").get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    wanted = chosen.value if chosen else (request.headers.get("accept-language") or "").split(",")[0]
    return CHINESE if wanted.strip().lower().startswith("zh") else ENGLISH
