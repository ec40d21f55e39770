"""A run's description survives the disk, and values from strangers are checked before anything starts."""

import json
import math
from dataclasses import fields
from pathlib import Path

import pytest

from playground.data.examples import Example
from playground.errors import InputError, TrainingError
from playground.models.catalog import STARTER_FOLDER
from playground.training import config as values
from playground.training.config import RANGES, check_spec_values, defaults_for, installed_reporters
from playground.training.spec import TrainingConfig, TrainingSpec, load_examples, save_examples

DEFAULTS = TrainingConfig()


def test_spec_round_trip(tmp_path: Path) -> None:
    """The worker reads exactly what the app wrote."""
    spec = TrainingSpec(
        job_id="a1",
        owner="local",
        name="Größe 大",
        model="/models/tiny",
        quantization="4bit",
        base_fingerprint="f",
        created=12.5,
        values=TrainingConfig(epochs=2.5, r=4, lr_scheduler_type="linear"),
        probes=("Hello?", "你好"),
        model_name="Tiny",
    )
    spec.save(tmp_path)
    assert TrainingSpec.load(tmp_path / "spec.json") == spec


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (str(STARTER_FOLDER), "Starter"),
        ("/hub/models--Qwen--Qwen3-0.6B/snapshots/c1899de", "Qwen3 0.6B"),
        ("/hub/models--someone--small-one/snapshots/c1899de", "someone/small-one"),
        ("/models/tiny", "tiny"),
        ("someone/small-one", "someone/small-one"),
    ],
)
def test_a_spec_of_an_earlier_version_names_its_model(tmp_path: Path, model: str, name: str) -> None:
    """Defends old runs: the model's name was not written down, but where it lay was."""
    TrainingSpec("a1", "local", "Old", model, "4bit", "f", 12.5).save(tmp_path)
    path = tmp_path / "spec.json"
    written = json.loads(path.read_text())
    del written["model_name"]
    path.write_text(json.dumps(written))
    assert TrainingSpec.load(path).base_name == name


def test_examples_round_trip(tmp_path: Path) -> None:
    """Line separators and lone surrogates inside a row neither split it nor stop the writing."""
    examples = [
        Example(({"role": "user", "content": "a\u2028b\nc"}, {"role": "assistant", "content": "\ud800 d"}), None, 1),
        Example(None, "plain\x85text", 7),
    ]
    save_examples(tmp_path / "train.jsonl", examples)
    assert load_examples(tmp_path / "train.jsonl") == examples


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"values": {"unknown": 1}, "probes": []}', "not json"])
def test_damaged_spec(tmp_path: Path, text: str) -> None:
    """A spec that is none ends in a sentence, not in a traceback."""
    path = tmp_path / "spec.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=r"cannot be read"):
        TrainingSpec.load(path)


def test_every_value_is_checked() -> None:
    """No field of the values can be added without a rule for it."""
    for field in fields(TrainingConfig):
        with pytest.raises(InputError, match=field.name):
            check_spec_values({field.name: "nonsense"}, DEFAULTS, 512)


@pytest.mark.parametrize("name", RANGES)
def test_out_of_range(name: str) -> None:
    """NaN, infinities, what lies beyond the bounds, booleans and lists are refused, naming field and range."""
    least, most = RANGES[name].least, RANGES[name].most
    for value in (math.nan, math.inf, -math.inf, least - 1, most + 1, 10**400, True, "3", [3]):
        with pytest.raises(InputError, match=rf"^{name} .*Use ") as caught:
            check_spec_values({name: value}, DEFAULTS, 10**6)
        assert len(str(caught.value)) < 160


def test_whole_numbers() -> None:
    """Sliders send 8.0 for 8, which is fine; 8.5 steps are not."""
    assert check_spec_values({"max_steps": 8.0}, DEFAULTS, 512).max_steps == 8
    assert isinstance(check_spec_values({"max_steps": 8.0}, DEFAULTS, 512).max_steps, int)
    for value in (8.5, 0):
        with pytest.raises(InputError, match="max_steps"):
            check_spec_values({"max_steps": value}, DEFAULTS, 512)


def test_context_bounds_max_length() -> None:
    """A chosen length beyond the model is refused; a default one is cut."""
    with pytest.raises(InputError, match="at most 256 tokens"):
        check_spec_values({"max_length": 512}, DEFAULTS, 256)
    assert check_spec_values({"r": None}, DEFAULTS, 256) == TrainingConfig(max_length=256)


LAYERS = ("q_proj", "v_proj", "down_proj")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("all-linear", "all-linear"),
        (" q_proj, v_proj ,q_proj,", "q_proj,v_proj"),
        ("down_proj", "down_proj"),
        (["q_proj", "v_proj"], "q_proj,v_proj"),
    ],
)
def test_target_modules(given: object, kept: str) -> None:
    """All layers, or some of the loaded model's by name, in a text or in a list as PEFT takes them."""
    assert check_spec_values({"target_modules": given}, DEFAULTS, 512, LAYERS).target_modules == kept


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("k_proj", "cannot be k_proj"),
        ("q_proj v_proj", "cannot be q_proj v_proj"),
        (["q_proj", 3], "cannot be"),
        (3, "cannot be 3"),
        (" , ", "is empty"),
        ([], "is empty"),
        ("all-linear,q_proj", "names all-linear and others beside it"),
    ],
)
def test_unknown_target_modules(given: object, told: str) -> None:
    """PEFT would pass over a layer that the model does not have, without a word."""
    with pytest.raises(InputError, match=rf"^target_modules {told}.* some of: down_proj, q_proj, v_proj\.$"):
        check_spec_values({"target_modules": given}, DEFAULTS, 512, LAYERS)


def test_report_to_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not known or not installed is refused before the run begins."""
    present = {"tensorboard"}
    monkeypatch.setattr(values, "find_spec", lambda name: name if name in present else None)
    assert installed_reporters() == ["tensorboard"]
    assert check_spec_values({"report_to": "tensorboard"}, DEFAULTS, 512).report_to == "tensorboard"
    with pytest.raises(InputError, match="report_to names wandb, which is not installed here"):
        check_spec_values({"report_to": "tensorboard,wandb"}, DEFAULTS, 512)
    with pytest.raises(InputError, match="report_to cannot be all"):
        check_spec_values({"report_to": "all"}, DEFAULTS, 512)


def test_unknown_field() -> None:
    """A misspelled setting is told, not ignored."""
    with pytest.raises(InputError, match="learning_rat"):
        check_spec_values({"learning_rat": 1e-3}, DEFAULTS, 512)


@pytest.mark.parametrize("parameters", [7_000_000, 135_000_000, 7_000_000_000])
@pytest.mark.parametrize("rows", [2, 150, 100_000])
def test_defaults_suit(parameters: int, rows: int) -> None:
    """What is proposed passes its own check, and a higher intensity never trains less."""
    steps = []
    for intensity in ("light", "normal", "thorough"):
        values = defaults_for(parameters, rows, intensity, context_length=300)
        proposed = {field.name: getattr(values, field.name) for field in fields(values)}
        assert check_spec_values(proposed, DEFAULTS, 300) == values
        steps.append(values.total_steps(rows) * values.per_device_train_batch_size)
    assert steps == sorted(steps)
    with pytest.raises(InputError, match="intensity"):
        defaults_for(parameters, rows, "wild")  # type: ignore[arg-type]


def test_total_steps() -> None:
    """The last, smaller batch of an epoch counts as a step."""
    values = TrainingConfig(epochs=2, per_device_train_batch_size=4, gradient_accumulation_steps=2)
    assert values.total_steps(17) == 2 * 3
    assert TrainingConfig(max_steps=5).total_steps(10**6) == 5
