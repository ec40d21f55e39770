"""Who a visitor is: one operator in local mode; in public mode, who has signed in, or the holder of a key that this
server issued.

Browsers hold either in an HttpOnly cookie, programs send it in a header. The owner's name is a hash of the key, so
that nothing stored tells the key. A key that was not issued here counts as none.
"""

import hashlib
import hmac
import math
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from itsdangerous import Signer

from playground.data_dir import OPERATOR, DataDir
from playground.errors import BusyError, InputError, SettingsError
from playground.files import write_bytes
from playground.protocol.requests import STRANGER
from playground.service.visitors.accounts import Account, Accounts
from playground.settings import Mode
from playground.token_bucket import TokenBuckets

COOKIE, ACCOUNT_COOKIE = "playground_key", "playground_account"
HEADER = "x-playground-key"
OPERATOR_HEADER = "x-playground-operator-key"
ADDRESS_HEADER = "x-playground-address"
"""Where a request comes from, written by the server itself: what a client sends under this name is thrown away."""
KEY_KEPT_S = 365 * 24 * 3600
"""How long a browser keeps its key without having opened the page anew."""
MAX_ADDRESSES = 10_000
KEY_BURST = 60
KEY_EVERY_S = 10.0
"""A room full of visitors behind one router opens the page at once; nobody else needs so many keys."""
SECRET_BYTES = 32


class Owners:
    """Issues keys and turns them into owners. The signing secret is kept in the data folder, across restarts."""

    def __init__(self, data: DataDir, mode: Mode, operator_key: str = "", signs_in: bool = False) -> None:
        """`signs_in` says whether visitors can. Raises `SettingsError` for a damaged signing secret."""
        self.mode = mode
        self.signs_in = signs_in and mode == "public"
        self._operator_key = operator_key
        self._secret = _read_or_make_secret(data.signing_key)
        self._addresses: OrderedDict[str, str] = OrderedDict()
        self._keys = TokenBuckets(KEY_BURST, KEY_EVERY_S)
        self.accounts = Accounts(self._secret)
        self._signer = Signer(self._secret, salt="playground.key", digest_method=hashlib.sha256)

    def issue(self, address: str = "") -> str:
        """A new key; raises `BusyError` where too many went to an address lately."""
        wait_s = self._keys.take(address) if address else 0.0
        if wait_s:
            raise BusyError(
                "Too many have come from your network just now. Try again in {seconds} seconds.",
                seconds=math.ceil(wait_s),
            )
        return self._signer.sign(secrets.token_hex(16)).decode("ascii")

    def identify(self, headers: Mapping[str, str]) -> str:
        """The owner behind a request's headers; "" for a stranger without a key."""
        if self.mode == "local":
            return OPERATOR
        account = self.account(headers)
        return account.owner if account else self.key_owner(self._key(headers))

    def account(self, headers: Mapping[str, str]) -> Account | None:
        """Who has signed in among those behind these headers; None for nobody."""
        return self._signed_in(headers)[1]

    def key_owner(self, key: str | None) -> str:
        """The owner that a valid key stands for; "" for none."""
        return hashlib.sha256(key.encode()).hexdigest()[:32] if key else ""

    def earlier_owner(self, headers: Mapping[str, str]) -> str:
        """Whom the key in the browser of somebody who has signed in stands for; "" for nobody."""
        return self.key_owner(self._valid(_cookie(headers.get("cookie")))) if self.account(headers) else ""

    def owner(self, headers: Mapping[str, str]) -> str:
        """As `identify`, but a stranger gets a name for this one request: it owns nothing."""
        owner = self.identify(headers) or STRANGER + secrets.token_hex(8)
        if address := headers.get(ADDRESS_HEADER):
            self._addresses[owner] = address
            self._addresses.move_to_end(owner)
            while len(self._addresses) > MAX_ADDRESSES:
                self._addresses.popitem(last=False)
        return owner

    def address(self, owner: str) -> str:
        """Where an owner's last request came from; "" where nobody knows."""
        return self._addresses.get(owner, "")

    def forget(self, owner: str) -> None:
        """Know no more where an owner's requests came from."""
        self._addresses.pop(owner, None)

    def known_owner(self, headers: Mapping[str, str]) -> str:
        """As `owner`, for what is kept: raises `InputError` for a stranger, whose things nobody could find again."""
        owner = self.owner(headers)
        check_known(owner)
        return owner

    def is_operator(self, headers: Mapping[str, str], key: str = "") -> bool:
        """Whether the one behind these headers runs this server: by a key among them, or one that was typed."""
        if self.mode == "local":
            return True
        given = (key or headers.get(OPERATOR_HEADER, "")).encode("utf-8", "surrogatepass")
        return bool(self._operator_key) and hmac.compare_digest(given, self._operator_key.encode())

    def own_name(self, headers: Mapping[str, str], name: str) -> str:
        """`name` as chosen by the one behind these headers, turned into one that nobody else can come to.

        All strangers count as one: they are told apart by nothing.
        """
        chosen = f"{self.identify(headers)}\n{name}".encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, chosen, hashlib.sha256).hexdigest()[:32]

    def seal(self, headers: Mapping[str, str], ticket: str) -> str:
        """A ticket of ours that only the one behind these headers can hand in again."""
        return f"{ticket}.{self.own_name(headers, f'ticket {ticket}')}"

    def unseal(self, headers: Mapping[str, str], sealed: str) -> str | None:
        """The ticket, if the one behind these headers was given it."""
        ticket, _, _ = sealed.rpartition(".")
        given = sealed.encode("utf-8", "surrogatepass")
        return ticket if ticket and hmac.compare_digest(given, self.seal(headers, ticket).encode()) else None

    def own_key(self, headers: Mapping[str, str]) -> str:
        """By what the one behind these headers is known, also in a program's header: the key, or who has signed in the
        account's token. Raises `InputError` for a stranger."""
        key = self._signed_in(headers)[0] or self._key(headers)
        if not key:
            raise _unknown()
        return key

    def check_key(self, key: object) -> str:
        """A key that somebody typed, without the blanks around it; raises `InputError` where it is none of this
        server's."""
        found = self._valid(key.strip()) if isinstance(key, str) else None
        if not found:
            raise InputError("This is no key of this server. Copy it whole, from the page on your other device.")
        return found

    def has_key(self, headers: Mapping[str, str]) -> bool:
        """Whether a browser is known by what it keeps."""
        known = self.mode == "local" or bool(self.account(headers))
        return known or bool(self._valid(_cookie(headers.get("cookie"))))

    def _signed_in(self, headers: Mapping[str, str]) -> tuple[str, Account | None]:
        """The token by which somebody is signed in, with who it is."""
        if self.signs_in:
            for token in (_cookie(headers.get("cookie"), ACCOUNT_COOKIE), headers.get(HEADER), bearer(headers)):
                if token and (account := self.accounts.read(token)):
                    return token, account
        return "", None

    def _key(self, headers: Mapping[str, str]) -> str | None:
        return (
            self._valid(headers.get(HEADER))
            or self._valid(bearer(headers))
            or self._valid(_cookie(headers.get("cookie")))
        )

    def _valid(self, key: str | None) -> str | None:
        """The key, if it is just as it was issued: another spelling of its signature would be another owner."""
        nonce, _, signature = (key or "").partition(".")
        if not nonce.isascii() or not signature.isascii():
            return None
        known = (self._signer.get_signature(nonce).decode("ascii"), self._earlier_signature(nonce))
        return key if any(hmac.compare_digest(signature, one) for one in known) else None

    def _earlier_signature(self, nonce: str) -> str:
        """As keys were signed once; visitors still hold such, and own what they own by them."""
        return hmac.new(self._secret, nonce.encode(), hashlib.sha256).hexdigest()[:32]


def check_known(owner: str) -> None:
    """Raise `InputError` for a stranger."""
    if owner.startswith(STRANGER):
        raise _unknown()


def bearer(headers: Mapping[str, str]) -> str:
    """The key as OpenAI's clients send it; "" for none."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _unknown() -> InputError:
    return InputError(
        "This server does not know you yet. Open its page in a browser that keeps cookies, or call /new_key "
        "and send the key in the header {header}.",
        header=HEADER,
    )


def _cookie(header: str | None, name: str = COOKIE) -> str | None:
    try:
        morsel = SimpleCookie(header or "").get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _read_or_make_secret(path: Path) -> bytes:
    if not path.exists():
        write_bytes(path, secrets.token_bytes(SECRET_BYTES), mode=0o600)
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise SettingsError(
            "{path}, by which visitors are known again, is damaged: it has {size} bytes and not {whole}. Bring it back "
            "from a backup, or delete it: then nobody reaches any more what they have kept here.",
            path=path,
            size=len(secret),
            whole=SECRET_BYTES,
        )
    return secret
