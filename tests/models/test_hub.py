"""Defends what is told of the hub's models before they are fetched: facts, and one sentence for each thing wrong."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from transformers.utils.logging import disable_progress_bar

from playground.errors import ModelError
from playground.models import hub_errors
from playground.models.hub import facts, search
from playground.models.hub_cache import downloaded, forget, held_alone, present
from playground.models.resolve import resolve_model
from tests.support.hub import MODEL, TOKEN, Hub, running_hub, use_hub
from tests.support.tiny_model import TINY


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as running:
        use_hub(running, tmp_path / "hf", monkeypatch)
        yield running


def reason(ask: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        ask()
    return str(caught.value)


def config_of(hub: Hub, **changes: object) -> None:
    hub.files["config.json"] = json.dumps(json.loads(hub.files["config.json"]) | changes).encode()


def test_facts_are_those_of_the_files(hub: Hub) -> None:
    """Only files that are needed count, and the whole config.json is there."""
    hub.files |= {"original/other.safetensors": b"1", "consolidated.safetensors": b"2", "a.gguf": b"3"}
    found = facts(MODEL)
    wanted = {path.name: path.stat().st_size for path in TINY.iterdir() if path.suffix != ".md"}
    assert {file.name: file.size for file in found.files} == wanted
    assert {file.name for file in found.files if file.lfs} == {"model.safetensors", "tokenizer.json"}
    assert found.download_bytes == sum(wanted.values())
    assert (found.id, found.commit, found.num_parameters) == (MODEL, hub.commit, wanted["model.safetensors"] // 2)
    assert (found.license, found.languages) == ("mixed", ("English", "German", "Chinese"))
    assert (found.gated, found.has_safetensors, found.has_gguf, found.remote_code) == (False, True, True, False)
    assert found.config == json.loads((TINY / "config.json").read_text())
    assert hub.requests == [f"GET /api/models/{MODEL}", f"GET /{MODEL}/resolve/{hub.commit}/config.json"]


def test_a_start_with_a_model_of_the_hub_shows_its_progress(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the console, also once a model was loaded, which turns the client's own bars off."""
    addresses = {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    }
    for name, address in addresses.items():
        monkeypatch.setattr(huggingface_hub.constants, name, address)
    disable_progress_bar()
    found = resolve_model(MODEL)
    assert present(MODEL) == found.folder
    shown = capfd.readouterr().err
    assert "100%" in shown
    assert "MB" in shown
    resolve_model(MODEL)
    assert not capfd.readouterr().err


def test_a_search_is_one_request(hub: Hub) -> None:
    hub.gated = True
    found = search("TINY")
    weights = len(hub.files["model.safetensors"])
    assert [(model.id, model.num_parameters, model.download_bytes) for model in found] == [
        (MODEL, weights // 2, weights)
    ]
    assert (found[0].gated, found[0].license, found[0].languages[0]) == (True, "mixed", "English")
    assert search("nothing like it") == []
    assert len(hub.requests) == 2


def test_a_model_that_is_not_there(hub: Hub) -> None:
    assert reason(lambda: facts("people/tinny")).startswith("There is no model people/tinny on the Hugging Face hub")
    requests = len(hub.requests)
    assert "Write OWNER/NAME" in reason(lambda: facts("people/../tiny"))
    assert len(hub.requests) == requests


def test_a_gated_model(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be done differs with and without a token, and the right one opens it."""
    hub.gated = True
    assert f"Accept its terms on {hub.url}/{MODEL} and set HF_TOKEN" in reason(lambda: facts(MODEL))
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    assert "wait until they are granted" in reason(lambda: facts(MODEL))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert facts(MODEL).gated


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (403, "does not let the account"),
        (429, "asked too much"),
        (500, "fault of its own just now (code 500)"),
        (503, "fault of its own just now (code 503)"),
        (418, "refused this (code 418)"),
        (200, "cannot be understood"),
    ],
)
def test_a_hub_that_refuses(hub: Hub, code: int, told: str) -> None:
    hub.broken_code = code
    assert told in reason(lambda: facts(MODEL))


def test_a_hub_that_does_not_know_who_asks(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """To those without a token it says so of models that are not there."""
    hub.broken_code = 401
    assert "There is no model" in reason(lambda: facts(MODEL))
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    assert "does not know the token in HF_TOKEN" in reason(lambda: facts(MODEL))


def test_a_hub_that_cannot_be_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "told to stay offline" in reason(lambda: facts(MODEL))
    assert "told to stay offline" in reason(lambda: search("tiny"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for nobody in ("http://127.0.0.1:9", "no address"):
        monkeypatch.setenv("HF_ENDPOINT", nobody)
        assert "cannot be reached" in reason(lambda: facts(MODEL))
        assert "cannot be reached" in reason(lambda: search("tiny"))


def test_a_hub_that_says_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.silent = True
    for module in ("hub", "hub_errors"):
        monkeypatch.setattr(f"playground.models.{module}.TIMEOUT_S", 0.2)
    assert hub_errors.TIMEOUT_S == 0.2
    assert "did not answer within" in reason(lambda: facts(MODEL))
    assert "did not answer within" in reason(lambda: search("tiny"))


def test_models_that_cannot_be_used(hub: Hub) -> None:
    whole = dict(hub.files)
    hub.info = {"disabled": True}
    assert "has disabled" in reason(lambda: facts(MODEL))
    hub.info = {}
    del hub.files["model.safetensors"]
    assert "no weights in the safetensors format" in reason(lambda: facts(MODEL))
    hub.files["tiny.Q4_K_M.gguf"] = b"GGUF"
    assert "only as GGUF files" in reason(lambda: facts(MODEL))
    hub.files["adapter_model.safetensors"] = b""
    assert "is an adapter" in reason(lambda: facts(MODEL))
    hub.files = {name: content for name, content in whole.items() if name != "config.json"}
    assert "not made to write text" in reason(lambda: facts(MODEL))
    hub.files = whole
    config_of(hub, architectures=["BertForMaskedLM"])
    assert "not made to write text" in reason(lambda: facts(MODEL))
    hub.files["config.json"] = b" " * 2**20 + b"{}"
    assert "cannot be understood" in reason(lambda: facts(MODEL))


def test_weights_that_are_packed_another_way_are_refused_before_they_are_fetched(hub: Hub) -> None:
    config_of(hub, quantization_config={"quant_method": "awq", "bits": 4})
    hub.info = {"cardData": {"base_model": ["someone/the-original"]}}
    assert "stored quantized (awq)" in reason(lambda: facts(MODEL))
    assert "Choose someone/the-original" in reason(lambda: facts(MODEL))
    for usable in ({"quant_method": "bitsandbytes", "load_in_4bit": True}, {"quant_method": "fp8"}):
        config_of(hub, quantization_config=usable)
        assert facts(MODEL).base_model == "someone/the-original"


def test_a_model_that_sees_pictures_is_taken_for_its_text(hub: Hub) -> None:
    config_of(hub, architectures=["T5ForConditionalGeneration"])
    assert "not made to write text" in reason(lambda: facts(MODEL))
    config_of(hub, architectures=["Gemma3ForConditionalGeneration"], vision_config={}, text_config={})
    assert facts(MODEL).id == MODEL


def test_code_of_the_publisher_is_refused(hub: Hub) -> None:
    """Unless transformers has classes for the model itself, which are used then."""
    config_of(hub, auto_map={"AutoModelForCausalLM": "modeling.Own"}, model_type="own")
    assert "Python code of its publisher's" in reason(lambda: facts(MODEL))
    config_of(hub, model_type="phi3")
    assert not facts(MODEL).remote_code


def lay(cache: Path, files: dict[str, bytes]) -> Path:
    """Put a model into the cache as the client does."""
    home = cache / f"models--{MODEL.replace('/', '--')}"
    folder = home / "snapshots" / ("a" * 40)
    for place in (folder, home / "blobs", home / "refs"):
        place.mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text("a" * 40)
    for name, content in files.items():
        (home / "blobs" / name).write_bytes(content)
        (folder / name).symlink_to(home / "blobs" / name)
    return folder


def test_only_whole_models_are_present(hub: Hub) -> None:
    """Whole is one with its config, a tokenizer, and each file that the index names."""
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    index = json.dumps({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}).encode()
    assert present(MODEL) is None
    assert present("no/model/..") is None
    assert downloaded() == []
    folder = lay(cache, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors.index.json": index})
    lay(cache, {"1.safetensors": b"12345"})
    assert present(MODEL) is None
    assert downloaded() == []
    lay(cache, {"2.safetensors": b"12345"})
    assert present(MODEL) == folder
    assert downloaded() == [(MODEL, 2 + 2 + len(index) + 10)]
    (folder / "model.safetensors.index.json").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../config.json"}}')
    assert present(MODEL) is None


def test_forget_removes_all(hub: Hub) -> None:
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    lay(cache, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"12345"})
    home = cache / f"models--{MODEL.replace('/', '--')}"
    (home / "blobs" / "b.incomplete").write_bytes(b"123")
    with held_alone(MODEL):
        assert "is being fetched just now" in reason(lambda: forget(MODEL))
    assert present(MODEL)
    forget(MODEL)
    assert not home.exists()
    (home / "blobs").mkdir(parents=True)
    (home / "blobs" / "b.incomplete").write_bytes(b"123")
    forget(MODEL)
    assert not home.exists()
    assert "is not on this machine" in reason(lambda: forget(MODEL))
