"""One model as people have it on their disks, as safetensors, GGUF and 4-bit bitsandbytes: the same answers, and the
packed one is taught and swapped as it is. On a tiny model always, and on a real one where there is one."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from playground.engine.llm_engine import LLMEngine
from playground.models.convert_gguf import convert
from playground.models.download import Progress
from playground.models.loader import LoadedModel, load_model
from playground.protocol.messages import Message
from playground.protocol.requests import GenerateRequest
from playground.protocol.sampling import SamplingParams
from playground.training.config import TrainingConfig
from playground.training.jobs.checkpoints import CHECKPOINTS_FOLDER, whole_checkpoints
from playground.training.tokenization import tokenize_examples
from playground.training.worker.dataset import dataset_of
from playground.training.worker.run import Run
from playground.training.worker.trainer import train
from tests.support.gguf import write_gguf
from tests.support.tiny_model import TINY
from tests.support.training_runs import examples

QUESTION: list[Message] = [{"role": "user", "content": "What is the capital of France?"}]
VALUES = TrainingConfig(max_steps=4, r=4, lora_alpha=8, learning_rate=5e-3, per_device_train_batch_size=2)


@pytest.fixture(scope="module", params=["tiny", "real"])
def original(request: pytest.FixtureRequest) -> Path:
    return TINY if request.param == "tiny" else Path(request.getfixturevalue("real_model_folder"))


@pytest.fixture(scope="module")
def gguf(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if original == TINY:
        return write_gguf(TINY, tmp_path_factory.mktemp("gguf") / "Tiny-F32.gguf")
    file = os.environ.get("PLAYGROUND_TEST_GGUF")
    if not file:
        pytest.skip("no GGUF file of the real model: name it in PLAYGROUND_TEST_GGUF")
    return Path(file)


@pytest.fixture(scope="module")
def packed(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As people share them: nested scales, 16 bits for what is computed with."""
    folder = tmp_path_factory.mktemp("packed") / "model-bnb-4bit"
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )
    model = AutoModelForCausalLM.from_pretrained(original, quantization_config=four_bits, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    for pattern in ("*token*", "*.jinja"):
        for path in original.glob(pattern):
            shutil.copy(path, folder)
    return folder


def answer(engine: LLMEngine, loaded: LoadedModel, adapter: str = "base") -> str:
    prompt = tuple(loaded.tokenizer.apply_chat_template(QUESTION))
    request = GenerateRequest(prompt, SamplingParams(temperature=0.0, max_new_tokens=8), adapter=adapter)
    return engine.submit(request).result(120).text


@torch.inference_mode()
def next_word(loaded: LoadedModel) -> torch.Tensor:
    prompt = torch.tensor([loaded.tokenizer.apply_chat_template(QUESTION)])
    found: torch.Tensor = loaded.model(prompt).logits[0, -1].float()
    return found


def test_a_gguf_file_says_what_the_folder_says(original: Path, gguf: Path, tmp_path: Path) -> None:
    made = convert(gguf, tmp_path / "out", Progress(tmp_path / "progress.jsonl"))
    theirs, ours = load_model(str(original), "none"), load_model(str(made), "none")
    assert ours.tokenizer.apply_chat_template(QUESTION) == theirs.tokenizer.apply_chat_template(QUESTION)
    assert cosine_similarity(next_word(ours), next_word(theirs), 0) > 0.99
    answers = []
    for loaded in (theirs, ours):
        engine = LLMEngine(loaded)
        answers.append(answer(engine, loaded))
        engine.close()
    assert answers[0] == answers[1]


def test_a_4bit_folder_is_answered_from_taught_and_swapped(original: Path, packed: Path, tmp_path: Path) -> None:
    loaded = load_model(str(packed), "auto")
    assert loaded.info.precision == "4-bit"
    # four bits of a model of half a billion weights leave so much of its opinion
    assert cosine_similarity(next_word(loaded), next_word(load_model(str(original), "none")), 0) > 0.9
    adapter = taught(packed, tmp_path)
    engine = LLMEngine(loaded)
    try:
        before = answer(engine, loaded)
        receipt = engine.load_adapter("taught", adapter)
        assert receipt.base_unchanged
        assert receipt.max_logit_change > 0
        assert answer(engine, loaded, "taught") != before
        assert answer(engine, loaded) == before
    finally:
        engine.close()


def taught(model: Path, folder: Path) -> Path:
    """An adapter by the project's own training, as its worker runs it."""
    loaded = load_model(str(model), "auto")
    rows = tokenize_examples(examples()[:8], loaded.tokenizer, 64).rows
    losses = []
    run = Run(
        values=VALUES,
        train_rows=dataset_of(rows, VALUES),
        held_out_rows=None,
        folder=folder,
        on_event=lambda event: losses.append(event.loss) if event.loss is not None else None,
        stop=lambda: False,
        num_evals=1,
    )
    assert train(loaded, run) == "completed"
    assert losses[-1] < losses[0]
    return whole_checkpoints(folder / CHECKPOINTS_FOLDER)[-1].folder
