"""Asks the API as a program with its own HTTP does."""

import json
import urllib.request

from tests.support.running_app import RunningApp


def raw_call(app: RunningApp, name: str, body: str, version: str = "", language: str = "en") -> str:
    """Call an endpoint with a body of our own, in "v2/" by the names of parameters; returns the whole event stream."""
    url = f"{app.url}/gradio_api/call/{name}"
    headers = {"Content-Type": "application/json", "Accept-Language": language}
    request = urllib.request.Request(f"{app.url}/gradio_api/call/{version}{name}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=60) as stream:
        return str(stream.read().decode())
