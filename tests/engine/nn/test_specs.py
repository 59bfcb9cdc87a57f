"""Descriptions: values, JSON, and sentences that name the layer and the field at fault."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.nn.layers
from engine.errors import SpecError
from engine.nn.layers import LAYERS, AvgPool2D, Conv2D, Dense, Dropout, Flatten, GlobalAvgPool2D, MaxPool2D
from engine.nn.presets import PRESETS
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import MAX_LAYERS, LayerSpec, ModelSpec
from tests.engine.helpers import ALL_INSTANCES

GOOD = ModelSpec((Conv2D(4), MaxPool2D(2), Flatten(), Dense(3)), (8, 8, 1))


def changed(**fields: Any) -> dict[str, Any]:
    """Return the JSON of `GOOD` with the fields of its first layer changed."""
    value = GOOD.to_json()
    value["layers"][0] |= fields
    return value


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_networks_round_trip(preset: Any) -> None:
    spec = preset.build(7)
    assert spec_from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert eval(repr(spec), {"ModelSpec": ModelSpec, **vars(engine.nn.layers)}) == spec


def test_rows_follow_the_shapes() -> None:
    rows = GOOD.rows()
    assert [row.out_shape for row in rows] == [(8, 8, 4), (4, 4, 4), (64,), (3,)]
    assert [row.parameters for row in rows] == [40, 0, 0, 195]
    assert [row.macs for row in rows] == [8 * 8 * 4 * 9, 0, 0, 192]
    assert (GOOD.parameters, GOOD.macs, GOOD.classes) == (235, 2304 + 192, 3)


@pytest.mark.parametrize(
    ("value", "layer", "field", "words"),
    [
        (None, None, None, "JSON object"),
        ([], None, None, "JSON object"),
        ({"input_shape": [8, 8, 1]}, None, None, "layers"),
        ({"layers": "conv"}, None, None, "JSON object"),
        ({"layers": [], "input_shape": [8, 8, 1]}, None, None, "no layers"),
        ({"layers": [None]}, 0, None, "kind"),
        ({"layers": [{"kind": 3}]}, 0, None, "kind"),
        ({"layers": [{"kind": "conv3d"}]}, 0, None, "conv3d"),
        ({"layers": [{"kind": "flatten"}, {"kind": "dense", "unit": 3}]}, 1, "unit", "unknown field"),
        (changed(filters=0), 0, "filters", "at least 1"),
        (changed(filters=10**9), 0, "filters", "at most 512"),
        (changed(filters=2.5), 0, "filters", "whole number"),
        (changed(filters=True), 0, "filters", "whole number"),
        (changed(filters=None), 0, "filters", "whole number"),
        (changed(kernel="3"), 0, "kernel", "whole number"),
        (changed(padding="full"), 0, "padding", "choose one of"),
        (changed(padding=["same"]), 0, "padding", "text"),
        (changed(activation="gelu"), 0, "activation", "relu6"),
        (changed(bias=1), 0, "bias", "true or false"),
        (changed(kernel=9, padding="valid"), 0, "kernel", "does not fit into 8×8"),
        ({"layers": [{"kind": "dropout", "rate": float("nan")}]}, 0, "rate", "finite"),
        ({**GOOD.to_json(), "input_shape": "28"}, None, None, "input_shape"),
        ({**GOOD.to_json(), "input_shape": [28, 28]}, None, None, "height × width × channels"),
        ({**GOOD.to_json(), "input_shape": [0, 28, 1]}, None, None, "height × width × channels"),
        ({**GOOD.to_json(), "input_shape": [28.0, 28, 1]}, None, None, "whole numbers"),
        ({**GOOD.to_json(), "input_shape": []}, None, None, "height × width × channels"),
        ({**GOOD.to_json(), "input_shape": [2**40, 2**40, 1]}, None, None, "input"),
        ({"layers": [{"kind": "flatten"}] * (MAX_LAYERS + 1)}, None, None, "at most 100"),
    ],
)
def test_bad_json_is_named(value: Any, layer: int | None, field: str | None, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        spec_from_json(value).rows()
    assert (caught.value.layer, caught.value.field) == (layer, field)
    assert "\n" not in str(caught.value)
    if layer is not None:
        assert str(caught.value).startswith(f"Layer {layer + 1}: ")


@pytest.mark.parametrize(
    ("layers", "place", "field", "words"),
    [
        ((Dense(3),), 0, None, "Flatten"),
        ((Flatten(), Conv2D(3)), 1, None, "image"),
        ((Flatten(), MaxPool2D(2), Dense(3)), 1, None, "image"),
        ((GlobalAvgPool2D(), GlobalAvgPool2D()), 1, None, "image"),
        ((AvgPool2D(9), Flatten()), 0, "size", "does not fit"),
        ((Conv2D(3), MaxPool2D(2)), 1, None, "must end in"),
        ((Conv2D(3), Dropout(0.5)), 1, None, "must end in"),
    ],
)
def test_layers_that_do_not_fit(
    layers: tuple[LayerSpec, ...], place: int, field: str | None, words: str
) -> None:
    spec = ModelSpec(layers, (8, 8, 1))
    rows, error = spec.inspect()
    assert error is not None
    assert (error.layer, error.field) == (place, field)
    assert words in str(error)
    assert len(rows) >= place
    with pytest.raises(SpecError, match=words):
        _ = spec.classes


def test_absurd_sizes_are_refused_before_memory_is_taken() -> None:
    wide = ModelSpec((Conv2D(512, 15), Flatten(), Dense(4096), Dense(3)), (1000, 1000, 60))
    with pytest.raises(SpecError, match="too large"):
        wide.rows()
    heavy = ModelSpec((Conv2D(512, 1), Flatten(), Dense(4096), Dense(3)), (64, 64, 1))
    with pytest.raises(SpecError, match="parameters"):
        heavy.rows()


@pytest.mark.parametrize(
    ("many", "place", "words"),
    [
        (ModelSpec((*[Conv2D(1, 1)] * 5, GlobalAvgPool2D()), (2048, 2048, 1)), 0, "outputs of all layers"),
        (ModelSpec((Flatten(), *[Dense(4096)] * 5)), 2, "parameters of all layers"),
    ],
)
def test_many_layers_are_limited_together(many: ModelSpec, place: int, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        many.rows()
    assert caught.value.layer == place


def test_fingerprint_tells_networks_apart() -> None:
    same = spec_from_json(GOOD.to_json())
    other = ModelSpec((*GOOD.layers[:-1], Dense(4)), GOOD.input_shape)
    assert GOOD.fingerprint == same.fingerprint != other.fingerprint


layer_lists = st.lists(st.sampled_from(ALL_INSTANCES), min_size=1, max_size=6)


@settings(max_examples=150)
@given(layer_lists, st.sampled_from([(28, 28, 1), (9, 7, 3), (1, 1, 5)]))
def test_any_stack_has_a_table_or_one_fault(layers: list[LayerSpec], shape: tuple[int, ...]) -> None:
    spec = ModelSpec(tuple(layers), shape)
    rows, error = spec.inspect()
    assert spec_from_json(spec.to_json()) == spec
    assert (len(rows) == len(layers) and len(rows[-1].out_shape) == 1) or error is not None
    for before, after in pairwise(rows):
        assert before.out_shape == after.in_shape


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(list(LAYERS)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["layers", "input_shape", "kind", "units", "kernel", "rate"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(json_values)
def test_any_json_gives_a_network_or_a_sentence(value: Any) -> None:
    with suppress(SpecError):
        spec_from_json(value).rows()
