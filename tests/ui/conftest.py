"""One app for all tests of the API, and a program that asks it."""

from collections.abc import Iterator

import pytest
from gradio_client import Client

from tests.support.running_app import RunningApp, running_app


@pytest.fixture(scope="package")
def api_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="package")
def client(api_app: RunningApp) -> Client:
    return Client(api_app.url, verbose=False)
