"""The real app for strangers, its OpenAI clients, and an adapter of one visitor's."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from playground.service.owners import HEADER
from tests.security.visitor import Visitor, as_file
from tests.support.exchange import zip_of
from tests.support.running_app import RunningApp, running_app
from tests.support.tiny import make_adapter
from tests.support.tiny_model import TINY


@pytest.fixture(scope="package")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("openai"), PLAYGROUND_MODE="public") as running:
        yield running


@pytest.fixture(scope="package")
def ann(app: RunningApp) -> Visitor:
    return Visitor.with_key(app.url)


@pytest.fixture(scope="package")
def client(app: RunningApp, ann: Visitor) -> OpenAI:
    return client_of(app, ann.http.headers[HEADER])


@pytest.fixture(scope="package")
def stranger(app: RunningApp) -> OpenAI:
    """Somebody else's key."""
    return client_of(app, Visitor.with_key(app.url).http.headers[HEADER])


@pytest.fixture(scope="package")
def adapter(ann: Visitor, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of an adapter that changes the answers, called "pirate"."""
    place = tmp_path_factory.mktemp("adapter")
    packed = zip_of(make_adapter(TINY, place / "pirate", seed=3), place / "pirate.zip")
    sent = ann.upload("pirate.zip", packed.read_bytes())
    return str(ann.result("import_adapter", as_file(sent), "pirate")["id"])


def client_of(app: RunningApp, key: str) -> OpenAI:
    return OpenAI(base_url=f"{app.url}/v1", api_key=key, max_retries=0, timeout=120)
