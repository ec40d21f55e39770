"""Defends what stands in the place of Gradio's own, or leans on its insides, from a new Gradio that does otherwise."""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from gradio import blocks, queueing, route_utils, routes, state_holder, utils

LOOKED_AT = [
    # What `EventQueue` does otherwise.
    (queueing.Queue.__init__, "8f39a4352e7c"),
    (queueing.Queue.push, "c7b4091f41b8"),
    (queueing.Queue.start, "d7da05cdd477"),
    (queueing.Queue.close, "3665e3c2dd9f"),
    (queueing.Queue.start_processing, "d65be5a5cbed"),
    (queueing.Queue.process_events, "29a5c8797463"),
    (queueing.Queue.clean_events, "ee8f9ecc8240"),
    (queueing.Queue.remove_from_queue, "3cb9bc5dfa13"),
    (queueing.Queue.send_message, "79d70f866b09"),
    (queueing.Event, "3f200ce6a594"),
    (utils.cancel_tasks, "6d0ca5a9ed62"),
    (utils.set_task_name, "12319f863ae4"),
    # What `Sessions` do otherwise.
    (state_holder.StateHolder, "7a180698da51"),
    (state_holder.SessionState, "cf7fe4610080"),
    (blocks.BlocksConfig.__copy__, "7a8a9cd51733"),
    (route_utils._delete_state, "e4d17520116a"),
    (route_utils.restore_session_state, "df1344ad34bd"),
]


@pytest.mark.parametrize(("inside", "known"), LOOKED_AT, ids=lambda one: getattr(one, "__qualname__", ""))
def test_gradio_does_what_ours_stands_in_for(inside: Callable[..., Any], known: str) -> None:
    found = hashlib.sha256(inspect.getsource(inside).encode()).hexdigest()[:12]
    assert found == known, (
        f"Gradio {gr.__version__} has changed {inside.__qualname__}. See whether event_queue.py, sessions.py "
        f"and ownership.py of playground/ui still do what it does now, then write {found} here."
    )


def test_streams_end_as_ours_expect() -> None:
    """The streams are functions inside a function: of them only this can be looked at."""
    source = inspect.getsource(routes.App.create_app)
    start, end = source.index("async def cancel_event"), source.index("async def get_item_or_file")
    found = hashlib.sha256(source[start:end].encode()).hexdigest()[:12]
    assert found == "175d02c04687", (
        f"Gradio {gr.__version__} has changed how it cancels events or tells their streams. See whether "
        f"playground/ui/event_queue.py still fits, then write {found} here."
    )
