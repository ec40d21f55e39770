"""Defends accounts: who signs in has the same on every device, and nobody else gets to be it."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey

from playground.data_dir import DataDir
from playground.openid import OpenIdClient
from playground.server.app import create_app
from playground.server.openid_provider import ATTEMPTS
from playground.service.owners import ACCOUNT_COOKIE, COOKIE, HEADER, Owners
from tests.security.openid_provider import Provider
from tests.security.visitor import Visitor, as_file
from tests.support.running_app import RunningApp, free_port

ROWS = b"question,answer\n" + b"".join(b"Which is colour %d?,It is shade %d.\n" % (one, one) for one in range(30))


@pytest.fixture
def as_usual(provider: Provider) -> Iterator[Provider]:
    """A provider that a test may change."""
    yield provider
    provider.claims, provider.signing_key = {}, None
    provider.subject, provider.name = "1234", "Ann"


def browser(account_app: RunningApp) -> Visitor:
    """One that opens the page, and so has a key."""
    visitor = Visitor(account_app.url)
    visitor.http.get("/")
    return visitor


def go_there(visitor: Visitor) -> str:
    """Follow the link to the provider; returns the address that it sends back to."""
    there = visitor.http.get("/login")
    assert there.status_code == 303
    return httpx.get(there.headers["location"]).headers["location"]


def sign_in(visitor: Visitor, page: bool = True) -> httpx.Response:
    """There and back, and with `page` the page is opened as a browser does after it."""
    back = visitor.http.get(go_there(visitor))
    if page and back.status_code == 303:
        assert visitor.http.get(back.headers["location"]).status_code == 200
    return back


def named(visitor: Visitor) -> str:
    return str(visitor.http.post("/key/show", content="{}").json()["key"])


def test_what_was_made_before_comes_to_the_account_on_every_device(account_app: RunningApp, as_usual: Provider) -> None:
    as_usual.subject = "first-subject"
    one, other = browser(account_app), browser(account_app)
    taught = one.result("train", as_file(one.upload("sea.csv", ROWS)), "Sea", "auto", 1, 3)
    assert taught["state"] == "done"
    zipped = one.fetch(one.result("export_adapter", taught["adapter"])["path"]).content
    brought = other.result("import_adapter", as_file(other.upload("sea.zip", zipped)), "Sea")["id"]
    key = one.http.cookies[COOKIE]
    assert sign_in(one).headers["location"] == "../"
    assert as_usual.asked[-1]["scope"] == "openid profile"
    assert [card["id"] for card in mine(one)] == [taught["adapter"]]
    assert len(one.result("jobs")) == 1
    moved = Visitor(account_app.url, {HEADER: key})
    assert (moved.result("jobs"), mine(moved)) == ([], [])  # nothing is there twice
    sign_in(other)
    assert {card["id"]: card["name"] for card in mine(other)} == {taught["adapter"]: "Sea", brought: "Sea 2"}
    assert (mine(one), one.result("jobs")) == (mine(other), other.result("jobs"))
    assert one.result("generate", "How are you?", brought, "", 4)
    assert mine(Visitor(account_app.url, {HEADER: named(one)})) == mine(one)  # a program with the account's key
    removed = one.result("delete_everything")
    assert (removed["adapters"], removed["runs"]) == (2, 1)
    assert (mine(other), other.result("jobs")) == ([], [])
    assert list(account_app.data_dir.glob("*/adapters/a-*")) == []


def mine(visitor: Visitor) -> list[dict[str, object]]:
    return [card for card in visitor.result("adapters") if card["visibility"] == "private"]


def test_signing_out_gives_the_key_back(account_app: RunningApp) -> None:
    visitor = browser(account_app)
    key = named(visitor)
    sign_in(visitor)
    assert named(visitor) == visitor.http.cookies[ACCOUNT_COOKIE] != key
    assert visitor.http.post("/logout", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert visitor.http.get("/logout").status_code == 404
    assert named(visitor) != key
    out = visitor.http.post("/logout", headers={"sec-fetch-site": "same-origin"})
    assert (out.status_code, out.headers["location"]) == (303, "./")
    assert named(visitor) == key


def test_a_key_that_is_entered_gives_its_things_to_the_account(account_app: RunningApp, as_usual: Provider) -> None:
    as_usual.subject = "enters-a-key"
    elsewhere, visitor = browser(account_app), browser(account_app)
    sent = elsewhere.upload("a.csv", ROWS)
    sign_in(visitor)
    told = visitor.http.post("/key", json={"key": named(elsewhere)})
    assert told.json()["message"] == "What belonged to that key is your account's now."
    assert "set-cookie" not in told.headers
    assert visitor.result("delete_everything")["uploads"] == 1
    assert elsewhere.fetch(sent).status_code == 404


def test_another_account_is_somebody_else(account_app: RunningApp, as_usual: Provider) -> None:
    ann, bob = browser(account_app), browser(account_app)
    as_usual.subject = "ann's"
    sign_in(ann)
    as_usual.subject = "bob's"
    sign_in(bob)
    sent = ann.upload("a.csv", ROWS)
    assert ann.fetch(sent).status_code == 200
    assert bob.fetch(sent).status_code == 404
    assert named(ann) != named(bob)


def refused(answer: httpx.Response, said: str) -> bool:
    """In one plain sentence, with nobody signed in, and what was begun is over."""
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert said in answer.text, answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert not any(one.startswith(ACCOUNT_COOKIE) for one in cookies)
    return "Traceback" not in answer.text and "secret" not in answer.text


def test_only_the_browser_that_has_begun_comes_back(account_app: RunningApp) -> None:
    """Else a link could sign a visitor in as somebody else, who would then have what the visitor makes."""
    ann, bob = browser(account_app), browser(account_app)
    back = go_there(ann)
    assert refused(bob.http.get(back), "was not begun in this browser")
    go_there(bob)
    assert refused(bob.http.get(back), "was not begun in this browser")  # begun, but not this
    wrong = back.replace(parse_qs(urlsplit(back).query)["state"][0], "x" * 30)
    assert refused(ann.http.get(wrong), "was not begun in this browser")
    assert refused(ann.http.get(back), "was not begun in this browser")  # by then it was over
    assert refused(ann.http.get("/login/callback"), "was not begun in this browser")


def test_a_code_is_good_for_once(account_app: RunningApp) -> None:
    """Also with the cookie of then, which a browser has thrown away."""
    visitor = browser(account_app)
    back = go_there(visitor)
    begun = visitor.http.cookies["playground_sign_in"]
    assert visitor.http.get(back).status_code == 303
    assert refused(visitor.http.get(back), "was not begun in this browser")
    again = httpx.Client(base_url=account_app.url, cookies={"playground_sign_in": begun})
    assert refused(again.get(back), "was not for this page")


def test_whoever_says_no_stays_who_one_was(account_app: RunningApp) -> None:
    visitor = browser(account_app)
    key, state = named(visitor), parse_qs(urlsplit(go_there(visitor)).query)["state"][0]
    denied = {"error": "access_denied", "error_description": "<script>secret</script>", "state": state}
    assert refused(visitor.http.get(f"/login/callback?{urlencode(denied)}"), "the provider said no")
    assert named(visitor) == key


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another-client"},
        {"iss": "https://evil.test"},
        {"exp": int(time.time()) - 3600},
        {"sub": None},
        {"nonce": None},
    ],
    ids=str,
)
def test_what_is_not_for_this_page_signs_nobody_in(
    account_app: RunningApp, as_usual: Provider, claims: dict[str, object]
) -> None:
    as_usual.claims = claims
    assert refused(sign_in(browser(account_app)), "was not for this page")


def test_what_somebody_else_has_signed_signs_nobody_in(account_app: RunningApp, as_usual: Provider) -> None:
    as_usual.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    assert refused(sign_in(browser(account_app)), "was not for this page")


@pytest.mark.parametrize(
    "given", ["?next=https://evil.test", "?_target_url=//evil.test", "?redirect_uri=https://evil.test"]
)
def test_it_leads_nowhere_else(account_app: RunningApp, provider: Provider, given: str) -> None:
    visitor = browser(account_app)
    there = visitor.http.get(f"/login{given}")
    assert there.headers["location"].startswith(f"{provider.url}/oauth/authorize?")
    assert parse_qs(urlsplit(there.headers["location"]).query)["redirect_uri"] == [f"{account_app.url}/login/callback"]
    back = httpx.get(there.headers["location"]).headers["location"]
    assert visitor.http.get(f"{back}&{given[1:]}").headers["location"] == "../"


def test_a_cookie_that_is_not_the_servers_own_is_nobodys(account_app: RunningApp) -> None:
    visitor = browser(account_app)
    sign_in(visitor)
    token = visitor.http.cookies[ACCOUNT_COOKIE]
    other = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]  # the last letter has bits that mean nothing
    for forged in (other, token[1:], re.sub(r"\..*", "", token), "x" * 5000):
        for sent in ({"cookie": f"{ACCOUNT_COOKIE}={forged}"}, {HEADER: forged}):
            answer = httpx.post(f"{account_app.url}/key/show", content="{}", headers=sent)
            assert "does not know you yet" in answer.text


def test_the_cookies_are_kept_from_scripts_and_reach_a_frame_over_https(account_app: RunningApp) -> None:
    visitor = Visitor(account_app.url, {"x-forwarded-proto": "https"})
    there = visitor.http.get("/login")
    back = httpx.get(there.headers["location"]).headers["location"]
    assert back.startswith("https://")
    begun = there.headers["set-cookie"]
    assert "HttpOnly" in begun and "SameSite=Lax; Secure" in begun and "Path=/login;" in begun
    kept = begun.partition(";")[0]
    answer = visitor.http.get(back.replace("https://", "http://"), headers={"cookie": kept})
    signed = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(ACCOUNT_COOKIE))
    assert "HttpOnly" in signed and signed.endswith("SameSite=None; Secure")


def test_a_provider_that_is_away_is_said(tmp_path: Path) -> None:
    owners = Owners(DataDir(tmp_path), "public", signs_in=True)
    services: Any = SimpleNamespace(owners=owners, uploads=None)
    nowhere = OpenIdClient("id", "secret", f"http://127.0.0.1:{free_port()}")
    with TestClient(create_app(services, openid=nowhere)) as client:
        told = client.get("/login", headers={"accept-language": "zh-CN"})
        assert (told.status_code, "稍后再试" in told.text) == (400, True)
        last = [client.get("/login").status_code for _ in range(ATTEMPTS)][-1]
        assert last == 429  # nobody has the provider asked without an end
    space = OpenIdClient("id", "secret", nowhere.provider_url, "ann-playground.hf.space")
    with TestClient(create_app(services, openid=space)) as client:  # by another name that leads there too
        there = client.get("/login", follow_redirects=False)
        assert there.headers["location"] == "https://ann-playground.hf.space/login?moved"
        assert client.get("/login?moved", follow_redirects=False).status_code == 400  # and no further


def test_where_nobody_signs_in_there_is_no_way_to(public_app: RunningApp) -> None:
    asked = [httpx.get(f"{public_app.url}/login"), httpx.get(f"{public_app.url}/login/callback?code=x&state=y")]
    assert [one.status_code for one in (*asked, httpx.post(f"{public_app.url}/logout"))] == [404, 404, 404]
