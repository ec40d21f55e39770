"""One who asks the app from an address of their own, in the soak."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from playground.service.owners import HEADER


class Refused(Exception):
    """The app's own sentence about why not now."""


class Lost(Exception):
    """No answer, or one that no visitor should see."""


@dataclass
class Stage:
    """Where the app is, and whether it lives; what fails while it does not is no fault."""

    url: str = ""
    pid: int = 0
    lives: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self.lives.set()

    def end(self) -> None:
        self.lives.clear()


class Client:
    """One address, with a key or without."""

    def __init__(self, stage: Stage, address: str, key: str = "") -> None:
        self.stage = stage
        self.headers = {"x-forwarded-for": address, **({HEADER: key} if key else {})}

    async def ask(self, endpoint: str, *values: Any, leave: bool = False, limit_s: float = 120) -> tuple[float, Any]:
        """Seconds until the first word, and what the last event holds; with `leave` it goes once that word is there."""
        began, first, kind, data = time.perf_counter(), 0.0, "", ""
        async with httpx.AsyncClient(base_url=self.stage.url, headers=self.headers, timeout=limit_s) as http:
            begun = await http.post(f"/gradio_api/call/{endpoint}", json={"data": values})
            if begun.status_code in (429, 503):
                raise Refused(begun.text)
            if begun.status_code != 200:
                raise Lost(f"{endpoint}: {begun.status_code} {begun.text[:200]}")
            event = begun.json()["event_id"]
            async with http.stream("GET", f"/gradio_api/call/{endpoint}/{event}") as told:
                async for line in told.aiter_lines():
                    if line.startswith("event: "):
                        kind = line[7:]
                    elif line.startswith("data: ") and kind != "heartbeat":
                        first, data = first or time.perf_counter() - began, line[6:]
                        if leave:
                            return first, None
        if kind == "error":
            said = str(json.loads(data) or "")
            raise (Lost if not said or "went wrong" in said else Refused)(said)
        if kind != "complete":
            raise Lost(f"{endpoint}: ended with {kind or 'nothing'}")
        return first, json.loads(data)[0]

    async def upload(self, name: str, content: bytes) -> str:
        async with httpx.AsyncClient(base_url=self.stage.url, headers=self.headers, timeout=120) as http:
            sent = await http.post("/gradio_api/upload", files={"files": (name, content)})
        if sent.status_code != 200:
            raise (Refused if sent.status_code in (413, 429, 503) else Lost)(f"upload: {sent.status_code} {sent.text}")
        return str(sent.json()[0])
