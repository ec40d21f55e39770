"""Settings, read once from the environment. Nothing heavy is imported here: a wrong value must fail at once."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from playground.errors import SettingsError
from playground.openid import OpenIdClient, read_openid
from playground.protocol.model import Quantization

Mode = Literal["local", "public"]

MIN_KEY_CHARS = 16
STARTER = "starter"
"""The bundled model's id."""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names of one's own machine, as they stand in an address."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - a Space is reached from outside its container

HELP = """\
usage: python app.py [--help | --check]

--check says what this machine and these settings lack to serve strangers, and starts nothing.

Starts the LLM Playground. Settings come from the environment:

  PLAYGROUND_MODEL         auto (default): the one that was chosen on the page last, else the best known model
                           that is here already and fits the GPU or is quick enough on the CPU,
                           otherwise the bundled starter; starter: the bundled model;
                           or a Hugging Face model id, a folder with a model, or a GGUF file
  PLAYGROUND_QUANTIZATION  auto (default): 4-bit wherever the model's layers allow it; 4bit, 8bit, or none
  PLAYGROUND_MODEL_PICKER  auto (default): whoever uses a local page may change its model, nobody a public one;
                           off: nobody; operator: whoever sends PLAYGROUND_OPERATOR_KEY;
                           or model ids, separated by commas, between which visitors may choose
  PLAYGROUND_OPERATOR_KEY  makes whoever sends it the operator of a public page (at least 16 signs)
  PLAYGROUND_DATA_DIR      where adapters, training runs and uploads are kept
                           (default: ~/.local/share/llm-playground)
  PLAYGROUND_MODE          auto (default): public on a Hugging Face Space, otherwise local;
                           local: one trusted person; public: strangers, each with their own adapters
  PLAYGROUND_PASSWORD      lets whoever knows it use a local page as the one trusted person, also from other machines,
                           with any user name (at least 16 signs)
  PLAYGROUND_HOSTS         names that a local page answers to beside localhost, separated by commas,
                           such as a proxy's; *.example.org names all below it
  PLAYGROUND_TRUSTED_PROXIES
                           how many proxies stand before the page and add visitors' addresses to X-Forwarded-For
                           (default: 0; 1 on a Space)
  PLAYGROUND_ACCESS_LOG    on: a line of JSON for each request, without what visitors wrote (default: off)
  OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET
                           let visitors of a public page sign in with Hugging Face (a Space with hf_oauth sets them)
  OPENID_PROVIDER_URL      another provider to sign in with (default: https://huggingface.co)
  GRADIO_SERVER_NAME       address to listen on (default: 127.0.0.1; 0.0.0.0 on a Space)
  GRADIO_SERVER_PORT       port to listen on (default: the first free one from 7860)
"""


@dataclass(frozen=True, slots=True)
class Settings:
    model: str
    quantization: Quantization
    data_dir: Path
    mode: Mode
    server_name: str
    server_port: int | None
    model_picker: tuple[str, ...] = ("auto",)
    """`auto`, `off`, `operator`, or the ids of models."""
    operator_key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    """Beside `LOOPBACK`, in local mode."""
    trusted_proxies: int = 0
    """How many stand before the server and add where a request comes from."""
    access_log: bool = False
    openid: OpenIdClient | None = None
    """By which visitors of a public page sign in."""

    @property
    def answered_hosts(self) -> tuple[str, ...]:
        """The names by which the page may be asked for; `*` is any. A password stops those that it does not know."""
        if self.mode == "public" or self.password:
            return ("*",)
        name = self.server_name
        own = f"[{name}]" if ":" in name and not name.startswith("[") else name
        return tuple(dict.fromkeys([*LOOPBACK, own, *self.hosts]))


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Check every setting; raises `SettingsError` naming the one that is wrong."""
    on_space = bool(environ.get("SPACE_ID"))
    quantization = _choice(environ, "PLAYGROUND_QUANTIZATION", get_args(Quantization), "auto")
    mode = _choice(environ, "PLAYGROUND_MODE", ("auto", "local", "public"), "auto")
    if mode == "auto":
        mode = "public" if on_space else "local"
    server_name = environ.get("GRADIO_SERVER_NAME", "").strip() or (EVERYWHERE if on_space else "127.0.0.1")
    password = _secret(environ, "PLAYGROUND_PASSWORD")
    _check_reach(mode, server_name, password)
    return Settings(
        model=environ.get("PLAYGROUND_MODEL", "").strip() or "auto",
        quantization=cast(Quantization, quantization),
        data_dir=_data_dir(environ),
        mode=cast(Mode, mode),
        server_name=server_name,
        server_port=_port(environ),
        model_picker=_picker(environ),
        operator_key=_secret(environ, "PLAYGROUND_OPERATOR_KEY"),
        password=password,
        hosts=_hosts(environ),
        trusted_proxies=_trusted_proxies(environ, on_space),
        access_log=_choice(environ, "PLAYGROUND_ACCESS_LOG", ("on", "off"), "off") == "on",
        openid=read_openid(environ) if mode == "public" else None,
    )


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(name, "").strip().lower() or default
    if value not in allowed:
        raise SettingsError(
            "{name} is '{value}', which is not known. Use one of: {allowed}.",
            name=name,
            value=environ[name],
            allowed=", ".join(allowed),
        )
    return value


def _picker(environ: Mapping[str, str]) -> tuple[str, ...]:
    given = environ.get("PLAYGROUND_MODEL_PICKER", "").strip() or "auto"
    if given.lower() in ("auto", "off", "operator"):
        found: tuple[str, ...] = (given.lower(),)
    else:
        found = tuple(dict.fromkeys(one.strip() for one in given.split(",") if one.strip()))
        if any(one != STARTER and one.count("/") != 1 for one in found):
            raise SettingsError(
                "PLAYGROUND_MODEL_PICKER is '{value}'. Use auto, off, operator, or model ids such as Qwen/Qwen3-0.6B "
                "with commas between them.",
                value=given,
            )
    if found == ("operator",) and not environ.get("PLAYGROUND_OPERATOR_KEY", "").strip():
        raise SettingsError("PLAYGROUND_MODEL_PICKER is operator, but PLAYGROUND_OPERATOR_KEY is not set. Set it.")
    return found


def _secret(environ: Mapping[str, str], name: str) -> str:
    given = environ.get(name, "").strip()
    if given and (len(given) < MIN_KEY_CHARS or not given.isascii()):
        raise SettingsError(
            "{name} is too easy to guess. Use at least {count} letters, digits and signs.",
            name=name,
            count=MIN_KEY_CHARS,
        )
    return given


def _hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    given = [one.strip().lower() for one in environ.get("PLAYGROUND_HOSTS", "").split(",") if one.strip()]
    for name in given:
        if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", name):
            raise SettingsError(
                "PLAYGROUND_HOSTS has '{value}', which is no name. Use names such as play.example.org, without a port, "
                "with commas between them.",
                value=name,
            )
    return tuple(dict.fromkeys(given))


def _trusted_proxies(environ: Mapping[str, str], on_space: bool) -> int:
    given = environ.get("PLAYGROUND_TRUSTED_PROXIES", "").strip() or str(int(on_space))
    if not re.fullmatch("[0-9]", given, re.ASCII):
        raise SettingsError("PLAYGROUND_TRUSTED_PROXIES is '{value}'. Use a number from 0 to 9.", value=given)
    return int(given)


def _check_reach(mode: str, server_name: str, password: str) -> None:
    """Whoever reaches a local page is the one trusted person: nobody else may."""
    if mode == "public":
        if password:
            raise SettingsError(
                "PLAYGROUND_PASSWORD is set, but it is for local mode, and this page is public. Unset it, or set "
                "PLAYGROUND_MODE=local."
            )
    elif not password and not is_loopback(server_name):
        raise SettingsError(
            "GRADIO_SERVER_NAME is '{value}', so others could reach this page and do there what you can. Set "
            "PLAYGROUND_MODE=public, which gives each of them things of their own, or PLAYGROUND_PASSWORD, which lets "
            "in whoever knows it.",
            value=server_name,
        )


def is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name.lower() == "localhost"


def _data_dir(environ: Mapping[str, str]) -> Path:
    given = environ.get("PLAYGROUND_DATA_DIR", "").strip()
    try:
        folder = Path(given).expanduser() if given else Path("~/.local/share/llm-playground").expanduser()
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise SettingsError(
            "PLAYGROUND_DATA_DIR is '{value}', which cannot be made ({reason}). Name a folder that you may write to.",
            value=given,
            reason=getattr(error, "strerror", None) or type(error).__name__,
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError("PLAYGROUND_DATA_DIR is '{value}', where nothing can be written.", value=folder)
    return folder


def _port(environ: Mapping[str, str]) -> int | None:
    given = environ.get("GRADIO_SERVER_PORT", "").strip()
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= 65535:
        raise SettingsError("GRADIO_SERVER_PORT is '{value}'. Use a number from 1 to 65535.", value=given)
    return int(given)
