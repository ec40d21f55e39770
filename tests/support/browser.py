"""Gets a real Chromium for the browser tests: the machine's, else Debian's package, else Playwright's download."""

import os
import shutil
import subprocess
import sys
from functools import cache

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@cache
def chromium() -> str | None:
    """The browser's path, or None for the one that Playwright downloaded; raises when none can be had."""
    found = _on_machine()
    if found:
        return found
    tried: list[str] = []
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            tried.append(_run(command, {"DEBIAN_FRONTEND": "noninteractive"}))
        found = _on_machine()
        if found:
            return found
    tried.append(_run([sys.executable, "-m", "playwright", "install", "chromium"]))
    if tried[-1] == "":
        return None
    raise RuntimeError(
        "No Chromium could be had for the browser tests. Install one. What was tried:\n" + "\n".join(tried)
    )


def _on_machine() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Empty when the command succeeded, else what it said."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else f"{' '.join(command)}: {done.stderr[-500:] or done.stdout[-500:]}"
