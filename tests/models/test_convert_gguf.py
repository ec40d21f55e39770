"""A GGUF file becomes a model that says the same; what is none, or is too large, is told and leaves nothing."""

import json
from pathlib import Path

import pytest
import torch

from playground.errors import ModelError
from playground.models import convert_gguf
from playground.models.convert_gguf import convert, converted_folder, read_gguf, shape_of_gguf, why_not_converted
from playground.models.download import Progress
from playground.models.gguf_header import read_gguf_header
from playground.models.loader import load_model
from playground.models.model_shape import shape_of
from playground.protocol.messages import Message
from tests.support.gguf import write_gguf
from tests.support.tiny_model import TINY


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(TINY, tmp_path_factory.mktemp("gguf") / "Tiny-F32.gguf")


def converted(file: Path, folder: Path) -> Path:
    return convert(file, folder / "out", Progress(folder / "progress.jsonl"))


def test_the_header_tells_what_the_model_is(file: Path) -> None:
    header = read_gguf_header(file)
    assert header.architecture == "llama"
    assert shape_of_gguf(header) == shape_of(json.loads((TINY / "config.json").read_text()), header.num_parameters)


def test_it_says_what_the_original_says(file: Path, tmp_path: Path) -> None:
    """The same tokens, the same template, the same logits to the last bit: bf16 goes through f32 unharmed."""
    folder = converted(file, tmp_path)
    assert folder.name == "Tiny-F32"
    theirs, ours = load_model(str(TINY), "none"), load_model(str(folder), "none")
    chat: list[Message] = [{"role": "user", "content": "Translate to German: Two dogs 12,5 play.\n\n  äöü"}]
    tokens = theirs.tokenizer.apply_chat_template(chat)
    assert ours.tokenizer.apply_chat_template(chat) == tokens
    with torch.inference_mode():
        expected = theirs.model(torch.tensor([tokens])).logits
        assert torch.equal(ours.model(torch.tensor([tokens])).logits, expected)
    assert ours.info.name == "Tiny-F32"


def test_it_is_made_once_and_tells_how_far_it_is(file: Path, tmp_path: Path) -> None:
    folder = converted(file, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert lines[0] == {"done_bytes": 0, "total_bytes": file.stat().st_size}
    assert lines[-1]["done_bytes"] == lines[-1]["total_bytes"]
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert converted(file, tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    assert [path.name for path in (tmp_path / "out").glob("*/*")] == ["Tiny-F32"]


def test_what_cannot_be_read_is_told_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for name, content, told in (
        ("words.gguf", b"these are words", "cannot be read as a GGUF file"),
        ("empty.gguf", b"", "cannot be read as a GGUF file"),
        ("old.gguf", b"GGUF" + (1).to_bytes(4, "little") + data[8:], "of version 1"),
        ("counts.gguf", data[:8] + (2**60).to_bytes(8, "little") + data[16:], "says that it has"),
        ("header.gguf", data[:5000], "ends too early"),
        ("weights.gguf", data[: len(data) // 2], "cannot be read here"),
    ):
        broken = tmp_path / name
        broken.write_bytes(content)
        with pytest.raises(ModelError, match=told) as caught:
            converted(broken, tmp_path)
        assert name in str(caught.value)
    unknown = write_gguf(TINY, tmp_path / "unknown.gguf", architecture="nobodys")
    with pytest.raises(ModelError, match=r"architecture nobodys.*Choose the original"):
        converted(unknown, tmp_path)
    with pytest.raises(ModelError, match="no file"):
        converted_folder(tmp_path / "gone.gguf", tmp_path)
    assert not list((tmp_path / "out").glob("*/*"))


def test_too_large_for_the_memory(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_gguf, "free_beside", lambda: 6 * read_gguf(file).num_parameters - 1)
    with pytest.raises(ModelError, match="GB of memory for a while"):
        converted(file, tmp_path)
    monkeypatch.setattr(convert_gguf, "free_beside", lambda: 6 * read_gguf(file).num_parameters)
    assert why_not_converted(read_gguf(file)) is None
