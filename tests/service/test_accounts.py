"""Defends accounts: a token is this server's own and not over, and the owner that it names tells nobody who it is."""

from pathlib import Path

import pytest
from itsdangerous import TimestampSigner

from playground.data_dir import DataDir
from playground.service.owners import ACCOUNT_COOKIE, COOKIE, HEADER, Owners
from playground.service.visitors.accounts import ACCOUNT_KEPT_S, MAX_NAME_CHARS, Accounts

HUB = "https://huggingface.co"
SECRET = bytes(range(32))


def test_an_account_is_the_same_owner_each_time() -> None:
    accounts = Accounts(SECRET)
    ann = accounts.read(accounts.issue(HUB, "1234", "ann"))
    assert ann is not None and ann.name == "ann"
    assert accounts.read(accounts.issue(HUB, "1234", "renamed")).owner == ann.owner  # type: ignore[union-attr]
    others = [("https://other.test", "1234"), (HUB, "12345"), (f"{HUB}\n1234", "")]
    assert ann.owner not in {accounts.read(accounts.issue(*one, "ann")).owner for one in others}  # type: ignore[union-attr]
    assert DataDir(Path("/data")).owner(ann.owner).name == ann.owner
    long = accounts.read(accounts.issue(HUB, "1", "é" * 500))
    assert long is not None and len(long.name) == MAX_NAME_CHARS


def test_a_token_of_another_secret_or_purpose_is_nobodys(tmp_path: Path) -> None:
    accounts = Accounts(SECRET)
    token = accounts.issue(HUB, "1234", "ann")
    assert Accounts(bytes(32)).read(token) is None
    for forged in (None, "", ".", "x", token[:-1], token[1:], token.replace(".", ""), "é", "x" * 10_000):
        assert accounts.read(forged) is None
    owners = Owners(DataDir(tmp_path), "public", signs_in=True)
    assert owners.account({HEADER: owners.issue()}) is None
    mine = owners.accounts.issue(HUB, "1234", "ann")
    assert owners.identify({"cookie": f"{COOKIE}={mine}"}) == ""


def test_a_token_is_over_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = Accounts(SECRET)
    token = accounts.issue(HUB, "1234", "ann")
    now = TimestampSigner(b"x").get_timestamp()
    for later, good in ((ACCOUNT_KEPT_S - 60, True), (ACCOUNT_KEPT_S + 60, False)):
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _, at=now + later: at)
        assert (accounts.read(token) is not None) == good


def test_an_account_counts_before_a_key_and_only_where_one_can_sign_in(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public", signs_in=True)
    key, token = owners.issue(), owners.accounts.issue(HUB, "1234", "ann")
    account = owners.accounts.read(token)
    assert account is not None
    both = {"cookie": f"{COOKIE}={key}; {ACCOUNT_COOKIE}={token}"}
    assert owners.identify(both) == owners.identify({**both, HEADER: key}) == account.owner
    assert owners.identify({HEADER: token}) == account.owner
    assert owners.earlier_owner(both) == owners.key_owner(key) == owners.identify({HEADER: key})
    assert owners.earlier_owner({"cookie": f"{COOKIE}={key}"}) == ""
    assert owners.own_key(both) == token
    broken = {"cookie": f"{COOKIE}={key}; {ACCOUNT_COOKIE}={token[:-2]}"}
    assert owners.identify(broken) == owners.key_owner(key)
    assert owners.own_key(broken) == key
    assert owners.has_key({"cookie": f"{ACCOUNT_COOKIE}={token}"})
    assert Owners(DataDir(tmp_path), "public").identify(both) == owners.key_owner(key)
    local = Owners(DataDir(tmp_path), "local", signs_in=True)
    assert local.account(both) is None and local.identify(both) == "local"
