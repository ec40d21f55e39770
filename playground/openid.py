"""The OpenID provider by which visitors sign in, as a Space tells of it in the environment of its app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playground.errors import SettingsError

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """What this app is to the provider; `host` is the one name that the provider sends visitors back to, "" for the
    name by which the page was asked for."""

    client_id: str
    client_secret: str = field(repr=False)
    provider_url: str = HUB
    host: str = ""


def read_openid(environ: Mapping[str, str]) -> OpenIdClient | None:
    """None where visitors do not sign in; raises `SettingsError`."""
    client_id, secret = (environ.get(name, "").strip() for name in ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"))
    if not client_id and not secret:
        return None
    if not client_id or not secret:
        raise SettingsError(
            "Of OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET only one is set. Set both, so that visitors can sign in, or "
            "neither."
        )
    provider = environ.get("OPENID_PROVIDER_URL", "").strip().rstrip("/") or HUB
    try:
        parts = urlsplit(provider)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("OPENID_PROVIDER_URL is '{value}'. Use an address such as {hub}.", value=provider, hub=HUB)
    # Beside the Space's own name stand those of domains that lead to it.
    return OpenIdClient(client_id, secret, provider, environ.get("SPACE_HOST", "").split(",")[0].strip())
