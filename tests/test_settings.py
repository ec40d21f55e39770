"""Defends that a wrong setting ends in one sentence naming it, and that defaults are what the README says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from playground.errors import SettingsError
from playground.openid import OpenIdClient
from playground.settings import read_settings

ROOT = Path(__file__).parent.parent


def test_defaults(tmp_path: Path) -> None:
    settings = read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path)})
    assert (settings.model, settings.quantization, settings.mode) == ("auto", "auto", "local")
    assert (settings.server_name, settings.server_port) == ("127.0.0.1", None)


def test_a_space_is_public_and_reachable(tmp_path: Path) -> None:
    settings = read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), "SPACE_ID": "someone/playground"})
    assert (settings.mode, settings.server_name, settings.trusted_proxies) == ("public", "0.0.0.0", 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PLAYGROUND_QUANTIZATION", "3bit"),
        ("PLAYGROUND_MODE", "private"),
        ("GRADIO_SERVER_PORT", "70000"),
        ("GRADIO_SERVER_PORT", "7860a"),
        ("PLAYGROUND_DATA_DIR", "/dev/null/here"),
        ("PLAYGROUND_MODEL_PICKER", "Qwen3-0.6B"),
        ("PLAYGROUND_MODEL_PICKER", "operator"),
        ("PLAYGROUND_OPERATOR_KEY", "1234"),
        ("PLAYGROUND_PASSWORD", "1234"),
        ("PLAYGROUND_TRUSTED_PROXIES", "-1"),
        ("PLAYGROUND_TRUSTED_PROXIES", "one"),
        ("PLAYGROUND_HOSTS", "play.test, *"),
        ("PLAYGROUND_HOSTS", "http://play.test"),
        ("PLAYGROUND_HOSTS", "play.test:7860"),
        ("GRADIO_SERVER_NAME", "0.0.0.0"),
        ("GRADIO_SERVER_NAME", "192.168.0.7"),
        ("GRADIO_SERVER_NAME", "mypc.lan"),
        ("GRADIO_SERVER_NAME", "::"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), name: value})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("", ("auto",)),
        ("Off", ("off",)),
        ("Qwen/Qwen3-0.6B, starter,", ("Qwen/Qwen3-0.6B", "starter")),
    ],
)
def test_who_may_change_the_model(tmp_path: Path, given: str, read: tuple[str, ...]) -> None:
    settings = read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), "PLAYGROUND_MODEL_PICKER": given})
    assert settings.model_picker == read


PASSWORD = "one that nobody guesses"  # noqa: S105 - it opens nothing


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ("localhost", "127.0.0.1", "[::1]")),
        ({"GRADIO_SERVER_NAME": "127.0.0.2"}, ("localhost", "127.0.0.1", "[::1]", "127.0.0.2")),
        ({"GRADIO_SERVER_NAME": "::1"}, ("localhost", "127.0.0.1", "[::1]")),
        ({"PLAYGROUND_HOSTS": "Play.test,*.lab.test"}, ("localhost", "127.0.0.1", "[::1]", "play.test", "*.lab.test")),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "PLAYGROUND_PASSWORD": PASSWORD}, ("*",)),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "PLAYGROUND_MODE": "public"}, ("*",)),
    ],
)
def test_the_names_that_it_answers_to(tmp_path: Path, given: dict[str, str], names: tuple[str, ...]) -> None:
    assert read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), **given}).answered_hosts == names


def test_who_opens_a_local_page_to_others_is_told_both_ways(tmp_path: Path) -> None:
    """Defends the operator, whose adapters anybody on the network could export and delete."""
    with pytest.raises(SettingsError, match=r"PLAYGROUND_MODE=public.*PLAYGROUND_PASSWORD"):
        read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), "GRADIO_SERVER_NAME": "0.0.0.0"})


def test_a_password_is_for_a_local_page_and_not_shown(tmp_path: Path) -> None:
    """A public page would not ask for it."""
    given = {"PLAYGROUND_DATA_DIR": str(tmp_path), "PLAYGROUND_PASSWORD": PASSWORD}
    assert PASSWORD not in repr(read_settings(given))
    with pytest.raises(SettingsError, match="PLAYGROUND_PASSWORD is set, but"):
        read_settings({**given, "PLAYGROUND_MODE": "public"})


def test_the_operators_key_is_not_shown(tmp_path: Path) -> None:
    key = "a long key that nobody guesses"
    settings = read_settings({"PLAYGROUND_DATA_DIR": str(tmp_path), "PLAYGROUND_OPERATOR_KEY": key})
    assert settings.operator_key == key
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"), [("PLAYGROUND_QUANTIZATION", "3bit"), ("PLAYGROUND_MODEL", "/no/such/folder")]
)
def test_the_app_ends_with_one_sentence_and_code_2(tmp_path: Path, name: str, value: str) -> None:
    environment = {**os.environ, "PLAYGROUND_DATA_DIR": str(tmp_path), name: value}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert value in lines[0]


def test_help_names_every_setting() -> None:
    done = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    for name in ("MODEL", "QUANTIZATION", "DATA_DIR", "MODE"):
        assert f"PLAYGROUND_{name}" in done.stdout
    assert "GRADIO_SERVER_NAME" in done.stdout
    assert "GRADIO_SERVER_PORT" in done.stdout


def test_visitors_of_a_public_page_sign_in_where_a_space_says_how(tmp_path: Path) -> None:
    given = {"PLAYGROUND_DATA_DIR": str(tmp_path), "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "secret"}
    assert read_settings(given).openid is None  # on one's own machine there is one person
    public = {**given, "PLAYGROUND_MODE": "public"}
    assert read_settings(public).openid == OpenIdClient("id", "secret", "https://huggingface.co")
    told = {"OPENID_PROVIDER_URL": "https://hub.test/ ", "SPACE_HOST": "ann-play.hf.space,play.test"}
    assert read_settings({**public, **told}).openid == OpenIdClient(
        "id", "secret", "https://hub.test", "ann-play.hf.space"
    )
    assert "secret" not in repr(read_settings(public))
    for wrong in (
        {"OAUTH_CLIENT_SECRET": ""},
        {"OPENID_PROVIDER_URL": "hub.test"},
        {"OPENID_PROVIDER_URL": "http://["},
    ):
        with pytest.raises(SettingsError, match=r"only one is set|Use an address such as"):
            read_settings({**public, **wrong})
