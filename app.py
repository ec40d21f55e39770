"""Starts the LLM Playground: reads the settings, wires the objects, launches the page."""

import os
import sys

from playground.errors import PlaygroundError
from playground.settings import HELP, Settings, read_settings


def main(arguments: list[str]) -> int:
    if arguments:
        print(HELP)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    try:
        settings = read_settings()
        prepare_environment()
        serve(settings)
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def prepare_environment() -> None:
    """Must run before torch and Gradio are imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads would starve the training worker
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def serve(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C, then leave no process behind."""
    from playground.adapters.store import AdapterStore
    from playground.engine.live import start_engine
    from playground.models.codec import ChatCodec
    from playground.models.loader import load_model
    from playground.protocol import Live
    from playground.training.handover import Handover
    from playground.training.jobs import Jobs
    from playground.ui.owners import Owners
    from playground.ui.page import build_page, launch
    from playground.ui.services import Services

    loaded = load_model(settings.model, settings.quantization)
    codec = ChatCodec(loaded)
    engine = start_engine(loaded, codec)
    store = AdapterStore(settings.data_dir)
    jobs = Jobs(settings.data_dir, Handover(engine, store, loaded))
    services = Services(Live(engine, codec), store, jobs, Owners(settings.data_dir, settings.mode))
    try:
        launch(build_page(services), services, settings)
    finally:
        jobs.close()
        engine.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
