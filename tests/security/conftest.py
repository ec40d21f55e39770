"""The real app for strangers, and two visitors who have nothing to do with each other."""

from collections.abc import Iterator

import pytest

from tests.security.openid_provider import Provider, openid_provider
from tests.security.visitor import Visitor
from tests.support.running_app import RunningApp, running_app


@pytest.fixture(scope="package")
def public_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("public"), PLAYGROUND_MODE="public") as running:
        yield running


@pytest.fixture(scope="package")
def provider() -> Iterator[Provider]:
    with openid_provider() as running:
        yield running


@pytest.fixture(scope="package")
def account_app(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """Where visitors can sign in."""
    folder = tmp_path_factory.mktemp("accounts")
    with running_app(folder, PLAYGROUND_MODE="public", **provider.environment()) as running:
        yield running


@pytest.fixture(scope="package")
def ann(public_app: RunningApp) -> Visitor:
    return Visitor.with_key(public_app.url)


@pytest.fixture(scope="package")
def bob(public_app: RunningApp) -> Visitor:
    return Visitor.with_key(public_app.url)


@pytest.fixture(scope="package")
def nobody(public_app: RunningApp) -> Visitor:
    return Visitor(public_app.url)
