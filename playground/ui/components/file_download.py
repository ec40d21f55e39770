"""A file for the visitor that is made only when it is asked for."""

from typing import Any

import gradio as gr

from playground.ui.events import EVENT_OPTIONS, in_browser


def hidden_download() -> gr.DownloadButton:
    """Takes the file that an event made; a visible one would need its file before it is clicked."""
    return gr.DownloadButton(elem_classes="fetch")


def download_after(event: Any, button: gr.DownloadButton) -> None:
    """After an event that put a file into the hidden button, have the browser fetch it."""
    event.success(None, button, None, js=in_browser("download"), **EVENT_OPTIONS)
