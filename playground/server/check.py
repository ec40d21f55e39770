"""What a public start would lack: `python app.py --check`."""

import os
import shutil
from collections.abc import Iterator, Mapping

import psutil

from playground.files import KEPT_FREE_BYTES
from playground.server.terms import TERMS_FILE
from playground.service.uploads import MAX_UPLOADS_BYTES
from playground.settings import Settings, is_loopback

LEAST_MEMORY_BYTES = 4 * 2**30
"""The bundled model, a training beside it, and files that are read."""
GIB = 2**30


def check(settings: Settings) -> int:
    """Print a line for each; returns 0 where nothing is missing, else 1."""
    missing = list(lacks(settings))
    for line in missing:
        print(f"- {line}")
    print(f"{len(missing)} to look at." if missing else "Nothing is missing.")
    return 1 if missing else 0


def lacks(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """One sentence for each thing: what it is, and what to do."""
    if settings.mode != "public":
        yield (
            "PLAYGROUND_MODE is local, where whoever reaches the page is its operator. Set PLAYGROUND_MODE=public, "
            "where each visitor has things of their own."
        )
    if is_loopback(settings.server_name):
        yield (
            f"GRADIO_SERVER_NAME is {settings.server_name}, which only this machine reaches. Have a proxy here hand on "
            "what visitors ask, best with HTTPS, or set it to 0.0.0.0."
        )
    if not settings.trusted_proxies:
        yield (
            "PLAYGROUND_TRUSTED_PROXIES is 0. Behind a proxy all visitors then count as one, and share what one may "
            "take. Set it to how many proxies stand before the page."
        )
    if not settings.operator_key:
        yield "PLAYGROUND_OPERATOR_KEY is not set, so nobody can read /metrics or change the model of a public page."
    if environ.get("SPACE_ID") and not settings.data_dir.is_relative_to("/data"):
        yield (
            f"What visitors keep lies in {settings.data_dir}, which a Space forgets at every restart. Attach storage, "
            "and set PLAYGROUND_DATA_DIR to a folder below /data."
        )
    free, wanted = shutil.disk_usage(settings.data_dir).free, MAX_UPLOADS_BYTES + KEPT_FREE_BYTES
    if free < wanted:
        yield (
            f"The disk of {settings.data_dir} has {free / GIB:.0f} GiB left; what visitors send may take "
            f"{wanted / GIB:.0f}. Make room, or they are refused once 2 are left."
        )
    memory = psutil.virtual_memory().available
    if memory < LEAST_MEMORY_BYTES:
        yield (
            f"{memory / GIB:.1f} GiB of memory are free; a model that answers and one that is taught want "
            f"{LEAST_MEMORY_BYTES / GIB:.0f}."
        )
    if not (settings.data_dir / TERMS_FILE).is_file():
        yield (
            "Visitors read general terms at /terms. Write your own, in Markdown: who you are, and how you are reached. "
            f"They belong into {settings.data_dir / TERMS_FILE}."
        )
