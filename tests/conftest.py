"""Models that the tests share. Threads are kept from fighting before torch is imported."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest

from playground.engine.host import LocalModelHost
from playground.engine.llm_engine import LLMEngine
from playground.models.loader import LoadedModel, load_model
from playground.models.tokenizer import ChatTokenizer
from playground.sandbox.sandbox import Sandbox
from playground.service.services import READERS
from tests.support.tiny import make_adapter, make_gpt2, make_llama

STORIES = Path(__file__).resolve().parents[2] / "shared" / "models" / "stories260K-pad192"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a browser is tried once more where it fails, and the summary names it: on a busy machine a press can
    fall into the moment in which the page draws that place anew."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model (Llama, ChatML) whose layers fit 4-bit."""
    return make_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 without a chat template."""
    return make_gpt2(tmp_path_factory.mktemp("models") / "tiny-gpt2")


@pytest.fixture(scope="session")
def stories_folder() -> Path:
    """A small model that the project did not make: tells stories, SentencePiece-like tokens, no chat template."""
    if not STORIES.is_dir():
        pytest.skip(f"the model stories260K-pad192 is not beside the checkout ({STORIES})")
    return STORIES


@pytest.fixture(scope="session")
def real_model_folder() -> Path:
    """A chat model that knows something, where whoever runs the tests has one."""
    folder = os.environ.get("PLAYGROUND_TEST_MODEL")
    if not folder:
        pytest.skip("no real model: name the folder of a chat model in PLAYGROUND_TEST_MODEL")
    return Path(folder)


@pytest.fixture(scope="session")
def loaded(tiny_model_folder: Path) -> LoadedModel:
    """The chat model in fp32, shared: nothing may change its weights."""
    return load_model(str(tiny_model_folder), "none")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Where strangers' files are read, as the services have it."""
    made = Sandbox(READERS)
    yield made
    made.close()


@pytest.fixture(scope="session")
def tokenizer(loaded: LoadedModel) -> ChatTokenizer:
    return loaded.tokenizer


@pytest.fixture
def host(loaded: LoadedModel) -> Iterator[LocalModelHost]:
    """The live chat model in fp32, without adapters."""
    held = LocalModelHost(loaded)
    yield held
    held.close()


@pytest.fixture
def engine(host: LocalModelHost) -> LLMEngine:
    """The host's engine, for those who ask it directly."""
    return host._live()


@pytest.fixture(scope="session")
def adapters(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters of the chat model made by PEFT: a plain one, and one with patterns, RSLoRA and other layers."""
    root = tmp_path_factory.mktemp("adapters")
    patterned = {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.mlp.down_proj": 3}, "use_rslora": True}
    return [
        make_adapter(tiny_model_folder, root / "plain", seed=1),
        make_adapter(tiny_model_folder, root / "rich", 2, ("q_proj", "o_proj", "gate_proj", "down_proj"), **patterned),
    ]
