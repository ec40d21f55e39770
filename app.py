"""Starts the LLM Playground: reads the settings, builds host and services, mounts the page, serves."""

import gc
import os
import shutil
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from playground.data_dir import DataDir
from playground.errors import EngineError, ModelError, PlaygroundError
from playground.models.weights import read_ahead
from playground.process import in_own_thread, package_path, quiet_openmp
from playground.settings import HELP, Settings, read_settings

if TYPE_CHECKING:
    from playground.engine.host import LocalModelHost
    from playground.models.loader import LoadedModel
    from playground.models.quantized_cache import QuantizedCache

TELL_S = 2.0
"""How long visitors have to hear why the app ends, where it does so by itself."""
END_S = 4.8
"""How long the app may take to end. Containers wait ten seconds, systems that shut down five."""


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(HELP)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    try:
        settings = read_settings()
        if arguments:
            from playground.server.check import check

            return check(settings)
        prepare_environment(settings)
        data = DataDir(settings.data_dir, Path(os.environ["GRADIO_TEMP_DIR"]))
        with data.lock():
            print("The playground is starting…", flush=True)
            data.move_old_layout()
            data.sweep()
            run(settings, data)
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def prepare_environment(settings: Settings) -> None:
    """Must run before torch and Gradio are imported."""
    quiet_openmp()
    os.environ["PYTHONPATH"] = package_path()
    os.environ.setdefault("GRADIO_TEMP_DIR", str(settings.data_dir / "uploads"))
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # tables that grow leave gaps


def run(settings: Settings, data: DataDir) -> None:
    """Run until SIGTERM or Ctrl-C, then leave no process behind."""
    gc.disable()  # importing makes millions of objects that stay: looking for garbage among them costs seconds
    from playground.server.serve import bind

    sockets = bind(settings)
    threading.Thread(target=read_ahead, args=(settings.model, data.quantized), daemon=True).start()
    from playground.engine.host import LocalModelHost
    from playground.models.fit import memory_speed
    from playground.models.quantized_cache import QuantizedCache

    cache, spoiled = QuantizedCache(data.quantized), threading.Event()

    def on_spoiled() -> None:
        spoiled.set()
        threading.Timer(TELL_S, os.kill, (os.getpid(), signal.SIGTERM)).start()

    with ThreadPoolExecutor(1) as beside:
        page = beside.submit(import_module, "playground.ui.page")  # Gradio comes while the weights are read

        def start() -> LocalModelHost:
            loaded = load_first(settings, data, cache)
            page.result()  # what follows measures how fast this machine is: nothing may run beside it
            memory_speed()
            return LocalModelHost(loaded, cache, data.kernel_cache, on_spoiled)

        host = in_own_thread(start)
    serve_until_stopped(settings, data, host, sockets, spoiled)
    if spoiled.is_set():
        raise EngineError("The GPU failed, and this process can do nothing more with it. Start the playground again.")


def serve_until_stopped(
    settings: Settings, data: DataDir, host: "LocalModelHost", sockets: list[socket.socket], spoiled: threading.Event
) -> None:
    """Build services and page on the live model, and close all in the end."""
    from playground.server.app import create_app
    from playground.server.serve import serve
    from playground.service.services import build_services
    from playground.ui.mount import mount_page
    from playground.ui.page import build_page

    services = build_services(settings, host, data)
    closing = threading.Thread(target=services.close)

    def on_stop() -> None:
        """The training writes down what it has learnt while the server ends; what is not done in time is given up."""
        closing.start()
        in_time = threading.Timer(END_S, os._exit, (2 if spoiled.is_set() else 0,))
        in_time.daemon = True
        in_time.start()

    gc.freeze()
    gc.enable()
    try:
        app = create_app(
            services,
            settings.answered_hosts,
            settings.password,
            settings.trusted_proxies,
            settings.access_log,
            settings.openid,
        )
        end_streams = mount_page(app, build_page(services), services)
        services.sandbox.start()
        serve(app, settings, sockets, [services.sandbox.close, end_streams], on_stop)
    finally:
        if closing.ident is None:
            closing.start()
        closing.join()
        host.close()
        shutil.rmtree(data.downloads, ignore_errors=True)


def load_first(settings: Settings, data: DataDir, cache: "QuantizedCache") -> "LoadedModel":
    """The model that was chosen on the page last, where the settings leave the choice; else the one that they name."""
    from playground.models.gguf_header import is_gguf
    from playground.models.loader import load_model
    from playground.service.model_change import read_chosen
    from playground.service.model_downloads import ModelDownloads

    chosen = read_chosen(data) if settings.model == "auto" else None
    if chosen:
        model, quantization = chosen
        try:
            return load_model(
                model, quantization if settings.quantization == "auto" else settings.quantization, cache=cache
            )
        except ModelError as error:
            print(f"The model that was chosen last cannot be loaded, so another is: {error}", file=sys.stderr)
    model = settings.model
    if is_gguf(model):
        unpacking = ModelDownloads(data)
        unpacking.start(model)
        model = str(unpacking.wait(model))
    return load_model(model, settings.quantization, cache=cache)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is closed: to give the memory back piece by piece, and wait for threads, takes long
