"""How this server's cookies are written: no script of the page can read them."""

from starlette.datastructures import Headers
from starlette.types import Scope


def cookie(scope: Scope, name: str, value: str, max_age_s: int) -> str:
    """A `Set-Cookie` in answer to a request."""
    return f"{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; {_attributes(scope)}"


def is_https(scope: Scope) -> bool:
    """Whether the visitor's browser asks over https, as far as it or a proxy says so."""
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return "https" in (scope.get("scheme"), forwarded)


def _attributes(scope: Scope) -> str:
    """Inside the frame of a Space the cookie is a third party's, which browsers allow only like this."""
    return "SameSite=None; Secure; Partitioned" if is_https(scope) else "SameSite=Lax"
