"""The words of the page as Gradio shows them: the browser chooses the language, `zh_CN.po` has the Chinese.

`t` gives the texts that stay as they are. What the server must choose the language of, such as toasts and HTML that is
made for one visitor, is said by `gettext_for`.
"""

import hashlib
from functools import partial
from typing import Any

import gradio as gr

from playground.i18n.catalog import CHINESE, ENGLISH, Gettext, gettext, in_chinese, locale_of

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


def t(english: str) -> Any:
    """The text for a label, a button, a tab, or HTML that no visitor's data is in.

    The browser learns it with the page: an event can only say again what was said while the page was drawn.
    """
    return _both(english, in_chinese(english))


def pt(context: str, english: str) -> Any:
    """As `t`, for a word that has another translation elsewhere."""
    return _both(english, in_chinese(english, context))


def framed(frame: str, *english: str) -> Any:
    """As `t`, with HTML around: each `%s` of `frame` takes one of the texts."""
    return _both(frame % english, frame % tuple(map(in_chinese, english)))


def gettext_for(request: gr.Request) -> Gettext:
    """Say things in the language of the one who asks."""
    return partial(gettext, locale_of(request.headers))


def _both(english: str, chinese: str) -> Any:
    key = "k" + hashlib.sha256(f"{english}\0{chinese}".encode()).hexdigest()[:16]
    I18N.translations[ENGLISH][key] = english
    I18N.translations[CHINESE][key] = chinese
    return I18N(key)
