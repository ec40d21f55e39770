"""Values from strangers are checked before anything starts, and one field is all there is to a setting."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import gradio as gr
import pytest
from pydantic import Field

from playground.data_dir import DataDir
from playground.errors import InputError
from playground.service.services import Services, build_services
from playground.training import config as training_config
from playground.training.config import TrainingConfig, installed_reporters
from playground.training.defaults import defaults_for
from playground.training.setting import ConfigContext, Setting, settings
from playground.training.spec import TrainingSpec
from playground.ui.api.files import build as build_api
from playground.ui.api.files import wishes
from playground.ui.finetune.settings_form import build as build_form
from playground.validation import Whole, bounds
from tests.support.exchange import make_settings
from tests.support.tiny import make_info
from tests.training.test_spec import OLD_SPEC

DEFAULTS = TrainingConfig()
READING = ("repairs", "columns", "left_out", "edited", "dataset", "configuration", "split", "rows")
"""How a file is read, or a set of the hub in its place."""
NUMBERS = [name for name, info in TrainingConfig.model_fields.items() if None not in bounds(info)]


@pytest.fixture
def form_services(tmp_path: Path) -> Iterator[Services]:
    """Enough to draw the form on a shared server: of the model no more than what is told about it."""
    host: Any = SimpleNamespace(info=make_info())
    services = build_services(make_settings(tmp_path, "public"), host, DataDir(tmp_path))
    yield services
    services.close()


def chosen(context_length: int = 512, layers: tuple[str, ...] = (), **given: object) -> TrainingConfig:
    return DEFAULTS.updated(given, ConfigContext(context_length, layers))


def test_every_value_is_checked() -> None:
    """No field of the values can be added without a rule for it."""
    for name in TrainingConfig.model_fields:
        with pytest.raises(InputError, match=name):
            chosen(**{name: "nonsense"})


@pytest.mark.parametrize("name", NUMBERS)
def test_out_of_range(name: str) -> None:
    """NaN, infinities, what lies beyond the bounds, booleans and lists are refused, naming field and range."""
    least, most = bounds(TrainingConfig.model_fields[name])
    assert least is not None and most is not None
    for value in (math.nan, math.inf, -math.inf, least - 1, most + 1, 10**400, True, "3", [3]):
        with pytest.raises(InputError, match=rf"^{name} .*Use ") as caught:
            chosen(10**6, **{name: value})
        assert len(str(caught.value)) < 160


def test_whole_numbers() -> None:
    """Sliders send 8.0 for 8, which is fine; 8.5 steps are not."""
    assert chosen(max_steps=8.0).max_steps == 8
    assert isinstance(chosen(max_steps=8.0).max_steps, int)
    for value in (8.5, 0):
        with pytest.raises(InputError, match="max_steps"):
            chosen(max_steps=value)


def test_context_bounds_max_length() -> None:
    """A chosen length beyond the model is refused; a default one is cut."""
    with pytest.raises(InputError, match="at most 256 tokens"):
        chosen(256, max_length=512)
    assert chosen(256, r=None) == TrainingConfig(max_length=256)


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
    assert chosen(layers=LAYERS, target_modules=given).target_modules == kept


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
        chosen(layers=LAYERS, target_modules=given)


def test_report_to_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not known or not installed is refused before the run begins."""
    present = {"tensorboard"}
    monkeypatch.setattr(training_config, "find_spec", lambda name: name if name in present else None)
    assert installed_reporters() == ["tensorboard"]
    assert chosen(report_to="tensorboard").report_to == "tensorboard"
    with pytest.raises(InputError, match="report_to names wandb, which is not installed here"):
        chosen(report_to="tensorboard,wandb")
    with pytest.raises(InputError, match="report_to cannot be all"):
        chosen(report_to="all")


def test_unknown_field() -> None:
    """A misspelled setting is told, not ignored."""
    with pytest.raises(InputError, match="learning_rat"):
        chosen(learning_rat=1e-3)


@pytest.mark.parametrize("parameters", [7_000_000, 135_000_000, 7_000_000_000])
@pytest.mark.parametrize("rows", [2, 150, 100_000])
def test_defaults_suit(parameters: int, rows: int) -> None:
    """What is proposed passes its own check, and a higher intensity never trains less."""
    steps = []
    for intensity in ("light", "normal", "thorough"):
        values = defaults_for(parameters, rows, intensity, context_length=300)
        assert chosen(300, **values.model_dump()) == values
        steps.append(values.total_steps(rows) * values.per_device_train_batch_size)
    assert steps == sorted(steps)
    with pytest.raises(InputError, match="intensity"):
        defaults_for(parameters, rows, "wild")  # type: ignore[arg-type]


def test_few_rows_are_seen_more_often() -> None:
    """Twenty rows in three epochs are nine steps: too few for a manner."""
    epochs = [defaults_for(135_000_000, rows).epochs for rows in (20, 60, 150, 1_000)]
    assert epochs == [6, 3, 3, 2]


def test_total_steps() -> None:
    """The last, smaller batch of an epoch counts as a step."""
    values = TrainingConfig(epochs=2, per_device_train_batch_size=4, gradient_accumulation_steps=2)
    assert values.total_steps(17) == 2 * 3
    assert TrainingConfig(max_steps=5).total_steps(10**6) == 5


class MoreConfig(TrainingConfig):
    """With one setting more, of which nothing is known but its field."""

    layer_replication: Annotated[
        Whole, Setting("What counts", "Size of the adapter.", to="lora", argument="rank_pattern", affects="memory")
    ] = Field(2, ge=1, le=9)


def test_one_field_is_all_there_is_to_a_setting(tmp_path: Path, form_services: Services) -> None:
    """Form, API, check, preflight, spec and trainer follow from a field that is written once."""
    with gr.Blocks():
        drawn = build_form(form_services, MoreConfig).fields["layer_replication"]
    assert isinstance(drawn, gr.Number)
    assert (drawn.value, drawn.label) == (2, "layer_replication")

    with gr.Blocks() as page:
        build_api(form_services, MoreConfig)
    parameters = page.get_api_info()["named_endpoints"]["/train"]["parameters"]
    asked = {parameter["parameter_name"]: parameter["type"] for parameter in parameters}
    assert list(asked)[-9:] == ["layer_replication", *READING]
    assert asked["layer_replication"] == {"type": "number"}

    more = MoreConfig().updated({"layer_replication": 3.0}, ConfigContext(512))
    assert more.layer_replication == 3
    with pytest.raises(InputError, match=r"^layer_replication is 10\. Use 1 to 9\.$"):
        more.updated({"layer_replication": 10}, ConfigContext(512))

    assert not more.takes_as_much_as(MoreConfig())
    values: dict[str, Any] = OLD_SPEC | {"values": more, "probes": ()}
    TrainingSpec(**values).save(tmp_path)
    stored = json.loads((tmp_path / "spec.json").read_text(encoding="utf-8"))["values"]
    assert MoreConfig.stored(stored) == more

    assert more.arguments("lora")["rank_pattern"] == 3
    assert set(more.arguments("lora")) - set(TrainingConfig().arguments("lora")) == {"rank_pattern"}


def test_the_order_that_programs_know() -> None:
    """Values may be sent by their place."""
    assert wishes(TrainingConfig) == [
        *("epochs", "max_steps", "r", "lora_alpha", "learning_rate", "max_length", "probes"),
        *("lora_dropout", "target_modules", "use_rslora", "per_device_train_batch_size"),
        *("gradient_accumulation_steps", "lr_scheduler_type", "warmup_ratio", "weight_decay", "completion_only_loss"),
        *("packing", "gradient_checkpointing", "neftune_noise_alpha", "early_stopping_patience", "seed", "report_to"),
        *READING,
    ]


def test_the_form_keeps_its_order(form_services: Services) -> None:
    """Groups, and what stands in them; where the curves go is asked on one's own machine alone."""
    with gr.Blocks():
        drawn = list(build_form(form_services).fields)
    assert drawn == [
        *("r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora"),
        *("epochs", "max_steps", "learning_rate", "lr_scheduler_type", "warmup_ratio", "weight_decay"),
        *("early_stopping_patience", "per_device_train_batch_size", "gradient_accumulation_steps", "max_length"),
        *("packing", "gradient_checkpointing", "completion_only_loss", "neftune_noise_alpha", "seed"),
    ]
    assert set(settings(TrainingConfig)) - set(drawn) == {"report_to"}


def test_what_costs_nothing_is_not_tried_again() -> None:
    """Another learning rate takes the same time and memory; another rank does not."""
    assert DEFAULTS.takes_as_much_as(DEFAULTS.model_copy(update={"learning_rate": 1e-3, "seed": 4}))
    for name in ("r", "epochs", "max_length", "gradient_checkpointing"):
        assert not DEFAULTS.takes_as_much_as(DEFAULTS.model_copy(update={name: 9}))
