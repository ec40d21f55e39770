"""Defends that whatever a stranger sends becomes a checked model, or one sentence that names the field."""

import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationInfo, field_validator

from playground.errors import InputError
from playground.i18n.catalog import in_chinese
from playground.validation import Number, StrictModel, Whole, validate

HUGE = 10**5000


class Inner(StrictModel):
    text: str


class Wanted(StrictModel):
    whole: Whole = Field(4, ge=1, le=8)
    share: Number = Field(0.5, ge=0.0000001, le=1)
    pace: Literal["slow", "fast"] = "slow"
    on: bool = True
    name: str = Field("x", max_length=5)
    parts: list[Inner] = Field([])
    least: Whole = Field(1, ge=1)
    most: Number = Field(1, le=1)
    free: Annotated[Whole | None, "nothing"] = None
    stored: str = Field("", alias="key")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        if info.context and name not in info.context:
            raise InputError("Nobody is called {name}. Ask again.", name=name)
        return name


class Needed(StrictModel):
    text: str


def test_what_gradio_sends_is_taken() -> None:
    """8.0 for 8, and 1 for 1.0; the types are the declared ones."""
    made = validate(Wanted, {"whole": 8.0, "share": 1, "pace": "fast", "parts": [{"text": "a"}], "key": "k"})
    assert (made.whole, made.share, made.pace, made.stored) == (8, 1.0, "fast", "k")
    assert (type(made.whole), type(made.share)) == (int, float)


NOT_NUMBERS: tuple[Any, ...] = (True, False, "3", None, [3], {"a": 3}, b"3", object)


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("field", ["whole", "share"])
def test_what_is_no_number(field: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^{field} is not a number\. Use [01.]+ to [18]\.$"):
        validate(Wanted, {field: value})


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 9, 1e300, -1e300, 10**400, -(10**400), HUGE, 1000.5],
    ids=lambda value: f"{value.bit_length()} bits" if isinstance(value, int) else str(value),
)
@pytest.mark.parametrize("field", ["whole", "share"])
def test_numbers_out_of_range(field: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"^{field} is .+\. Use [01.]+ to [18]\.$") as caught:
        validate(Wanted, {field: value})
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"whole": 8.5}, "whole is 8.5. Use 1 to 8."),
        ({"whole": 7.5}, "whole is 7.5. Use a whole number from 1 to 8."),
        ({"share": 0}, "share is 0. Use 0.0000001 to 1."),
        ({"pace": "wild"}, "pace cannot be wild. Use one of: slow, fast."),
        ({"pace": ["slow"]}, "pace cannot be ['slow']. Use one of: slow, fast."),
        ({"pace": "a\ud800\nb" + "c" * 99}, "pace cannot be a? bccccccccccccccccccccccc…. Use one of: slow, fast."),
        ({"on": 1}, "on cannot be 1. Use one of: true, false."),
        ({"on": "true"}, "on cannot be true. Use one of: true, false."),
        ({"name": 5}, "name must be text."),
        ({"name": "abcdef"}, "name is too long. Use at most 5."),
        ({"parts": "abc"}, "parts must be a list."),
        ({"parts": [{"text": "a"}, 5]}, "parts[1] must be an object with named values."),
        ({"parts": [{"text": 5}]}, "parts[0].text must be text."),
        ({"parts": [{}]}, "parts[0].text is missing. Give it a value."),
        ({"least": 0}, "least is 0. Use at least 1."),
        ({"most": 2}, "most is 2. Use at most 1."),
        ({"most": math.nan}, "most must be a number."),
        ({"free": 1.5}, "free must be a whole number."),
        ({"key": 5}, "key must be text."),
    ],
)
def test_one_sentence_says_it(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        validate(Wanted, given)
    assert str(caught.value) == said
    assert in_chinese(caught.value.sentence.msgid) != caught.value.sentence.msgid


def test_fields_that_are_missing_or_unknown() -> None:
    with pytest.raises(InputError, match=r"^text is missing\. Give it a value\.$"):
        validate(Needed, {})
    with pytest.raises(InputError, match=r"^There is no field called txt\. Use one of: text\.$"):
        validate(Needed, {"text": "", "txt": ""})
    with pytest.raises(InputError, match="by their names"):
        validate(Needed, ["text"])  # type: ignore[arg-type]


def test_own_validators_see_the_context_and_say_their_own_sentence() -> None:
    assert validate(Wanted, {"name": "Ann"}, context={"Ann"}).name == "Ann"
    with pytest.raises(InputError, match="Nobody is called Bob") as caught:
        validate(Wanted, {"name": "Bob"}, context={"Ann"})
    assert caught.value.sentence.fields == {"name": "Bob"}
