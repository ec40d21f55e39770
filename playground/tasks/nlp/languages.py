"""Languages by their English names, and telling which one a text is in."""

from collections.abc import Sequence
from copy import copy
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from playground.data.languages import name_of_code
from playground.sentence import N_

CODES = {
    N_("English"): "en",
    N_("German"): "de",
    N_("French"): "fr",
    N_("Chinese"): "zh",
    N_("Spanish"): "es",
    N_("Italian"): "it",
    N_("Portuguese"): "pt",
    N_("Dutch"): "nl",
    N_("Polish"): "pl",
    N_("Russian"): "ru",
    N_("Arabic"): "ar",
    N_("Hindi"): "hi",
    N_("Japanese"): "ja",
    N_("Korean"): "ko",
    N_("Vietnamese"): "vi",
    N_("Thai"): "th",
    N_("Indonesian"): "id",
    N_("Turkish"): "tr",
}
NAMES = {code: name for name, code in CODES.items()}
_SURE = 0.95
_ENOUGH = 2000
"""Characters that decide a language; more only cost time."""


def detect(text: str, among: Sequence[str] = ()) -> str:
    """The English name of the language that `text` is most likely in, among the given ones (default: all known)."""
    return detect_with_probability(text, among)[0]


def detect_with_probability(text: str, among: Sequence[str] = ()) -> tuple[str, float]:
    """As `detect`, with the probability (0 to 1); a greeting of one word is never sure."""
    names = tuple(name for name in among if name in CODES) or tuple(CODES)
    code, probability = _identifier(names).classify(text[:_ENOUGH])
    return NAMES[str(code)], float(probability)


def detect_any(text: str) -> str:
    """The English name of the language that `text` is in, also one that is not among those known here; "" if unsure."""
    code, probability = _model().classify(text[:_ENOUGH])
    return name_of_code(str(code)) if float(probability) >= _SURE else ""


@cache
def _identifier(names: tuple[str, ...]) -> LanguageIdentifier:
    identifier = copy(_model())
    identifier.set_languages([CODES[name] for name in names])
    return identifier


@cache
def _model() -> LanguageIdentifier:
    """Takes seconds to load."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
