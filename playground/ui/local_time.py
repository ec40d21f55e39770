"""Times as the clock on the visitor's wall shows them; the browser tells its time zone in a cookie (see early.js)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from zoneinfo import ZoneInfo

COOKIE = "playground_timezone"
MAX_NAME_CHARS = 64


def local_time(headers: Mapping[str, str], at: datetime | str | float) -> str:
    """A moment (ISO 8601 or seconds since 1970) to the minute; in UTC, and saying so, for a zone nobody knows.

    `headers` have lower-case names.
    """
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    elif not isinstance(at, datetime):
        at = datetime.fromtimestamp(at, UTC)
    zone = _zone(headers)
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if zone else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _zone(headers: Mapping[str, str]) -> ZoneInfo | None:
    try:
        cookie = SimpleCookie(headers.get("cookie") or "").get(COOKIE)
        name = cookie.value if cookie else ""
        return ZoneInfo(name) if name and len(name) <= MAX_NAME_CHARS else None
    except (CookieError, OSError, ValueError, KeyError):  # a name that is no zone's raises each of the last three
        return None
