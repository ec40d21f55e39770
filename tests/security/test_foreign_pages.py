"""Defends a visitor's things from the pages of other sites, which the visitor's browser would lend its key."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from playground.server.middleware.own_pages import is_foreign
from tests.security.visitor import Visitor
from tests.support.running_app import RunningApp, running_app

JOBS = "/gradio_api/call/jobs"


@pytest.fixture(scope="module")
def local_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("local"), PLAYGROUND_HOSTS="play.test, *.lab.test") as running:
        yield running


@pytest.mark.parametrize(
    ("sent", "foreign"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://behind-a-proxy.test"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site", "origin": "http://page.test"}, True),
        ({"origin": "http://page.test:7860"}, False),
        ({"origin": "http://PAGE.test:7860"}, False),
        ({"origin": "http://page.test:7861"}, True),
        ({"origin": "http://page.test:7860.evil.test"}, True),
        ({"origin": "http://page.test:7860@evil.test"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://[", "x-forwarded-host": ""}, True),
        ({"origin": "https://play.test", "x-forwarded-host": "play.test"}, False),
    ],
)
def test_who_is_foreign(sent: dict[str, str], foreign: bool) -> None:
    assert is_foreign(Headers({"host": "page.test:7860", **sent})) == foreign


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=B", ""])
@pytest.mark.parametrize(
    "path", [JOBS, "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/cancel", "/key", "/key/show"]
)
def test_a_foreign_page_changes_nothing(local_app: RunningApp, ann: Visitor, kind: str, path: str) -> None:
    """Also by what a browser sends without asking first, and in local mode, where no key is needed."""
    for http in (ann.http, httpx.Client(base_url=local_app.url, timeout=60)):
        for sent in ({"origin": "https://evil.test"}, {"sec-fetch-site": "cross-site"}):
            refused = http.post(path, content=b'{"data": []}', headers={"content-type": kind, **sent})
            assert (refused.status_code, "Another site's page" in refused.text) == (403, True)


def test_no_other_site_is_allowed_to_read(local_app: RunningApp, ann: Visitor) -> None:
    for http in (ann.http, httpx.Client(base_url=local_app.url, timeout=60)):
        for origin in ("https://evil.test", "null", "http://localhost:1"):
            asked = {"origin": origin, "access-control-request-method": "POST"}
            answers = [http.get("/config", headers=asked), http.options(JOBS, headers=asked)]
            answers.append(http.get("/gradio_api/queue/data?session_hash=x", headers=asked))
            assert [name for one in answers for name in one.headers if name.startswith("access-control")] == []
            assert answers[0].headers["cross-origin-resource-policy"] == "same-origin"


def ask_as(app: RunningApp, host: str) -> httpx.Response:
    port = app.url.rpartition(":")[2]
    return httpx.post(app.url + JOBS, json={"data": []}, headers={"host": host.format(port=port)}, timeout=60)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        *(("localhost:{port}", True), ("127.0.0.1:{port}", True), ("[::1]:{port}", True), ("LOCALHOST", True)),
        *(("play.test", True), ("play.test:80", True), ("a.lab.test", True)),
        *(("evil.test:{port}", False), ("localhost.evil.test", False), ("evil.test#localhost", False)),
        *(("127.0.0.1.evil.test", False), ("192.168.0.7:{port}", False), ("", False), ("lab.test", False)),
    ],
)
def test_a_local_page_answers_by_its_own_names_alone(local_app: RunningApp, host: str, known: bool) -> None:
    """Defends from a page whose name was made to lead here: it would count as the page's own."""
    answer = ask_as(local_app, host)
    assert answer.status_code == (200 if known else 400)
    if host.startswith("evil.test:"):
        assert "Use localhost, or add the name to PLAYGROUND_HOSTS" in answer.text


def test_a_public_page_answers_by_any_name(public_app: RunningApp) -> None:
    assert ask_as(public_app, "someone-playground.hf.space").status_code == 200


@pytest.mark.parametrize("name", ["host", "x-forwarded-host", "x-forwarded-prefix", "x-gradio-server"])
def test_the_configuration_repeats_no_name_that_a_request_claims(public_app: RunningApp, name: str) -> None:
    """A cache in between would tell all its readers to go there. Gradio's client reads it without."""
    answer = httpx.get(f"{public_app.url}/config", headers={name: "evil.test"})
    assert answer.status_code == 200
    assert answer.json()["root"] == public_app.url
    assert "evil.test" not in answer.text


def test_a_password_lets_in_whoever_knows_it(tmp_path: Path) -> None:
    """Defends the operator on a network: without it nothing answers, with it every name of the machine does."""
    password = " ".join(("a long sentence:", "nobody knows"))
    with running_app(tmp_path, PLAYGROUND_PASSWORD=password, GRADIO_SERVER_NAME="0.0.0.0") as app:
        http = httpx.Client(base_url=app.url, headers={"host": "mypc.lan"}, timeout=60)
        for path in ("/", "/config", "/gradio_api/info", "/assets/x", "/model/state", "/nothing"):
            refused = http.get(path)
            assert (refused.status_code, "asks for its password" in refused.text) == (401, True)
            assert refused.headers["www-authenticate"].startswith("Basic ")
        for wrong in (("x", "wrong"), ("x", ""), (password, "")):
            assert http.get("/", auth=wrong).status_code == 401
        for header in ("Basic ?", "Basic YQ==", "Basic", "Bearer", "Bearer x", f"Digest {password}"):
            assert http.get("/", headers={"authorization": header}).status_code == 401
        assert http.get("/", auth=("anybody", password)).status_code == 200
        owner = Visitor(app.url, {"authorization": f"Bearer {password}"})
        assert json.dumps(owner.result("jobs")) == "[]"
        foreign = {"sec-fetch-site": "cross-site"}
        assert http.post(JOBS, json={"data": []}, headers=foreign, auth=("x", password)).status_code == 403
