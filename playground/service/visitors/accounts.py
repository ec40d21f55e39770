"""Who has signed in: told by a signed token that this server issues once a provider has said who it is."""

import hashlib
import hmac
from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

ACCOUNT_KEPT_S = 30 * 24 * 3600
"""After so long one signs in anew."""
MAX_NAME_CHARS = 60
_MAX_TOKEN_CHARS = 2048


@dataclass(frozen=True, slots=True)
class Account:
    """`name` is what its provider calls the person."""

    owner: str
    name: str


class Accounts:
    """The owner is a keyed hash of the provider and of what it calls the account by: nothing stored tells it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._signer = URLSafeTimedSerializer(
            secret, salt="playground.account", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def issue(self, issuer: str, subject: str, name: str) -> str:
        """A token for the account that the provider `issuer` knows as `subject`."""
        said = f"account\n{issuer}\n{subject}".encode("utf-8", "surrogatepass")
        owner = hmac.new(self._secret, said, hashlib.sha256).hexdigest()[:32]
        token = self._signer.dumps([owner, name[:MAX_NAME_CHARS]])
        return token if isinstance(token, str) else token.decode("ascii")

    def read(self, token: str | None) -> Account | None:
        """None for a token that this server did not issue, or so long ago that it is over."""
        if not token or len(token) > _MAX_TOKEN_CHARS:
            return None
        try:
            owner, name = self._signer.loads(token, max_age=ACCOUNT_KEPT_S)
        except (BadData, ValueError, TypeError):
            return None
        return Account(str(owner), str(name))
