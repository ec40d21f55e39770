"""Defends what visitors own: a key of this server finds it again, also one of years ago, and no other key does."""

from pathlib import Path

import pytest

from playground.data_dir import OPERATOR, DataDir
from playground.errors import InputError, SettingsError
from playground.service.owners import COOKIE, HEADER, SECRET_BYTES, Owners

EARLIER_SECRET = bytes(range(32))
EARLIER_KEY = "00112233445566778899aabbccddeeff.36ec4579078060dfb6c95e4a7a9d9636"
EARLIER_OWNER = "c5f2316259e212fea6c1f178862acb14"


def public(folder: Path) -> Owners:
    return Owners(DataDir(folder), "public")


def test_owners_are_known_by_keys_that_this_server_issued(tmp_path: Path) -> None:
    owners = public(tmp_path)
    key, other = owners.issue(), owners.issue()
    assert owners.identify({"cookie": f"{COOKIE}={key}"}) == owners.identify({HEADER: key}) != ""
    assert owners.identify({HEADER: key}) != owners.identify({HEADER: other})
    assert key not in owners.identify({HEADER: key})
    assert public(tmp_path).identify({HEADER: key}) == owners.identify({HEADER: key})
    assert Owners(DataDir(tmp_path), "local").identify({}) == OPERATOR


@pytest.mark.parametrize("earlier", [False, True], ids=["signed now", "signed as once"])
def test_forged_keys_are_nobodys(tmp_path: Path, earlier: bool) -> None:
    """One character more or less, or another spelling of the same signature in Base64, is another key."""
    DataDir(tmp_path).signing_key.write_bytes(EARLIER_SECRET)
    owners = public(tmp_path)
    key = EARLIER_KEY if earlier else owners.issue()
    spelt = [key[:-1] + last for last in "0123456789ABCDEFGHIJabcdefghij-_=" if last != key[-1]]
    for forged in ("", "x", ".", key[:-1], key + "=", key[:-1] + "é", "0" * 32 + "." + "0" * 32, key.replace(".", "")):
        assert owners.identify({HEADER: forged}) == "", forged
    assert {owners.identify({HEADER: forged}) for forged in spelt} == {""}
    (tmp_path / "another").mkdir()
    assert public(tmp_path / "another").identify({HEADER: key}) == ""


def test_a_key_of_an_earlier_version_finds_its_owner(tmp_path: Path) -> None:
    """Defends everything that visitors have kept: their folders are named after this id."""
    DataDir(tmp_path).signing_key.write_bytes(EARLIER_SECRET)
    owners = public(tmp_path)
    assert owners.identify({HEADER: EARLIER_KEY}) == EARLIER_OWNER
    assert owners.identify({"cookie": f"{COOKIE}={EARLIER_KEY}"}) == EARLIER_OWNER
    assert owners.has_key({"cookie": f"{COOKIE}={EARLIER_KEY}"})


def test_a_stranger_owns_nothing(tmp_path: Path) -> None:
    owners = public(tmp_path)
    assert owners.owner({}) != owners.owner({}) != ""
    with pytest.raises(InputError, match="does not know you yet"):
        owners.known_owner({})
    key = owners.issue()
    assert owners.known_owner({HEADER: key}) == owners.owner({HEADER: key}) == owners.identify({HEADER: key})


def test_the_signing_secret_is_for_the_server_alone(tmp_path: Path) -> None:
    public(tmp_path)
    secret = DataDir(tmp_path).signing_key
    assert secret.stat().st_mode & 0o077 == 0
    assert len(secret.read_bytes()) == SECRET_BYTES
    assert list(tmp_path.iterdir()) == [secret]


@pytest.mark.parametrize("size", [0, SECRET_BYTES - 1])
def test_a_damaged_secret_signs_nothing(tmp_path: Path, size: int) -> None:
    """By an empty one, anybody could make the keys of everybody."""
    secret = DataDir(tmp_path).signing_key
    secret.write_bytes(bytes(size))
    with pytest.raises(SettingsError, match=f"is damaged: it has {size} bytes and not 32"):
        public(tmp_path)
    assert secret.read_bytes() == bytes(size)
