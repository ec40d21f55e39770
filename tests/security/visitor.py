"""One visitor of a running app, as a program with its own HTTP; each keeps to one key, or to none."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from playground.service.owners import HEADER


class Visitor:
    """Asks the app; `with_key` has it issue a key first."""

    def __init__(self, url: str, headers: Mapping[str, str] = {}) -> None:
        self.http = httpx.Client(base_url=url, headers=dict(headers), timeout=60)

    @classmethod
    def with_key(cls, url: str) -> "Visitor":
        return cls(url, {HEADER: cls(url).result("new_key")})

    def call(self, endpoint: str, *values: Any) -> str:
        """Begin a call; returns the event by which its answer is fetched."""
        begun = self.http.post(f"/gradio_api/call/{endpoint}", json={"data": values})
        begun.raise_for_status()
        return str(begun.json()["event_id"])

    def answer(self, endpoint: str, event: str) -> tuple[str, Any]:
        """The last event's name and data; ("404", …) where there is none for this visitor."""
        found = self.http.get(f"/gradio_api/call/{endpoint}/{event}")
        if found.status_code != 200:
            return str(found.status_code), found.text
        kinds = [line.removeprefix("event: ") for line in found.text.splitlines() if line.startswith("event: ")]
        told = [line.removeprefix("data: ") for line in found.text.splitlines() if line.startswith("data: ")]
        return kinds[-1], json.loads(told[-1])

    def result(self, endpoint: str, *values: Any) -> Any:
        kind, data = self.answer(endpoint, self.call(endpoint, *values))
        assert kind == "complete", (kind, data)
        return data[0] if data else None

    def upload(self, name: str, content: bytes) -> str:
        """Returns the path by which it is named from then on."""
        sent = self.http.post("/gradio_api/upload", files={"files": (name, content)})
        sent.raise_for_status()
        return str(sent.json()[0])

    def fetch(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(f"/gradio_api/file={path}", headers=headers)

    def event(self, session: str, name: str, *values: Any) -> dict[str, Any]:
        """One of the page's own events by its function's name; returns what the page is told at its end."""
        found = self.http.get("/config").json()["dependencies"]
        place = next(one["id"] for one in found if one["api_name"] == name)
        self.http.post(
            "/gradio_api/queue/join", json={"data": values, "fn_index": place, "session_hash": session}
        ).raise_for_status()
        return self.ended(session)

    def ended(self, session: str) -> dict[str, Any]:
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            stream.raise_for_status()
            for line in stream.iter_lines():
                told = json.loads(line.removeprefix("data: ")) if line else {}
                if told.get("msg") == "process_completed":
                    return dict(told)
        raise AssertionError("the stream ended before the event")


def as_file(path: str) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
