"""What is known of a base model before it is loaded, in words and figures; and how far it is on its way here."""

from pathlib import Path

from markupsafe import Markup

from playground.i18n.catalog import Gettext
from playground.protocol.model_choice import ModelChoice
from playground.service.model_change import ModelChange
from playground.service.model_downloads import DownloadState
from playground.ui.components import snippets
from playground.ui.templates import render

_GB = 1e9
_SHOWN_LANGUAGES = 8


def line(one: ModelChoice, gettext: Gettext) -> str:
    """The model in the list: its name, and what matters most."""
    if one.current:
        told = gettext("answers now")
    elif not one.fits:
        told = gettext("too large for this machine")
    elif one.present:
        told = gettext("is here")
    else:
        told = gigabytes(one.download_bytes)
    return "  ·  ".join(filter(None, (one.name, told)))


def page(one: ModelChoice, gettext: Gettext) -> Markup:
    """All that is known of one."""
    speed = gettext("about {count} words a second", count=rounded(one.words_per_s)) if one.words_per_s else ""
    languages = [gettext(name) for name in one.languages[:_SHOWN_LANGUAGES]]
    more = len(one.languages) - len(languages)
    facts = [
        (gettext("Good for"), gettext(one.good_for)),
        (gettext("Languages"), ", ".join([*languages, *([gettext("{count} more", count=more)] if more > 0 else [])])),
        (gettext("Here"), speed),
        (gettext("Download"), gettext("is here already") if one.present else gigabytes(one.download_bytes)),
        (gettext("Memory"), _memory(one, gettext)),
        (gettext("Size"), _parameters(one.num_parameters, gettext)),
        (gettext("Licence"), one.license),
        (gettext("On the hub"), one.id if "/" in one.id and not Path(one.id).is_absolute() else ""),
    ]
    warnings = []
    if one.why_not:
        warnings.append(gettext(one.why_not))
    if one.gated and not one.present:
        warnings.append(
            gettext(
                "The hub gives it only to those who accepted its terms there and set HF_TOKEN where this page runs."
            )
        )
    return render("model", gettext, name=one.name, facts=facts, warnings=warnings, current=one.current)


def progress(change: ModelChange | None, download: DownloadState | None, gettext: Gettext) -> Markup | str:
    """Where the change stands, else the download of the chosen model."""
    if change is not None and not change.ended:
        now: ModelChange | None = change
    elif download is not None and download.phase not in ("done", "stopped"):
        now = ModelChange.of_download("", download)
    else:
        now = change if change is not None and change.failed else None
    if now is None:
        return ""
    if now.failed:
        return snippets.warning(gettext(now.failed))
    if not now.total_bytes:
        return snippets.caption(gettext(now.line))
    told = gettext("{done} of {total}", done=gigabytes(now.done_bytes) or "0 MB", total=gigabytes(now.total_bytes))
    left = _left(now.eta_s, gettext)
    line = " · ".join(filter(None, (told, left)))
    name, percent = gettext(now.line), round(100 * now.share)
    return render("progress", gettext, name=name, percent=percent, line=line, ended=None, waits=None)


def _memory(one: ModelChoice, gettext: Gettext) -> str:
    """Of the loaded one what it takes; of others what their weights take, beside which faster layouts may be kept."""
    size = gigabytes(one.memory_bytes)
    return size if one.current or not size else gettext("at least {size}", size=size)


def _left(seconds: float | None, gettext: Gettext) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return gettext("{count} seconds left", count=max(1, round(seconds)))
    return gettext("{count} minutes left", count=round(seconds / 60))


def gigabytes(size: int) -> str:
    """A size of files or memory; "" where it is not known."""
    if not size:
        return ""
    return f"{size / _GB:.1f} GB" if size >= 0.95 * _GB else f"{max(1, round(size / 1e6))} MB"


def _parameters(count: int, gettext: Gettext) -> str:
    if not count:
        return ""
    millions = count / 1e6
    if millions < 1000:
        return gettext("{count} million numbers", count=round(millions))
    return gettext("{count} billion numbers", count=f"{millions / 1000:.1f}")


def rounded(speed: float) -> str:
    """Words a second."""
    return f"{speed:.0f}" if speed >= 3 else f"{speed:.1f}"
