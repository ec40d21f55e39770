"""What whoever runs the server is told: whether it is well, what is asked of it, who asked, and what is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from playground.server.check import lacks
from playground.service.owners import OPERATOR_HEADER
from playground.settings import read_settings
from tests.security.visitor import Visitor
from tests.support.running_app import ROOT, RunningApp, running_app

KEY = "operator-key-of-the-test"
WRITTEN = "a sentence that nobody is to read in a log"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("operator")
    with running_app(
        folder, PLAYGROUND_MODE="public", PLAYGROUND_OPERATOR_KEY=KEY, PLAYGROUND_ACCESS_LOG="on"
    ) as running:
        yield running


def metrics(app: RunningApp) -> dict[tuple[str, ...], float]:
    told = httpx.get(f"{app.url}/metrics", headers={OPERATOR_HEADER: KEY})
    assert told.status_code == 200
    families = list(text_string_to_metric_families(told.text))
    return {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}


def test_health_is_told_to_everybody(app: RunningApp) -> None:
    told = httpx.get(f"{app.url}/health")
    assert (told.status_code, told.json()) == (200, {"status": "ready", "reasons": []})


def test_what_is_asked_is_counted_for_the_operator_alone(app: RunningApp) -> None:
    visitor = Visitor(app.url)
    before = metrics(app)
    visitor.result("generate", WRITTEN, "base", "", 5, 0.0)
    kind, _ = visitor.answer("translate", visitor.call("translate", WRITTEN, "Klingonese"))
    assert kind == "error"
    now = metrics(app)

    def more(*name: str) -> float:
        return now.get(name, 0.0) - before.get(name, 0.0)

    assert more("playground_requests_total", "answered", "generate") == 1
    assert more("playground_refusals_total", "InputError") == 1
    assert 0 < more("playground_generated_tokens_total") <= 5
    assert more("playground_first_result_seconds_count", "generate") == 1
    assert now["playground_requests_running",] == now["playground_trainings_waiting",] == 0
    assert now["process_resident_memory_bytes",] > 10**8
    assert now["playground_disk_free_bytes",] > 0
    assert WRITTEN not in str(now)
    bearer = {"authorization": f"Bearer {KEY}"}
    assert httpx.get(f"{app.url}/metrics", headers=bearer).status_code == 200
    for headers in ({}, {OPERATOR_HEADER: KEY[:-1]}, {"authorization": KEY[1:]}):
        assert httpx.get(f"{app.url}/metrics", headers=headers).status_code == 404


def test_who_asked_is_logged_without_what_they_wrote(app: RunningApp) -> None:
    visitor = Visitor.with_key(app.url)
    path = visitor.upload("my diary.csv", b"question,answer\na,b\n")
    visitor.fetch(path)
    visitor.http.get("/gradio_api/nothing-of-ours?q=diary")
    visitor.result("generate", WRITTEN, "base", "", 5, 0.0)
    lines = [json.loads(line) for line in app.log.read_text().splitlines() if line.startswith("{")]
    seen = {(line["method"], line["route"], line["status"]) for line in lines}
    assert ("POST", "/gradio_api/call/{api_name}", 200) in seen
    assert ("GET", "/gradio_api/file={path:path}", 200) in seen
    assert ("GET", "", 404) in seen
    assert all(line["address"] == "127.0.0.1" and line["ms"] >= 0 for line in lines)
    for hidden in (WRITTEN, "diary", visitor.http.headers["x-playground-key"]):
        assert hidden not in app.log.read_text()


def test_terms_are_the_operators_where_there_are_some(app: RunningApp) -> None:
    ours = httpx.get(f"{app.url}/terms")
    assert ours.status_code == 200
    assert "Whoever runs this server can read what is kept on it." in ours.text
    (app.data_dir / "terms.md").write_text("# Of *Anna's* school\n\n<script>alert(1)</script>")
    theirs = httpx.get(f"{app.url}/terms").text
    assert "<h1>Of <em>Anna's</em> school</h1>" in theirs
    assert "<script>" not in theirs
    (app.data_dir / "terms.md").unlink()


def test_what_a_public_start_lacks(tmp_path: Path) -> None:
    local = {"PLAYGROUND_DATA_DIR": str(tmp_path)}
    told = " ".join(lacks(read_settings(local), {}))
    for name in ("PLAYGROUND_MODE", "GRADIO_SERVER_NAME", "PLAYGROUND_TRUSTED_PROXIES", "PLAYGROUND_OPERATOR_KEY"):
        assert f"{name} is" in told
    assert "terms.md" in told
    (tmp_path / "terms.md").write_text("Ours")
    public = local | {
        "PLAYGROUND_MODE": "public",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "PLAYGROUND_TRUSTED_PROXIES": "1",
        "PLAYGROUND_OPERATOR_KEY": KEY,
    }
    left = [line for line in lacks(read_settings(public), {}) if "GiB" not in line]  # what this machine has, apart
    assert left == []
    on_a_space = [line for line in lacks(read_settings(public), {"SPACE_ID": "me/mine"}) if "Space" in line]
    assert len(on_a_space) == 1


def test_check_starts_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "app.py", "--check"],
        env={**os.environ, "PLAYGROUND_DATA_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "to look at." in done.stdout
    assert list(tmp_path.iterdir()) == []
