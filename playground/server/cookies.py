"""How this server's cookies are written: no script of the page can read them."""

from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

Reach = Literal["partitioned", "shared", "own"]
REACH: dict[Reach, str] = {
    "partitioned": "SameSite=None; Secure; Partitioned",
    "shared": "SameSite=None; Secure",
    "own": "SameSite=Lax; Secure",
}
"""Over https. Inside the frame of a Space a cookie is a third party's: most browsers keep such a one only for each site
that shows the frame, some also one that was set in a tab of its own. One of one's `own` is not for frames."""


def cookie(scope: Scope, name: str, value: str, max_age_s: int, path: str = "/", reach: Reach = "partitioned") -> str:
    """A `Set-Cookie` in answer to a request."""
    attributes = REACH[reach] if is_https(scope) else "SameSite=Lax"
    return f"{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; {attributes}"


def is_https(scope: Scope) -> bool:
    """Whether the visitor's browser asks over https, as far as it or a proxy says so."""
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (scope.get("scheme"), forwarded)
