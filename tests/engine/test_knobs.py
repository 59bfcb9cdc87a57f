"""Knobs: the one place where a hyper-parameter is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FieldError
from engine.knobs import check_knobs, knob, knobs_from_json, knobs_of, knobs_to_json
from engine.nn.layers import LAYERS
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig

OWNERS = (*LAYERS.values(), TrainConfig, Augmentation)
ALL_KNOBS = [(owner, k) for owner in OWNERS for k in knobs_of(owner)]


@dataclass(frozen=True)
class Settings:
    count: int = knob(3, "Count", "how many", low=1, high=9)
    share: float = knob(0.5, "Share", "how much", low=0, high=1)
    way: str = knob("up", "Way", "where to", choices=("up", "down"))
    fast: bool = knob(False, "Fast", "hurry")
    other: int = 7


@pytest.mark.parametrize(("owner", "one"), ALL_KNOBS, ids=lambda value: getattr(value, "name", ""))
def test_every_knob_is_complete(owner: type, one: Any) -> None:
    one.check(one.default)
    assert one.label[0].isupper()
    assert one.doc[0].islower() or not one.doc[0].isalpha()
    assert (one.type is str) == bool(one.choices)
    if one.type in (int, float):
        assert one.low is not None
        assert one.high is not None, "a number without an upper bound lets a form ask for absurd sizes"
        with pytest.raises(FieldError) as caught:
            one.check(one.type(one.low - 1))
        assert caught.value.field == one.name


@pytest.mark.parametrize(("owner", "one"), ALL_KNOBS, ids=lambda value: getattr(value, "name", ""))
def test_text_of_the_default_reads_back(owner: type, one: Any) -> None:
    assert one.parse(str(one.default)) == one.default
    assert type(one.parse(str(one.default))) is one.type


def test_knobs_are_the_declared_fields_in_order() -> None:
    assert [k.name for k in knobs_of(Settings)] == ["count", "share", "way", "fast"]
    assert knobs_to_json(Settings()) == {"count": 3, "share": 0.5, "way": "up", "fast": False}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"count": 0}, "count"),
        ({"count": 10}, "count"),
        ({"count": 2.0}, "count"),
        ({"count": True}, "count"),
        ({"share": float("nan")}, "share"),
        ({"share": float("inf")}, "share"),
        ({"share": "0.5"}, "share"),
        ({"share": False}, "share"),
        ({"way": "left"}, "way"),
        ({"way": 1}, "way"),
        ({"fast": 0}, "fast"),
        ({"other": 8}, "other"),
        ({"absent": 1}, "absent"),
        ({"count": 10**400}, "count"),
        ({"share": -(10**400)}, "share"),
        ({"way": "left" * 1000}, "way"),
        ({"share": [0] * 1000}, "share"),
    ],
)
def test_wrong_values_name_their_field(values: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        knobs_from_json(Settings, values)
    assert caught.value.field == field
    assert len(str(caught.value)) < 150


def test_whole_numbers_are_numbers() -> None:
    made = knobs_from_json(Settings, {"share": 1})
    assert made.share == 1.0
    assert isinstance(made.share, float)


@pytest.mark.parametrize("text", ["", "three", "1.5", "0x3", "99", "nan"])
def test_wrong_text_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        knobs_of(Settings)[0].parse(text)


@pytest.mark.parametrize("text", ["1_0", "٣", "３", "0_3", "1 0"])
def test_digits_that_are_unclear_are_refused(text: str) -> None:
    for index in (0, 1):
        with pytest.raises(FieldError, match="must be a"):
            knobs_of(Settings)[index].parse(text)


@pytest.mark.parametrize("text", ["1e-400", "0.1e-999999", "-1e-400", f"0.{'0' * 400}1"])
def test_a_number_that_would_vanish_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="Share is too close to 0"):
        knobs_of(Settings)[1].parse(text)


@pytest.mark.parametrize("text", ["0", "0.0", "0e9", ".0", "0.", "-0"])
def test_a_zero_is_a_zero(text: str) -> None:
    assert knobs_of(Settings)[1].parse(text) == 0


@settings(max_examples=100)
@given(
    st.builds(
        Settings,
        count=st.integers(1, 9),
        share=st.floats(0, 1),
        way=st.sampled_from(("up", "down")),
        fast=st.booleans(),
    )
)
def test_values_survive_json_and_text(made: Settings) -> None:
    check_knobs(made)
    assert knobs_from_json(Settings, knobs_to_json(made)) == made
    for one in knobs_of(Settings):
        assert one.parse(str(getattr(made, one.name))) == getattr(made, one.name)


@pytest.mark.parametrize("cls", OWNERS)
def test_every_title_is_of_a_choice_and_the_choice_stays_what_is_stored(cls: type) -> None:
    for one in knobs_of(cls):
        assert set(one.titles) <= set(one.choices)
        assert len({one.title_of(choice) for choice in one.choices}) == len(one.choices)
        assert knobs_to_json(cls())[one.name] == one.default
