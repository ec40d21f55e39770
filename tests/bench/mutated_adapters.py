"""Wrong adapters through the page's own import: `python -m tests.bench.mutated_adapters [--count 2000] [--seed 0]`.

Every one must be taken or refused with one plain sentence, soon, with nothing left behind and the base model as it
was. Prints one Markdown table, then what went wrong; the exit code is 1 where anything did.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

from playground.errors import AdapterError
from playground.models.loader import LoadedModel, load_model
from playground.service.services import Services
from tests.support.adapter_file_mutations import Parts
from tests.support.adapter_mutations import mutated
from tests.support.exchange import host_of, running_services, store_of
from tests.support.tiny import make_adapter, make_llama

OWNER = "somebody"
HANGS_S = 10.0
TOKENS = torch.tensor([[5, 80, 33, 301, 9, 77, 250, 41]])


@dataclass
class Found:
    """What became of the mutations; `wrong` lists whatever must not be."""

    said: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    grown_bytes: int = 0
    base_same: bool = False


def attack(loaded: LoadedModel, folder: Path, count: int, seed: int) -> Found:
    """Import `count` mutations, each made from its own number, into a live model; `folder` is empty."""
    found = Found()
    before = _logits(loaded)
    temporary = folder / "temporary"
    temporary.mkdir()
    (folder / "data").mkdir()
    kept, tempfile.tempdir = tempfile.tempdir, str(temporary)
    try:
        with running_services(loaded, folder / "data") as services, ThreadPoolExecutor(1) as thread:
            goods = _good_ones(services, loaded.info.folder, folder)
            for number in range(count):
                chance = random.Random(f"{seed}/{number}")
                name, raw = mutated(chance.choice(goods), chance)
                path = folder / f"{chance.choice(('adapter', 'base', 'a' * 90, 'x y'))}.zip"
                path.write_bytes(raw)
                thread.submit(_one, services, path, f"{number} {name}", found).result(HANGS_S)
                path.unlink()
                if number == min(50, count // 2):  # what the libraries keep for themselves is there by now
                    settled = psutil.Process().memory_info().rss
            found.grown_bytes = psutil.Process().memory_info().rss - settled
    finally:
        tempfile.tempdir = kept
    found.base_same = torch.equal(before, _logits(loaded))
    return found


def _one(services: Services, path: Path, label: str, found: Found) -> None:
    start, there = time.perf_counter(), _files(path.parent)
    try:
        card = asyncio.run(services.adapters.import_adapter(OWNER, "Imported", path, anyway=True))
    except AdapterError as error:
        found.said[error.sentence.msgid] += 1
        sentence = str(error)
        if not sentence.isprintable() or "<" in sentence:
            found.wrong.append(f"{label}: says {sentence!a}")
    except Exception as error:
        found.wrong.append(f"{label}: {type(error).__name__}: {str(error)[:200]!a}")
    else:
        found.said["taken"] += 1
        services.adapters.load(OWNER, card)
        if card.receipt is None or not card.receipt.base_unchanged:
            found.wrong.append(f"{label}: the base model answers differently")
        services.adapters.delete_adapter(OWNER, card.id)
    took = time.perf_counter() - start
    found.slowest_s = max(found.slowest_s, took)
    if took > HANGS_S:
        found.wrong.append(f"{label}: took {took:.1f} s")
    if _files(path.parent) != there or host_of(services).status().adapters_resident:
        found.wrong.append(f"{label}: left something behind")


def _good_ones(services: Services, model: Path, folder: Path) -> list[Parts]:
    """Two adapters that are taken as they are, as the page exports them."""
    rich = {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.mlp.down_proj": 3}, "use_rslora": True}
    made = [
        make_adapter(model, folder / "simple"),
        make_adapter(model, folder / "rich", 2, ("q_proj", "o_proj", "gate_proj", "down_proj"), **rich),
    ]
    goods = []
    for source in made:
        card = store_of(services).publish(OWNER, source.name, source, base_model="tiny")
        path = Path(services.downloads.zipped(OWNER, card.id))
        store_of(services).delete(OWNER, card.id)
        with zipfile.ZipFile(path) as archive:
            goods.append({name: archive.read(name) for name in archive.namelist()})
        again = asyncio.run(services.adapters.import_adapter(OWNER, "Good", path))
        services.adapters.delete_adapter(OWNER, again.id)
    return goods


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _logits(loaded: LoadedModel) -> torch.Tensor:
    with torch.no_grad():
        return loaded.model(TOKENS).logits


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=0)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_model(str(make_llama(Path(folder) / "model")), "none")
        (Path(folder) / "run").mkdir()
        found = attack(loaded, Path(folder) / "run", options.count, options.seed)
    print("| what became of it | mutations |\n|---|---|")
    for said, times in found.said.most_common():
        print(f"| {said} | {times} |")
    print(f"| went wrong | {len(found.wrong)} |")
    print(f"| the slowest | {found.slowest_s:.2f} s |")
    print(f"| memory grown since the 50th | {found.grown_bytes / 2**20:.0f} MiB |")
    print(f"| the base's logits | {'the same bits' if found.base_same else 'CHANGED'} |")
    print("\n".join(found.wrong[:50]))
    return 1 if found.wrong or not found.base_same else 0


if __name__ == "__main__":
    sys.exit(main())
