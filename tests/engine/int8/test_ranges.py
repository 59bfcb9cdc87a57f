"""A quantization goes to JSON and back; a model keeps it only as long as its parameters."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import QuantizationError, SpecError
from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord

RANGES = st.builds(Range, st.floats(-1e20, 0), st.floats(0, 1e20))
LAYERS = st.builds(LayerRanges, RANGES, st.none() | RANGES)
QUANTIZATIONS = st.builds(
    Quantization,
    st.lists(LAYERS, max_size=5).map(tuple),
    st.text(max_size=20),
    st.integers(0, 10**6),
    st.text(max_size=20),
    st.dictionaries(st.text(max_size=9), st.floats(0, 1), max_size=3),
)

SPEC = ModelSpec((Flatten(), Dense(3)), (2, 2, 1))
MODEL = Model.new(SPEC, tuple("abc"), np.random.default_rng(0))
QUANTIZATION = Quantization((LayerRanges(Range(0, 1)), LayerRanges(Range(-2, 3), Range(-1, 1))), "mse", 9)
JSON = QUANTIZATION.to_json()


@given(QUANTIZATIONS)
def test_json_gives_back_the_same(quantization: Quantization) -> None:
    assert Quantization.from_json(json.loads(json.dumps(quantization.to_json()))) == quantization


BAD: list[Any] = [
    None,
    [],
    {},
    JSON | {"layers": None},
    JSON | {"layers": [{}]},
    JSON | {"layers": [{"output": [0, 1]}]},
    JSON | {"layers": [{"output": [0, 1], "argument": None, "more": 1}]},
    JSON | {"layers": [{"output": [0], "argument": None}]},
    JSON | {"layers": [{"output": [0, "1"], "argument": None}]},
    JSON | {"layers": [{"output": [0, True], "argument": None}]},
    JSON | {"layers": [{"output": [1, 2], "argument": None}]},
    JSON | {"layers": [{"output": [0, -1], "argument": None}]},
    JSON | {"layers": [{"output": [0, 1e31], "argument": None}]},
    JSON | {"layers": [{"output": [0, 10**400], "argument": None}]},
    JSON | {"layers": [{"output": [0, float("nan")], "argument": None}]},
    JSON | {"layers": [JSON["layers"][0]] * 2000},
    JSON | {"method": 3},
    JSON | {"method": "m" * 1000},
    JSON | {"data": None},
    JSON | {"images": -1},
    JSON | {"images": 1.5},
    JSON | {"images": True},
    JSON | {"metrics": []},
    JSON | {"metrics": {"accuracy": "high"}},
    JSON | {"metrics": {"a" * 1000: 1}},
    JSON | {"metrics": {str(i): i for i in range(1000)}},
]


@pytest.mark.parametrize("value", BAD, ids=[str(i) for i in range(len(BAD))])
def test_what_is_none_is_refused_in_one_sentence(value: Any) -> None:
    with pytest.raises(QuantizationError) as error:
        Quantization.from_json(value)
    assert str(error.value).count("\n") == 0
    assert len(str(error.value)) < 300


def test_new_parameters_have_no_quantization() -> None:
    model = MODEL.replace(quantization=QUANTIZATION)
    assert model.replace(name="other", record=TrainingRecord.from_json({"a": 1})).quantization is QUANTIZATION
    assert model.replace(params=model.params + 1).quantization is None
    other = ModelSpec((Flatten(), Dense(3, "relu")), (2, 2, 1))
    assert model.replace(spec=other).quantization is None
    assert model.replace(params=model.params + 1, quantization=QUANTIZATION).quantization is QUANTIZATION


def test_a_quantization_of_another_network_is_refused() -> None:
    with pytest.raises(SpecError, match="2 layers but its quantization 1"):
        MODEL.replace(quantization=Quantization((LayerRanges(Range(0, 1)),)))


def test_the_hash_of_a_model_covers_what_decides_about_its_integers() -> None:
    model = MODEL.replace(quantization=QUANTIZATION)
    assert model.fingerprint != MODEL.fingerprint
    measured = Quantization(QUANTIZATION.layers, "mse", 9, metrics={"accuracy": 0.5})
    assert model.replace(quantization=measured).fingerprint == model.fingerprint
    other = Quantization((QUANTIZATION.layers[0],) * 2)
    assert model.replace(quantization=other).fingerprint != model.fingerprint
