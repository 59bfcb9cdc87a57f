"""Fake quantization: numbers are rounded to those of int8, and gradients pass unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from engine.int8.arithmetic import Affine
from engine.int8.sums import RealSum
from engine.nn.fake_int8 import Round, Rounding, parameter_copy
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.ops import Arrays
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace, lower

AFFINE = Affine(0.5, -100)  # -14 … 113.5


def bound(values: np.ndarray):
    y, dy = values.astype(np.float32), np.ones(values.shape, np.float32)
    arrays = Arrays(y, y, dy, dy, {}, {}, True, np.random.default_rng(0))
    return y, dy, Round((len(values),), (len(values),), AFFINE).bind(arrays)


def test_numbers_become_what_int8_holds() -> None:
    values = np.linspace(-20, 120, 500)[:, None]
    y, _, passes = bound(values)
    passes.forward()
    held = AFFINE.dequantize(AFFINE.quantize(values))
    np.testing.assert_allclose(y, held, atol=AFFINE.scale / 2)  # halves may go either way
    np.testing.assert_array_equal(y, AFFINE.dequantize(AFFINE.quantize(y)))


def test_gradients_pass_where_nothing_was_clipped() -> None:
    y, dy, passes = bound(np.array([[-14.6], [-14.0], [0.2], [113.5], [114.0]]))
    passes.forward()
    passes.backward()
    assert dy.ravel().tolist() == [0, 1, 1, 1, 0]
    assert y.ravel().tolist() == [-14, -14, 0, 113.5, 113.5]


def test_a_maximum_may_be_taken_before_rounding() -> None:
    spec = ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(2)), (6, 6, 1))
    ops = [op for _, op in lower(spec, rounding=Rounding({0: AFFINE, 1: AFFINE}))]
    places = [index for index, op in enumerate(ops) if isinstance(op, Round)]
    pool = next(index for index, op in enumerate(ops) if op.is_max)
    assert len(places) == 2
    assert min(places) > pool


def test_rounding_of_an_absorbed_activation_is_left_out_with_it() -> None:
    spec = ModelSpec((Flatten(), Dense(2, "softmax")), (2, 2, 1))
    rounding = Rounding({1: Affine(1 / 256, -128)}, {1: AFFINE})
    softmax = lower(spec)[-1][1].function
    assert [type(op).__name__ for _, op in lower(spec, None, rounding)][-3:] == ["Round", "Activate", "Round"]
    assert isinstance(lower(spec, softmax, rounding)[-1][1], Round)
    assert lower(spec, softmax, rounding)[-1][1].affine == AFFINE


def test_a_workspace_learns_through_rounding() -> None:
    spec = ModelSpec((Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(3)), (6, 6, 1))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    rounding = Rounding({1: Affine(0.02, -128), 3: Affine(0.05, 0)})
    gradients = []
    for found in (None, rounding):
        space = Workspace(spec, params, 4, Mode(train=True, rounding=found))
        space.x[...] = np.random.default_rng(1).random(space.x.shape)
        space.forward()
        space.dy[...] = 1
        space.backward()
        gradients.append(space.grad.copy())
    assert gradients[1].any()
    np.testing.assert_allclose(gradients[0], gradients[1], atol=0.05 * np.abs(gradients[0]).max())


WEIGHTED = ModelSpec(
    (Conv2D(3, 3), DepthwiseConv2D(3), BatchNorm(), Activation("relu"), Flatten(), Dense(5)), (6, 6, 2)
)


def test_weights_are_rounded_as_the_integer_network_rounds_them() -> None:
    layout = ParamLayout(WEIGHTED)
    params = layout.init(np.random.default_rng(0))
    out = np.empty_like(params)
    parameter_copy(layout, Rounding())(params, out)
    for view in layout.views:
        before, after = view.of(params), view.of(out)
        if view.param.channel_axis is None:
            np.testing.assert_array_equal(before, after)
            continue
        axis = view.param.channel_axis
        real = RealSum.of(before, np.zeros(before.shape[axis]), axis, 1.0)
        shape = [-1 if i == axis else 1 for i in range(before.ndim)]
        integers = real.scaled_to(1e3).weight * real.scales.reshape(shape)
        np.testing.assert_allclose(after, integers, rtol=1e-5, atol=1e-7)


def test_without_rounding_parameters_are_copied() -> None:
    layout = ParamLayout(WEIGHTED)
    params = layout.init(np.random.default_rng(0))
    out = np.empty_like(params)
    parameter_copy(layout, None)(params, out)
    np.testing.assert_array_equal(params, out)


def test_a_channel_of_zeros_stays_so() -> None:
    spec = ModelSpec((Flatten(), Dense(2)), (1, 2, 1))
    params = np.array([0, 0, 1, 2, 0, 0], np.float32)
    parameter_copy(ParamLayout(spec), Rounding())(params, params)
    assert params[:2].tolist() == [0, 0]
    assert params[2:4].tolist() == pytest.approx([1, 2], abs=0.01)
