"""Opens the page and keeps it open until the process is told to stop."""

import signal
import threading
from types import FrameType

from playground.errors import SettingsError
from playground.service.services import Services
from playground.settings import Settings
from playground.ui.gradio_patches import patch_gradio
from playground.ui.page import build_page, launch_options

MAX_QUEUED_EVENTS = 64


def launch(services: Services, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; raises `SettingsError` if the port is taken."""
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    page = build_page(services)
    patch_gradio(services.quota)
    page.queue(max_size=MAX_QUEUED_EVENTS, default_concurrency_limit=None)
    try:
        page.launch(
            server_name=settings.server_name,
            server_port=settings.server_port,
            max_file_size=max(
                services.quota.max_zip_bytes(), services.quota.max_dataset_bytes()
            ),  # the browser's; the server knows the kinds
            prevent_thread_lock=True,
            **launch_options(services),
        )
    except OSError as error:
        raise SettingsError(
            "The page cannot be opened at {name}, port {port}: {reason}. Set GRADIO_SERVER_PORT to a free one.",
            name=settings.server_name,
            port=settings.server_port or "7860 and up",
            reason=str(error).splitlines()[0],
        ) from error
    print(f"The playground is open at {page.local_url} (Ctrl-C closes it).", flush=True)
    try:
        ending.wait()
    finally:
        page.close(verbose=False)
