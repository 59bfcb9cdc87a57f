"""The contract of every registered layer, on layers generated from their knobs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import engine.nn.layers
from engine.knobs import knobs_of
from engine.nn.layers import LAYERS
from engine.nn.ops import batch_shape
from engine.nn.param_layout import ParamLayout
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import LayerSpec, ModelSpec
from engine.nn.workspace import Mode, Workspace
from engine.shapes import Shape
from tests.engine.helpers import ALL_INSTANCES, BATCH, CASES, case_id, network_around

by_case = pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)


@pytest.mark.parametrize("cls", LAYERS.values(), ids=LAYERS)
def test_every_layer_has_cases(cls: type[LayerSpec]) -> None:
    assert sum(type(layer) is cls for layer, _ in CASES) > 1
    assert {knob.name for knob in knobs_of(cls)} == {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("layer", ALL_INSTANCES, ids=case_id)
def test_json_round_trip(layer: LayerSpec) -> None:
    spec = ModelSpec((layer,), (9, 9, 2))
    assert spec_from_json(spec.to_json()) == spec


@pytest.mark.parametrize("layer", ALL_INSTANCES, ids=case_id)
def test_repr_is_source(layer: LayerSpec) -> None:
    assert eval(repr(layer), dict(vars(engine.nn.layers))) == layer


@pytest.mark.parametrize("layer", ALL_INSTANCES, ids=case_id)
def test_layers_are_values(layer: LayerSpec) -> None:
    assert layer.replace() == layer
    assert hash(layer.replace()) == hash(layer)
    assert isinstance(layer.summary(), str)


@by_case
def test_declared_shape_is_what_forward_gives(layer: LayerSpec, shape: Shape) -> None:
    spec = network_around(layer, shape, probe=False)
    params = ParamLayout(spec).init(np.random.default_rng(0))
    space = Workspace(spec, params, BATCH)
    space.x[...] = np.random.default_rng(1).random(space.x.shape, np.float32)
    space.forward()
    out = layer.out_shape(shape)
    assert space.y.shape == batch_shape((int(np.prod(out)),), BATCH)
    assert space.y.dtype == np.float32
    assert np.isfinite(space.y).all()


@by_case
def test_parameters_are_initialized_as_declared(layer: LayerSpec, shape: Shape) -> None:
    for param in layer.params(shape).values():
        value = param.init(np.random.default_rng(0), param.shape)
        assert value.shape == param.shape
        assert value.dtype == np.float32
        assert np.isfinite(value).all()


@by_case
def test_items_of_a_batch_do_not_mix_when_predicting(layer: LayerSpec, shape: Shape) -> None:
    spec = network_around(layer, shape, probe=False)
    params = ParamLayout(spec).init(np.random.default_rng(0))
    one, three = (Workspace(spec, params, batch, Mode()) for batch in (1, BATCH))
    three.x[...] = np.random.default_rng(1).random(three.x.shape, np.float32)
    three.forward()
    for item in range(BATCH):
        one.x[..., 0] = three.x[..., item]
        one.forward()
        np.testing.assert_allclose(one.y[:, 0], three.y[:, item], rtol=2e-5, atol=2e-6)
