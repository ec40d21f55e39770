"""The ten things to try first on a card, in one go: `python -m tests.gpu.first_run [--size small] [--only NAME …]`.

Prints a table with what was seen, and what is wrong. Needs no network: the model has random weights, in the shape of
Qwen2.5 0.5B (`small`) or 7B (`7b`). On a CPU, `tiny` runs the same steps to their end, so that none fails on the card
for a reason that has nothing to do with it.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from bitsandbytes.nn import Linear4bit
from torch.nn.functional import scaled_dot_product_attention

from playground.engine.sampler import Sampler, sample_batch
from playground.errors import EngineError, InputError
from playground.gpu import missing_for_training
from playground.memory import free_bytes, peak_bytes
from playground.models.fit import memory_speed
from playground.protocol.sampling import SamplingParams
from playground.training.config import TrainingConfig
from playground.training.jobs.queue import JobQueue
from playground.training.model_limits import check_rank
from tests.gpu.ground import CONTEXT, SIZES, Ground, Wrong, prepare, timed
from tests.support.training_runs import LONG, SHORT, Room, is_gone, wait_until_finished, worker_of

ROWS = 1, 4, 8, 64, 512


def surroundings(ground: Ground) -> str:
    lacking = missing_for_training()
    if lacking:
        raise Wrong(str(lacking))
    if not ground.on_card:
        return f"no card; torch {torch.__version__}, {torch.get_num_threads()} threads"
    name, total = torch.cuda.get_device_name(), torch.cuda.mem_get_info()[1]
    return (
        f"{name}, {total / 2**30:.0f} GiB, torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN "
        f"{torch.backends.cudnn.version()}, bf16 {torch.cuda.is_bf16_supported(including_emulation=False)}"
    )


def four_bit(ground: Ground) -> str:
    """Products of 4-bit weights are right and the same each time; from how many rows on does a row's own change?"""
    torch.manual_seed(0)
    plain, states = torch.randn(256, 512) / 20, torch.randn(max(ROWS), 512)
    layer = Linear4bit(512, 256, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")
    layer.load_state_dict({"weight": plain})
    layer, states = layer.to(ground.device), states.to(ground.device, torch.bfloat16)
    first = [layer(states[:rows])[0] for rows in ROWS]
    exact = states[0].float() @ plain.to(ground.device).T
    off = [float((one.float() - exact).norm() / exact.norm()) for one in first]
    if max(off) > 0.2:
        raise Wrong(f"off by {max(off):.2f} of the norm")
    if not all(torch.equal(layer(states[:rows])[0], one) for rows, one in zip(ROWS, first, strict=True)):
        raise Wrong("the same product gave other bits")
    changed = [rows for rows, one in zip(ROWS, first, strict=True) if not torch.equal(one, first[0])]
    return f"off by {max(off):.3f}; a row's bits change at {changed or 'no'} rows"


def attention(ground: Ground) -> str:
    """A length that was not seen before costs no more than a known one; keys that heads share are read once."""
    query = torch.randn(16, 8, 1, 64, device=ground.device, dtype=torch.bfloat16)
    keys = torch.randn(16, 2, CONTEXT, 64, device=ground.device, dtype=torch.bfloat16)

    def took(length: int) -> float:
        mask = torch.zeros(16, 1, 1, length, device=ground.device, dtype=torch.bfloat16)
        seen = keys[:, :, :length]
        return timed(ground, lambda: scaled_dot_product_attention(query, seen, seen, attn_mask=mask, enable_gqa=True))

    took(1000)
    new = sorted(took(length) for length in range(1001, 1021))[10]
    known = sorted(took(1020) for _ in range(20))[10]
    if ground.on_card and new > 3 * known:
        raise Wrong(f"a new length takes {new / known:.1f} times as long as a known one")
    return f"new length {new * 1e3:.2f} ms, known {known * 1e3:.2f} ms"


def load(ground: Ground) -> str:
    shown = ground.engine.memory_bytes / 2**30
    held = peak_bytes() / 2**30
    if ground.on_card and not 0.5 < shown / (torch.cuda.memory_allocated() / 2**30) <= 1.05:
        raise Wrong(f"{shown:.2f} GiB shown, {torch.cuda.memory_allocated() / 2**30:.2f} in use")
    first, _ = ground.seconds([ground.ask(1)])
    return f"loaded in {ground.load_s:.1f} s, {shown:.2f} GiB shown, {held:.2f} held at most, first word {first:.2f} s"


def speed(ground: Ground) -> str:
    """Of what reading the weights allows, and beside transformers' own `generate`."""
    tokens = 16 if ground.size == "tiny" else 128
    ground.seconds([ground.ask(8)])
    rates = {}
    for many in (1, 16, 64):
        took, _ = ground.seconds([ground.ask(tokens, seed=seed) for seed in range(many)])
        rates[many] = many * tokens / took
    share = rates[1] * ground.engine.memory_bytes / memory_speed()
    drawn = [ground.ask(sampling=SamplingParams(tokens, 0.8, 0.9, 0, seed=seed)) for seed in range(16)]
    slow, _ = ground.seconds(drawn)
    prompt, _ = ground.seconds([ground.ask(1, prompt=CONTEXT // 8)])
    return (
        f"{rates[1]:.0f}, {rates[16]:.0f}, {rates[64]:.0f} tokens/s for 1, 16, 64; {share:.2f} of the memory's speed; "
        f"16 with top_p alone {16 * tokens / slow:.0f}; a prompt {CONTEXT / 8 / prompt:.0f} tokens/s"
    )


def sampling(ground: Ground) -> str:
    logits = torch.randn(16, SIZES[ground.size][-1], device=ground.device)
    told = []
    for name, way in {"greedy": (0.0, 1.0, 0), "top_k": (0.8, 1.0, 50), "top_p": (0.8, 0.9, 0)}.items():
        samplers = [Sampler(SamplingParams(8, *way, seed=seed), []) for seed in range(16)]
        sample_batch(samplers, logits)
        told.append(f"{name} {timed(ground, lambda samplers=samplers: sample_batch(samplers, logits)) * 1e3:.1f} ms")
    return "a choice for 16: " + ", ".join(told)


def receipts(ground: Ground) -> str:
    """The base is the same bits before and after swaps; an adapter changes something; is it the same in a crowd?"""
    before = ground.seconds([ground.ask()])[1]
    for round_ in range(2):
        for seed in range(4):
            key = f"{round_}-{seed}"
            receipt = ground.engine.load_adapter(key, ground.adapter(f"swap-{seed}", 8, seed))
            if not receipt.base_unchanged or not receipt.max_logit_change > 0:
                raise Wrong(f"receipt of swap {key}: {receipt}")
            ground.engine.unload_adapter(key)
    if ground.seconds([ground.ask()])[1] != before:
        raise Wrong("the base says something else after the swaps")
    crowd = ground.seconds([ground.ask(), *(ground.ask(seed=seed) for seed in range(2, 9))])[1][0]
    return f"8 of 8 receipts; alone and among eight it says {'the same' if [crowd] == before else 'something else'}"


def memory(ground: Ground) -> str:
    """More than fits is told in a sentence, the next request is answered, and what was held is given back."""
    kept, room = ground.engine.status().kept_bytes, ground.engine.context_length
    many = [ground.ask(16, prompt=room - 16, seed=seed) for seed in range(64 if ground.on_card else 2)]
    for stream in [ground.engine.submit(one) for one in many]:
        try:
            stream.result(600)
        except EngineError as error:
            if "memory" not in str(error):
                raise
    if not ground.seconds([ground.ask(4)])[1][0]:
        raise Wrong("nothing was said after that")
    held = torch.cuda.memory_reserved() - torch.cuda.memory_allocated() if ground.on_card else 0
    if held > 2**30:
        raise Wrong(f"{held / 2**30:.1f} GiB are held and not used while nobody is answered")
    return f"{free_bytes() / 2**30:.1f} GiB free, of which {kept / 2**30:.1f} are kept for visitors"


def training(ground: Ground) -> str:
    """In a process of its own, beside a visitor who asks meanwhile; it is gone afterwards, and the loss has fallen."""
    room = Room(ground.folder / "room", ground.model)
    jobs: JobQueue = room.open()
    try:
        job_id = room.start(jobs, (SHORT if ground.size == "tiny" else LONG).model_copy(update={"max_steps": 20}))
        pid, slowest = worker_of(jobs), 0.0
        while jobs.get("ann", job_id)["state"] not in ("done", "failed", "stopped"):
            slowest = max(slowest, ground.seconds([ground.ask(4)])[0])
        state = wait_until_finished(jobs, job_id)
    finally:
        jobs.close()
    if state["state"] != "done":
        raise Wrong(f"the run ended so: {state['message']}")
    if not is_gone(pid):
        raise Wrong("its process is still there")
    return f"20 steps, loss {state['loss']:.2f}, a visitor waited {slowest:.2f} s at most for four words"


def adapters(ground: Ground) -> str:
    """What could not be served is refused with the rank that could be; eight are answered from at once."""
    info = ground.loaded.info.model_copy(update={"max_adapter_numbers": ground.engine.max_adapter_numbers})
    most = info.max_adapter_numbers // sum(info.lora_widths.values())
    if most < TrainingConfig().r:
        raise Wrong(f"a rank of {most} is all that can be held")
    if most < 256:
        try:
            check_rank(TrainingConfig(r=most + 1), info)
            raise Wrong(f"r={most + 1} was not refused")
        except InputError:
            pass
    for seed in range(8):
        ground.engine.load_adapter(f"at-once-{seed}", ground.adapter(f"swap-{seed}", 8, seed))
    plain, _ = ground.seconds([ground.ask(seed=seed) for seed in range(16)])
    mixed, texts = ground.seconds([ground.ask(seed=seed, adapter=f"at-once-{seed % 8}") for seed in range(16)])
    if not all(texts):
        raise Wrong("one of sixteen said nothing")
    return f"rank {min(most, 256)} at most; sixteen over eight adapters at {plain / mixed:.2f} of the base's speed"


STEPS: tuple[Callable[[Ground], str], ...] = (
    surroundings,
    four_bit,
    attention,
    load,
    speed,
    sampling,
    receipts,
    memory,
    training,
    adapters,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="small" if torch.cuda.is_available() else "tiny")
    parser.add_argument("--only", nargs="+", choices=[step.__name__ for step in STEPS], default=None)
    asked = parser.parse_args()
    failed = 0
    with TemporaryDirectory() as folder:
        ground = prepare(Path(folder), asked.size)
        print("| step | seen | seconds |\n|---|---|---|", flush=True)
        for step in STEPS:
            if asked.only and step.__name__ not in asked.only:
                continue
            began = time.perf_counter()
            try:
                seen = step(ground)
            except Exception as error:
                failed += 1
                seen = f"**wrong**: {type(error).__name__}: {error}"
            print(f"| {step.__name__} | {seen} | {time.perf_counter() - began:.0f} |", flush=True)
        ground.engine.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
