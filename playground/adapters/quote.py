"""Pieces of a stranger's file, made fit to stand in a sentence."""

from playground.sentence import N_

_MAX_CHARS = 60
_FAR = 10**15


def quote(found: object, max_chars: int = _MAX_CHARS) -> str:
    """Show a name or value as plain characters, cut where it is long.

    What could break a line, a page or the visitor's connection (controls, markup, lone surrogates, signs that turn
    the direction of writing) becomes `?`; a list or an object is only named.
    """
    if isinstance(found, list | dict):
        return N_("a list") if isinstance(found, list) else N_("an object")
    text = N_("a number") if isinstance(found, int) and abs(found) > _FAR else str(found)
    shown = "".join(sign if sign.isprintable() and sign not in "<>&" else "?" for sign in text[:max_chars])
    return shown + ("…" if len(text) > max_chars else "")
