"""Defends programs of others that speak OpenAI's API: LiteLLM, and lm-eval, which measures models by scores.

They bring much that nothing else here needs, so they run where `PLAYGROUND_TEST_CLIENTS` names a Python that has them
(`pip install litellm "lm-eval[api]"`).
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.running_app import RunningApp
from tests.support.tiny_model import TINY

PYTHON = os.environ.get("PLAYGROUND_TEST_CLIENTS", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="PLAYGROUND_TEST_CLIENTS names no Python")]

LITELLM = """
import sys, litellm
asked = dict(model="openai/base", api_base=sys.argv[1], messages=[{"role": "user", "content": "Tell me of the sea."}])
asked |= dict(api_key=sys.argv[2], temperature=0, max_tokens=12)
whole = litellm.completion(**asked).choices[0].message.content
parts = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(stream=True, **asked)]
assert "".join(parts) == whole, (parts, whole)
print(whole)
"""
TASK = """
task: animals
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{rows}"}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
doc_to_choice: choices
metric_list: [{{metric: acc}}]
"""


def run(*command: str, cwd: Path) -> str:
    offline = {"HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [PYTHON, *command], cwd=cwd, env={**os.environ, **offline}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_litellm(app: RunningApp, ann: object, tmp_path: Path) -> None:
    key = ann.http.headers["x-playground-key"]  # type: ignore[attr-defined]
    assert run("-c", LITELLM, f"{app.url}/v1", key, cwd=tmp_path).strip()


def test_lm_eval(app: RunningApp, tmp_path: Path) -> None:
    """A task of a dozen questions, answered by which continuation is likelier."""
    rows = [
        {"question": f"The {animal} says", "choices": [f" {one}" for one in ("woof", "meow", "moo")], "answer": place}
        for _ in range(4)
        for place, animal in enumerate(("dog", "cat", "cow"))
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "animals.yaml").write_text(TASK.format(rows=tmp_path / "rows.jsonl"), encoding="utf-8")
    settings = f"model=base,base_url={app.url}/v1/completions,tokenizer={TINY},num_concurrent=2,max_length=512"
    told = run(
        *("-m", "lm_eval", "--model", "local-completions", "--model_args", settings),
        *("--tasks", "animals", "--include_path", "tasks", "--output_path", "results"),
        cwd=tmp_path,
    )
    (result,) = (tmp_path / "results").rglob("results*.json")
    measured = json.loads(result.read_text(encoding="utf-8"))
    assert 0 <= measured["results"]["animals"]["acc,none"] <= 1
    assert measured["n-samples"]["animals"]["effective"] == 12, told
