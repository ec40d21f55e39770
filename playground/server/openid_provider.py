"""The OpenID provider as this app asks it: where a visitor signs in, and who it was that came back.

Imported only where visitors can sign in: what it needs is slow to load.
"""

import hashlib
import hmac
import logging
import math
from functools import cached_property
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc.errors import JoseError

from playground.errors import BusyError, InputError
from playground.openid import OpenIdClient
from playground.sentence import N_
from playground.token_bucket import TokenBuckets

log = logging.getLogger(__name__)

ATTEMPT_S = 600
"""So long one may take to come back."""
PROVIDER_S = 15.0
ATTEMPTS, ATTEMPT_EVERY_S = 60, 5.0
"""Of one address: a room full of visitors signs in at once."""
AWAY = N_("The provider does not answer just now, so nobody can sign in. Go back to the page, and try again later.")
NOT_BEGUN = N_(
    "Signing in was not begun in this browser, or longer than 10 minutes ago, or has ended already. Go back to the "
    "page, and sign in from there."
)
REFUSED = N_("You were not signed in: the provider said no. Go back to the page, and try again if you want to.")
UNSURE = N_("You were not signed in: what came from the provider was not for this page. Go back, and try again.")


class OpenIdProvider:
    """The authorization-code flow with state, nonce and PKCE, which all stay in the browser that has begun it."""

    attempt_s = ATTEMPT_S

    def __init__(self, client: OpenIdClient) -> None:
        self.client = client
        self._asked = TokenBuckets(ATTEMPTS, ATTEMPT_EVERY_S)
        self._attempts = URLSafeTimedSerializer(
            client.client_secret, salt="playground.sign-in", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def count(self, address: str) -> None:
        """Raise `BusyError` where an address has begun or ended too much lately: each time the provider is asked."""
        wait_s = self._asked.take(address) if address else 0.0
        if wait_s:
            raise BusyError(
                "Too many have come from your network just now. Try again in {seconds} seconds.",
                seconds=math.ceil(wait_s),
            )

    @cached_property
    def _provider(self) -> Any:
        url = f"{self.client.provider_url}/.well-known/openid-configuration"
        asked = {"scope": "openid profile", "code_challenge_method": "S256", "timeout": PROVIDER_S}
        return OAuth().register(
            "provider",
            client_id=self.client.client_id,
            client_secret=self.client.client_secret,
            server_metadata_url=url,
            client_kwargs=asked,
        )

    async def begin(self, back_to: str) -> tuple[str, str]:
        """Where the visitor signs in, and what the browser keeps meanwhile; raises `InputError`."""
        try:
            begun = await self._provider.create_authorization_url(back_to)
        except (httpx2.HTTPError, RuntimeError, ValueError) as error:
            log.warning("the OpenID provider cannot be used: %s", error)
            raise InputError(AWAY) from error
        kept = [begun["state"], begun["nonce"], begun["code_verifier"], back_to]
        return begun["url"], str(self._attempts.dumps(kept))

    async def finish(self, kept: str, state: str, code: str) -> tuple[str, str, str]:
        """The provider, what it calls the account, and the account's name; raises `InputError`."""
        try:
            known_state, nonce, verifier, back_to = self._attempts.loads(kept, max_age=ATTEMPT_S)
        except (BadData, ValueError, TypeError):
            raise InputError(NOT_BEGUN) from None
        if not hmac.compare_digest(state.encode("utf-8", "surrogatepass"), str(known_state).encode()):
            raise InputError(NOT_BEGUN)
        if not code:
            raise InputError(REFUSED)
        try:
            token = await self._provider.fetch_access_token(back_to, code=code, code_verifier=verifier)
            claims = await self._provider.parse_id_token(token, nonce, await self._wanted())
        except httpx2.HTTPError as error:
            log.warning("the OpenID provider cannot be used: %s", error)
            raise InputError(AWAY) from error
        except (AuthlibBaseError, JoseError, RuntimeError, ValueError, KeyError, TypeError) as error:
            log.warning("a sign-in was refused: %s", error)
            raise InputError(UNSURE) from error
        if not claims:
            raise InputError(UNSURE)
        name = claims.get("preferred_username") or claims.get("name") or claims["sub"]
        return str(claims["iss"]), str(claims["sub"]), str(name)

    async def _wanted(self) -> dict[str, Any]:
        issuer = (await self._provider.load_server_metadata())["issuer"]
        return {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": self.client.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True},
        }
