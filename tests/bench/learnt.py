"""How long it takes to say what was learnt: `python -m tests.bench.learnt FILE`, which trains the starter on it.

Prints one Markdown table, then the verdict and what the probes were answered.
"""

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as the app does

from playground.evaluation.forgetting import baseline_cache, measure_forgetting
from playground.evaluation.held_out import compare
from playground.models.loader import load_model
from playground.service.probes import read_probes
from playground.service.reading.dataset import DatasetFile
from playground.service.services import Services
from playground.training.jobs.job import Job
from playground.training.spec import HELD_OUT_FILE, load_examples
from tests.support.exchange import data_of, host_of, running_services, store_of

OWNER = "bench"


def main() -> None:
    arguments = _arguments()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_services(load_model("starter", "auto"), Path(folder), "local") as services,
    ):
        _tell(services, _train(services, arguments.file, arguments.probe))


def _train(services: Services, file: Path, probes: list[str]) -> Job:
    job_id = asyncio.run(services.finetuning.start(OWNER, DatasetFile(file, file.name), "Bench", probes=probes))

    async def follow() -> Any:
        return [state async for state in services.finetuning.follow(OWNER, job_id)][-1]

    last = asyncio.run(follow())
    if last["state"] != "done":
        raise SystemExit(last["message"])
    return services.finetuning._job(OWNER, job_id)


def _tell(services: Services, job: Job) -> None:
    card = services.adapters.get(OWNER, job.state()["adapter"] or "")
    report: Any = card.report
    events = job.log.read()
    ended = next(event.time for event in events if event.state == "done")
    clients = host_of(services).client(OWNER), host_of(services).client(OWNER, store_of(services).key(card))
    held_out = load_examples(job.folder / HELD_OUT_FILE)
    cache = baseline_cache(data_of(services).downloads / "again", "bench")
    lines = [
        ("training, from asking for it to the last step", ended - events[0].time),
        ("from the last step to the verdict", events[-1].time - ended),
        (f"of that: {report['measures'][0]['rows']} rows set aside", _timed(compare(clients, held_out))),
        ("of that: the built-in tasks, base and adapter", _timed(measure_forgetting(clients, cache))),
        ("the same, the base's answers known", _timed(measure_forgetting(clients, cache))),
    ]
    began = time.monotonic()
    step = job.facts()["steps"]
    services.finetuning.publish_step(OWNER, job.job_id, step)
    lines.append((f"another step ({step}) published and measured", time.monotonic() - began))
    print("| what | seconds |\n|---|---|")
    print("\n".join(f"| {name} | {seconds:.1f} |" for name, seconds in lines))
    print(*(sentence["template"].format(**sentence["fields"]) for sentence in report["verdict"]), sep="\n", end="\n\n")
    print(*(f"{measure}" for measure in (*report["measures"], *report["skills"])), sep="\n", end="\n\n")
    print(*(f"step {probed.step}: {' | '.join(probed.answers)}" for probed in read_probes(job.folder)), sep="\n")


def _timed(asking: Any) -> float:
    began = time.monotonic()
    asyncio.run(asking)
    return time.monotonic() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.learnt", description=__doc__)
    parser.add_argument("file", type=Path, help="examples, such as assets/examples/pirate_talk.csv")
    parser.add_argument("--probe", action="append", default=["How are you?"], help="a question to watch")
    return parser.parse_args()


if __name__ == "__main__":
    main()
