"""Walks the routes of the real application, Gradio's too, and writes the table that the docs have of them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playground.server.app import create_app
from playground.server.route_table import OPEN, who_may
from playground.ui.mount import mount_page
from playground.ui.page import build_page
from tests.support.page import real_services

TABLE = Path(__file__).parents[2] / "playground" / "server" / "routes.md"
HEAD = """\
# Who may call what

Every address of the web application, of Gradio's too. What nobody may call is answered with 404; each file, session and
answer is found by its owner alone, and is a 404 to everybody else. In local mode all are the one operator.
`python -m tests.security.route_docs` writes this page, and a test compares it with the routes that there are.

| Method | Address | Who | For |
|---|---|---|---|
"""


def all_routes() -> set[tuple[str, str]]:
    """Method and path of each route of the application."""
    with TemporaryDirectory() as folder, real_services(Path(folder)) as services:
        app = create_app(services)
        mount_page(app, build_page(services), services)
        return set(walk(app.routes))


def walk(routes: Iterable[Any], before: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "effective_route_contexts"):  # a router that was included
            yield from walk(route.effective_route_contexts(), before)
        elif getattr(route, "routes", None):  # an application that was mounted
            yield from walk(route.routes, before + route.path.rstrip("/"))
        else:
            for method in route.methods or ["GET"]:
                yield method, before + route.path


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"\{[^}:]*", "{", path)


def table(routes: set[tuple[str, str]]) -> str:
    said = {shape(route.path): (route.path, route.what) for route in OPEN}
    lines = set()
    for method, path in routes:
        name, what = said.get(shape(path), (path, "")) if who_may(method, path) != "nobody" else (path, "")
        lines.add((who_may(method, path) == "nobody", name, method, who_may(method, path), what))
    return HEAD + "".join(f"| {method} | `{path}` | {who} | {what} |\n" for _, path, method, who, what in sorted(lines))


if __name__ == "__main__":
    TABLE.write_text(table(all_routes()), encoding="utf-8")
