"""Defends the address: the one that was asked for or the first free one, told before anything slow begins."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from playground.errors import SettingsError
from playground.server import serve
from playground.settings import Settings


def settings(name: str = "127.0.0.1", port: int | None = None) -> Settings:
    return Settings("auto", "auto", Path(), "local", name, port)


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_the_first_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        first = other.getsockname()[1]
        monkeypatch.setattr(serve, "FIRST_PORT", first)
        found = serve.bind(settings())
        try:
            assert first < found[0].getsockname()[1] < first + serve.MAX_PORTS
        finally:
            close(found)
        with pytest.raises(SettingsError, match=rf"port {first}: .*in use.*Set GRADIO_SERVER_PORT"):
            serve.bind(settings(port=first))


def test_no_free_port_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        monkeypatch.setattr(serve, "FIRST_PORT", other.getsockname()[1])
        monkeypatch.setattr(serve, "MAX_PORTS", 1)
        with pytest.raises(SettingsError, match=r"port \d+ and up: "):
            serve.bind(settings())


def test_a_name_that_is_nobodys_is_told() -> None:
    with pytest.raises(SettingsError, match=r"cannot be opened at nowhere\.invalid, port 7860"):
        serve.bind(settings("nowhere.invalid", 7860))


@pytest.mark.parametrize("name", ["localhost", "0.0.0.0", "[::1]"])
def test_every_address_of_the_name_is_taken(name: str) -> None:
    try:
        wanted = {one[4][0] for one in socket.getaddrinfo(name.strip("[]"), 0, type=socket.SOCK_STREAM)}
        for address in wanted:
            with closing(socket.socket(socket.AF_INET6 if ":" in str(address) else socket.AF_INET)) as one:
                one.bind((address, 0))
    except OSError:
        pytest.skip(f"this machine has no {name}")
    found = serve.bind(settings(name))
    try:
        assert {one.getsockname()[0] for one in found} == wanted
    finally:
        close(found)
