"""Every layer's gradient against finite differences in float64, along random directions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from engine.nn.activations import ACTIVATIONS
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.layers.rows import PADDINGS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape
from tests.engine.helpers import CASES, Bench, Probe, case_id, network_around, projected_error

TOLERANCE = 2e-7


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
def test_gradients_of_input_and_parameters(layer: LayerSpec, shape: Shape) -> None:
    bench = Bench(network_around(layer, shape))
    gradient = bench.gradient()
    for view in bench.layout.views:
        if view.param.trainable:
            at, slope = view.of(bench.params), view.of(gradient)
            assert projected_error(bench.value, at, slope) < TOLERANCE, view.key


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("cls", [Conv2D, DepthwiseConv2D])
def test_geometry_grid(cls: type[LayerSpec], padding: str) -> None:
    """Kernels, strides and sides of every parity, square and not."""
    tried = 0
    for kernel, stride, shape in product(
        (1, 2, 3, 5), (1, 2, 3), ((9, 8, 2), (5, 10, 1), (6, 6, 3), (5, 17, 2))
    ):
        layer = cls(kernel=kernel, stride=stride, padding=padding, activation="linear")  # type: ignore[call-arg]
        bench = Bench(network_around(layer, shape))
        gradient = bench.gradient()
        assert projected_error(bench.value, bench.params, gradient) < TOLERANCE, (kernel, stride, shape)
        tried += 1
    assert tried == 48


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_in_a_row(activation: str) -> None:
    """What one operation needs of its output survives the ones that work in place behind it."""
    layers: tuple[LayerSpec, ...] = (
        Conv2D(4, 3, activation=activation),
        Activation(activation),
        BatchNorm(),
        Activation("tanh"),
        Activation(activation),
        MaxPool2D(2),
        Flatten(),
        Probe(),
        Dense(5, activation),
        Activation("sigmoid"),
        Dense(3, "softmax"),
    )
    bench = Bench(ModelSpec(layers, (6, 8, 2)), seed=4)
    gradient = bench.gradient()
    assert np.count_nonzero(gradient) > 10
    assert projected_error(bench.value, bench.params, gradient) < TOLERANCE


def test_batch_norm_around_pools() -> None:
    """Channels whose scale is negative, or zero, pass a maximum that was moved before the scaling."""
    layers: tuple[LayerSpec, ...] = (
        Conv2D(4, 3, activation="linear"),
        BatchNorm(),
        Activation("relu"),
        MaxPool2D(2),
        BatchNorm(),
        MaxPool2D(3),
        BatchNorm(),
        Flatten(),
    )
    bench = Bench(ModelSpec(layers, (7, 9, 2)), seed=6)
    for view in bench.layout.views:
        if view.name == "scale":
            view.of(bench.params)[...] = [-0.7, 1.2, 0, -0.0]
    gradient = bench.gradient()
    assert projected_error(bench.value, bench.params, gradient) < TOLERANCE
