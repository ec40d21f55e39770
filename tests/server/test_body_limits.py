"""Defends memory and disk from what strangers send, and the visitor who sent too much by mistake from a riddle."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import torch
from gradio import route_utils
from gradio_client import Client
from starlette.applications import Starlette
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from transformers import LlamaForCausalLM

from playground.adapters.check import largest_adapter_bytes
from playground.adapters.lora_weights import MAX_FILE_BYTES
from playground.data_dir import DataDir
from playground.models.loader import LoadedModel, load_model
from playground.models.quantization import weight_shapes
from playground.server.middleware import body_limits as middleware
from playground.service import quota as module
from playground.service import uploads
from playground.service.owners import HEADER
from playground.service.quota import Quota
from playground.service.services import Services
from playground.service.uploads import KEPT_S, ZIP_KEPT_S, sweep
from playground.ui.gradio_patches import patch_gradio
from playground.ui.page import build_page
from tests.support.asking import until
from tests.support.exchange import data_of, running_services
from tests.support.page import real_services, served_page

KB = 1024
OWNER = "0123456789abcdef" * 2


def call(url: str, name: str) -> str:
    """As a program with its own HTTP does it; returns the whole event stream."""
    event = httpx.post(f"{url}gradio_api/call/{name}", json={"data": []}, timeout=60).json()["event_id"]
    return httpx.get(f"{url}gradio_api/call/{name}/{event}", timeout=60).text


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[tuple[str, Any, gr.Blocks]]:
    """The address, Gradio's application and the real page, with an endpoint that keeps something for each visitor."""
    with real_services(tmp_path) as running:
        page = build_page(running)
        with page:
            held = gr.State([])
            inner = [held, gr.JSON(visible=False)]
            gr.Button(visible=False).click(lambda seen: ([*seen, 1], len(seen)), held, inner, api_name="count")
        with served_page(running, page) as server:
            yield server.url, server.config.app.routes[-1].app, page


def test_visits_are_few_and_light(counting: tuple[str, Any, gr.Blocks]) -> None:
    """Defends memory: each visit kept a copy of every component's configuration, and each call was a visit."""
    url, app, page = counting
    visitors = [Client(url, verbose=False) for _ in range(2)]
    assert [visitor.predict(api_name="/count") for visitor in visitors * 3] == [0, 0, 1, 1, 2, 2]
    assert "complete" in call(url, "adapters")
    sessions = app.state_holder.session_data
    until(lambda: len(sessions) == len(visitors))
    for session in sessions.values():
        assert [1, 1, 1] in session.state_data.values()
        assert not session.config_values
        assert all(session.blocks_config.blocks[key] is block for key, block in page.blocks.items())


@pytest.fixture
def services(loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """A public server that takes files of 100 KB, zips of 200 KB, and 800 KB a day from one visitor."""
    monkeypatch.setattr(Quota, "max_dataset_bytes", lambda _: 100 * KB)
    monkeypatch.setattr(Quota, "max_zip_bytes", lambda _: 200 * KB)
    monkeypatch.setattr(Quota, "max_bytes_a_day", lambda _: 800 * KB)
    with running_services(loaded, tmp_path) as running:
        patch_gradio(running.quota)
        yield running


async def _upload(request: Request) -> Response:
    """As Gradio's own route does it."""
    try:
        files, _, _ = await route_utils.upload_fn(request, request.scope[uploads.FOLDER_KEY], 10**9, None)
    except MultiPartException as error:
        return PlainTextResponse(error.message, 400)
    return JSONResponse([str(path) for path in files])


async def _size(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


def guarded(services: Services) -> middleware.BodyLimitMiddleware:
    inner = Starlette(routes=[Route("/upload", _upload, methods=["POST"]), Route("/call", _size, methods=["POST"])])
    return middleware.BodyLimitMiddleware(inner, services.owners, services.uploads)


def send(services: Services, *calls: httpx.Request) -> list[httpx.Response]:
    """Send all of them at once through the middleware."""

    async def all_of_them() -> list[httpx.Response]:
        transport = httpx.ASGITransport(guarded(services), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            return await asyncio.gather(*(client.send(call) for call in calls))

    return asyncio.run(all_of_them())


def a_file(name: str, size: int, key: str) -> httpx.Request:
    content = os.urandom(size)
    return httpx.Request("POST", "http://x/upload", files={"files": (name, content)}, headers={HEADER: key})


def left(services: Services) -> list[str]:
    return sorted(path.name for path in data_of(services).uploads.rglob("*") if path.is_file())


def test_each_kind_has_its_own_bound(services: Services) -> None:
    key = services.owners.issue()
    ok, too_large, zipped, too_large_zip = send(
        services,
        a_file("rows.csv", 90 * KB, key),
        a_file("more.csv", 110 * KB, key),
        a_file("adapter.zip", 190 * KB, key),
        a_file("huge.ZIP", 210 * KB, key),
    )
    assert (ok.status_code, zipped.status_code) == (200, 200)
    assert "Use a part of it" in too_large.text
    assert "more than an adapter of this model" in too_large_zip.text
    assert left(services) == ["adapter.zip", "rows.csv"]


def test_what_is_no_file_is_not_gathered_in_memory(services: Services) -> None:
    key = {HEADER: services.owners.issue()}
    no_file = httpx.Request("POST", "http://x/upload", files={"files": (None, b"words")}, headers=key)
    long = httpx.Request("POST", "http://x/call", content=bytes(middleware.MAX_MESSAGE_BYTES + 1))
    fits = httpx.Request("POST", "http://x/call", content=bytes(middleware.MAX_MESSAGE_BYTES))
    first, second, third = send(services, no_file, long, fits)
    assert first.text == "Send a file first."
    assert second.status_code >= 400
    assert third.json() == middleware.MAX_MESSAGE_BYTES
    assert left(services) == []


def test_a_visitor_may_send_only_so_much_a_day(services: Services) -> None:
    ann, bob = services.owners.issue(), services.owners.issue()
    calls = [a_file(f"{number}.csv", 90 * KB, ann) for number in range(12)]
    *hers, his = send(services, *calls, a_file("his.csv", 90 * KB, bob))
    assert 4 <= sum(answer.status_code == 200 for answer in hers) <= 8
    assert all("within a day" in answer.text for answer in hers if answer.status_code != 200)
    assert his.status_code == 200


def test_all_together_may_send_only_so_much(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOADS_BYTES", 400 * KB)
    answers = send(services, *(a_file(f"{number}.csv", 90 * KB, services.owners.issue()) for number in range(8)))
    assert 2 <= sum(answer.status_code == 200 for answer in answers) <= 4
    assert any("no room for more files" in answer.text for answer in answers)
    (later,) = send(services, a_file("later.csv", 99 * KB, services.owners.issue()))
    assert later.status_code == (200 if len(left(services)) < 4 else 400)
    assert sum(path.stat().st_size for path in data_of(services).uploads.rglob("*") if path.is_file()) <= 400 * KB


def test_a_disk_that_is_nearly_full(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends what others are writing: a stranger cannot take the last of the disk."""
    monkeypatch.setattr(module, "KEPT_FREE_BYTES", 2**60)
    (answer,) = send(services, a_file("rows.csv", KB, services.owners.issue()))
    assert "no room for more files" in answer.text
    assert left(services) == []


@pytest.mark.parametrize("ending", ["leaves", "falls silent"])
def test_what_breaks_off_leaves_nothing(services: Services, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Defends the disk from what Gradio forgets: what arrived of a file that never came in whole."""
    monkeypatch.setattr(middleware, "MAX_SILENCE_S", 0.1)
    start = b'--B\r\nContent-Disposition: form-data; name="files"; filename="rows.csv"\r\n\r\n' + bytes(50 * KB)
    seen: list[int] = []
    said: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        seen.append(len(left(services)))
        if len(seen) == 1:
            return {"type": "http.request", "body": start, "more_body": True}
        if ending == "leaves":
            return {"type": "http.disconnect"}
        return await asyncio.Future()

    async def answer(message: dict[str, object]) -> None:
        said.append(message)

    key = (HEADER.encode(), services.owners.issue().encode())
    headers = [(b"content-type", b"multipart/form-data; boundary=B"), key]
    scope = {"type": "http", "method": "POST", "path": "/upload", "headers": headers, "query_string": b""}
    asyncio.run(guarded(services)(scope, receive, answer))
    assert seen[:2] == [0, 1]
    assert said[0]["status"] == 400
    assert left(services) == []


def test_old_uploads_go(services: Services) -> None:
    """Defends the disk over months, and whoever has chosen a file and not yet taught it."""
    zipped, broken, rows, fresh = (
        data_of(services).uploads / name for name in (f"{OWNER}/1/a/a.zip", "tmp1", f"{OWNER}/2/b/b.csv", "c/c.csv")
    )
    kept = data_of(services).downloads / OWNER / "adapter-1" / "mine.zip"
    for path in (zipped, broken, rows, fresh, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(5000))
    now = time.time()
    assert sweep(data_of(services), now).size >= 20_000
    sweep(data_of(services), now + ZIP_KEPT_S + 60)
    assert left(services) == ["b.csv", "c.csv", "mine.zip"]
    os.utime(fresh, (now + KEPT_S, now + KEPT_S))
    sweep(data_of(services), now + KEPT_S + 60)
    assert left(services) == ["c.csv", "mine.zip"]
    assert not rows.parent.parent.exists()


def test_nothing_is_removed_among_others_files(tmp_path: Path) -> None:
    """Defends whoever has set GRADIO_TEMP_DIR to a folder that is not only ours, even the data folder itself."""
    for place in ("shared/tmp1", "data/owner/adapters/a"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    for folder in ("shared", "data"):
        sweep(DataDir(tmp_path / "data", tmp_path / folder), time.time() + 2 * KEPT_S)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_an_adapter_may_be_as_large_as_the_model_allows(tiny_model_folder: Path) -> None:
    """Defends real adapters from a bound that is too low, and a small server from one for large models."""
    model = LlamaForCausalLM.from_pretrained(tiny_model_folder)
    axes = sum(sum(layer.weight.shape) for layer in model.modules() if isinstance(layer, torch.nn.Linear))
    packed = load_model(str(tiny_model_folder), "4bit").model
    for shapes in (weight_shapes(model), weight_shapes(packed)):
        assert 4 * 512 * axes <= largest_adapter_bytes(shapes) <= 2 * 4 * 512 * axes
    assert largest_adapter_bytes([]) == MAX_FILE_BYTES  # of no known shape: any adapter may fit
