"""A run's description survives the disk, also that of an earlier version."""

import json
from pathlib import Path

import pytest

from playground.data.examples import Example
from playground.errors import TrainingError
from playground.models.catalog import STARTER, STARTER_FOLDER
from playground.training.config import TrainingConfig
from playground.training.spec import StoredExamples, TrainingSpec, load_examples


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
        (str(STARTER_FOLDER), STARTER.name),
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
    StoredExamples.of(examples).save(tmp_path / "train.jsonl")
    assert load_examples(tmp_path / "train.jsonl") == examples


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"values": {"unknown": 1}, "probes": []}', "not json"])
def test_damaged_spec(tmp_path: Path, text: str) -> None:
    """A spec that is none ends in a sentence, not in a traceback."""
    path = tmp_path / "spec.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=r"cannot be read"):
        TrainingSpec.load(path)


OLD_SPEC = {
    "job_id": "a1",
    "owner": "local",
    "name": "Old",
    "model": "starter",
    "quantization": "4bit",
    "base_fingerprint": "f",
    "created": 12.5,
    "values": {
        "epochs": 3,
        "r": 16,
        "target_modules": "q_proj,gone_proj",
        "report_to": "wandb",
        "a_setting_of_an_older_version": True,
    },
    "probes": ["Hello?"],
}


def test_an_old_spec_is_read(tmp_path: Path) -> None:
    """What the layers are called, what is installed, and what is known no more: none of it makes a run unreadable."""
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(OLD_SPEC))
    values = TrainingSpec.load(path).values
    assert (values.epochs, values.target_modules, values.report_to) == (3.0, "q_proj,gone_proj", "wandb")
    assert values.seed == 0


def test_an_old_value_beyond_todays_range_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(OLD_SPEC | {"values": {"learning_rate": 5.0, "max_steps": 0, "r": 4, "gone": 1}}))
    values = TrainingSpec.load(path).values
    assert (values.learning_rate, values.max_steps, values.r, values.epochs) == (5.0, 0, 4, 3.0)
