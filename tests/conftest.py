"""Models that the tests share. Threads are kept from fighting before torch is imported."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest

from tests.tiny import make_gpt2, make_llama

STORIES = Path(__file__).resolve().parents[2] / "shared" / "models" / "stories260K-pad192"


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
