"""Defends every address: what the table does not open is closed, also what a new Gradio brings along."""

import re

import pytest

from playground.server.route_table import OPEN, is_open, who_may
from tests.security.route_docs import TABLE, all_routes, shape, table
from tests.security.visitor import Visitor


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, str]]:
    return all_routes()


def test_the_docs_name_every_route_and_who_may_call_it(routes: set[tuple[str, str]]) -> None:
    told = "`python -m tests.security.route_docs` writes it anew; look at what it changes"
    assert TABLE.read_text(encoding="utf-8") == table(routes), told


def test_nothing_is_opened_that_is_not_there(routes: set[tuple[str, str]]) -> None:
    """Defends from an address that a new Gradio has moved: the page would miss it."""
    there = {(method, shape(path)) for method, path in routes}
    assert [one for one in OPEN for method in one.methods if (method, shape(one.path)) not in there] == []


def test_what_nobody_may_call_is_not_found(routes: set[tuple[str, str]], ann: Visitor) -> None:
    """By its very address, by whoever asks."""
    closed = [(method, path) for method, path in routes if who_may(method, path) == "nobody"]
    assert len(closed) > 30
    for method, path in closed:
        answer = ann.http.request(method, re.sub(r"\{[^}]*\}", "x", path))
        assert (answer.status_code, answer.text) == (404, ""), path


@pytest.mark.parametrize(
    "path",
    [
        *("/gradio_api/deep_link?session_hash=x", "/monitoring/summary", "/gradio_api/runs", "/gradio_api/dev/reload"),
        *("/gradio_api/file/etc/passwd", "/gradio_api/proxy=http://127.0.0.1/", "//gradio_api/runs", "/Config"),
        *("/gradio_api/queue/../dev/reload", "/gradio_api//runs", "/gradio_api/%72uns", "/config/", "/docs"),
    ],
)
def test_no_spelling_opens_it(nobody: Visitor, path: str) -> None:
    assert nobody.http.get(path).status_code == 404


def test_patterns_are_read_as_the_router_reads_them() -> None:
    assert is_open("GET", "/gradio_api/call/generate/abc")
    assert is_open("GET", "/gradio_api/file=/a/b.zip")
    for method, path in (
        *(("POST", "/"), ("GET", "/gradio_api/upload"), ("OPTIONS", "/gradio_api/queue/join"), ("TRACE", "/")),
        *(("GET", "/gradio_api/call/a/b/c/d"), ("POST", "/gradio_api/call/"), ("GET", "/gradio_api/heartbeat/")),
        *(("GET", "/assets"), ("GET", "/config\n"), ("GET", "xconfig"), ("GET", "/gradio_apixinfo")),
    ):
        assert not is_open(method, path), (method, path)
