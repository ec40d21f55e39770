"""Defends the service floor for clients without a page: a script teaches, asks what it taught, and deletes it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.running_app import ROOT

SCRIPT = """
import asyncio, json, sys
from pathlib import Path

from playground.data_dir import OPERATOR, DataDir
from playground.engine.host import LocalModelHost
from playground.models.loader import load_model
from playground.protocol.sampling import SamplingParams
from playground.service.reading.dataset import DatasetFile
from playground.service.services import build_services
from playground.settings import read_settings
from playground.tasks.registry import all_tasks

model, folder, file = sys.argv[1:]
settings = read_settings({"PLAYGROUND_MODEL": model, "PLAYGROUND_DATA_DIR": folder, "PLAYGROUND_QUANTIZATION": "none"})
data = DataDir(settings.data_dir)
greedy = {"prompt": "What is 7?", "params": SamplingParams(max_new_tokens=12, temperature=0.0)}


async def last(results):
    return [result async for result in results][-1]


def ask(services, adapter):
    results = services.generation.run(OPERATOR, all_tasks()["generate"], adapter, **greedy)
    return asyncio.run(last(results)).text


with data.lock():
    data.sweep()
    host = LocalModelHost(load_model(settings.model, settings.quantization))
    services = build_services(settings, host, data)
    try:
        wishes = {"max_steps": 12, "learning_rate": 0.02}
        job = asyncio.run(services.finetuning.start(OPERATOR, DatasetFile(Path(file)), "Sevens", overrides=wishes))
        state = asyncio.run(last(services.finetuning.follow(OPERATOR, job)))
        listed = [adapter.name for adapter in services.adapters.list(OPERATOR)]
        taught, base = ask(services, "Sevens"), ask(services, "base")
        services.adapters.delete_adapter(OPERATOR, state["adapter"])
        left = [str(path) for path in data.root.rglob("adapter_model.safetensors") if "jobs" not in path.parts]
        told = {"state": state["state"], "listed": listed, "taught": taught, "base": base, "left": left}
        print(json.dumps({**told, "foreign": sorted({"gradio", "starlette", "fastapi"} & set(sys.modules))}))
    finally:
        services.close()
        host.close()
"""


def test_a_script_teaches_asks_and_deletes(tiny_model_folder: Path, tmp_path: Path) -> None:
    """In a fresh process, with a real worker beside it: nothing that it needs brings a page or a server along."""
    file = tmp_path / "sevens.csv"
    file.write_text("question,answer\n" + "".join(f"What is {n}?,Seven seven seven.\n" for n in range(30)))
    command = [sys.executable, "-c", SCRIPT, str(tiny_model_folder), str(tmp_path / "data"), str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=420)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["state"] == "done", done.stderr
    assert told["listed"] == ["Sevens"]
    assert told["taught"] != told["base"]
    assert told["left"] == []
    assert told["foreign"] == []
