"""How calls of C kernels merge with what follows them, worked out on the calls, without any C."""

from __future__ import annotations

import numpy as np
import pytest

from engine.nn.activations import ACTIVATIONS
from engine.nn.kernel_calls import Array, Call, Copy, WeightedSum, scaled_sum
from engine.nn.layers.conv2d import Convolution
from engine.nn.layers.dense import Product
from engine.nn.layers.depthwise import ChannelFilters
from engine.nn.layers.elementwise import Map, Softmax
from engine.nn.layers.norm import ScaleShift
from engine.nn.layers.pool import Maximum, Mean

RELU, TANH = ACTIVATIONS["relu"], ACTIVATIONS["tanh"]
IMAGE, OUT = (6, 6, 2), (6, 6, 3)
SLIDING = {"kernel": 3, "stride": 1, "top": 1, "left": 1}


def convolution(bias: bool = True, pool: int = 1) -> Convolution:
    rng = np.random.default_rng(1)
    weight = Array(rng.standard_normal((3, 3, 3, 2)).astype(np.float32))
    values = rng.standard_normal(3).astype(np.float32) if bias else None
    return Convolution.of("conv2d", (IMAGE, OUT), weight, values, {**SLIDING, "pool": pool})


def depthwise() -> ChannelFilters:
    weight = Array(np.random.default_rng(2).standard_normal((3, 3, 2)).astype(np.float32))
    return ChannelFilters.of("depthwise_conv2d", (IMAGE, IMAGE), weight, None, SLIDING, -1)


def product() -> Product:
    weight = Array(np.random.default_rng(3).standard_normal((3, 4)).astype(np.float32), features=1)
    return Product.of("dense", ((4,), (3,)), weight, np.ones(3, np.float32), {})


WEIGHTED = {"convolution": convolution(), "depthwise": depthwise(), "dense": product()}
by_sum = pytest.mark.parametrize("call", WEIGHTED.values(), ids=WEIGHTED)


def batch_norm(call: Call) -> ScaleShift:
    channels = call.out_shape[-1]
    arrays = {
        "scale": Array(np.arange(1.0, channels + 1)),
        "shift": Array(np.linspace(-1.0, 1.0, channels)),
    }
    return ScaleShift("scale_shift", call.out_shape, call.out_shape, {}, arrays)


def pointwise(call: Call, name: str = "relu") -> Map:
    return Map("map", call.out_shape, call.out_shape, function=ACTIVATIONS[name])


def pool(call: Call, size: int = 2) -> Maximum:
    height, width, channels = call.out_shape
    return Maximum("max_pool", call.out_shape, (height // size, width // size, channels), {"size": size})


@by_sum
def test_a_weighted_sum_takes_one_function(call: WeightedSum) -> None:
    merged = pointwise(call).merged(call)
    assert merged is not None
    assert merged.function is RELU
    assert type(merged) is type(call)
    assert merged.arrays is call.arrays
    assert pointwise(call, "tanh").merged(merged) is None


@by_sum
def test_a_weighted_sum_takes_a_scaling_into_its_weights(call: WeightedSum) -> None:
    merged = batch_norm(call).merged(call)
    assert isinstance(merged, WeightedSum)
    assert merged.biased
    scale, shift = (batch_norm(call).arrays[name].values for name in ("scale", "shift"))
    axis = call.channel_axis
    for channel in range(len(scale)):
        before = np.take(call.arrays["weight"].values, channel, axis)
        after = np.take(merged.arrays["weight"].values, channel, axis)
        np.testing.assert_allclose(after, before * scale[channel], rtol=1e-6)
    expected = call.arrays["bias"].values * scale + shift
    np.testing.assert_allclose(merged.arrays["bias"].values, expected, rtol=1e-6)
    assert {a.values.dtype for a in merged.arrays.values()} == {np.dtype(np.float32)}
    assert merged.arrays["weight"].features == call.arrays["weight"].features


@by_sum
def test_a_scaling_behind_a_function_stays(call: WeightedSum) -> None:
    assert batch_norm(call).merged(call.replace(function=RELU)) is None


def test_a_scaling_behind_a_pool_stays() -> None:
    """The largest of scaled numbers is another one where the scale is negative."""
    assert batch_norm(convolution()).merged(convolution(pool=2)) is None


def test_a_scaling_of_features_that_are_no_channels_stays() -> None:
    call = convolution()
    flat = ScaleShift("scale_shift", (108,), (108,), {}, {n: Array(np.ones(108)) for n in ("scale", "shift")})
    assert flat.merged(call) is None


def test_a_convolution_pools_once() -> None:
    call = convolution()
    merged = pool(call).merged(call)
    assert merged is not None
    assert merged.out_shape == (3, 3, 3)
    assert merged.sizes["pool"] == 2
    assert pool(merged, 3).merged(merged) is None


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_only_what_keeps_the_order_goes_before_a_pool(name: str) -> None:
    call = convolution().replace(function=ACTIVATIONS[name])
    assert (pool(call).merged(call) is not None) is ACTIVATIONS[name].monotone


@pytest.mark.parametrize("call", [depthwise(), Mean("avg_pool", IMAGE, IMAGE, {})], ids=["depthwise", "mean"])
def test_what_has_no_pool_leaves_it_to_its_own_kernel(call: Call) -> None:
    assert pool(call).merged(call) is None


def test_what_takes_no_function_leaves_it_to_its_own_kernel() -> None:
    for call in (
        Mean("avg_pool", IMAGE, IMAGE, {}),
        Copy("map", IMAGE, IMAGE),
        Softmax("softmax", (4,), (4,)),
    ):
        assert call.applied(TANH) is None
        assert call.scaled(np.ones(2), np.zeros(2)) is None


def test_a_softmax_is_a_call_of_its_own() -> None:
    assert Softmax("softmax", (3,), (3,)).merged(product()) is None


def test_batch_norm_takes_the_function_behind_it() -> None:
    call = batch_norm(convolution())
    merged = pointwise(call).merged(call)
    assert isinstance(merged, ScaleShift)
    assert merged.function is RELU


def test_a_missing_bias_is_the_shift() -> None:
    weight, scale, shift = np.ones((2, 3)), np.array([2.0, 3.0]), np.array([0.5, -0.5])
    scaled, bias = scaled_sum(weight, 0.0, 0, scale, shift)
    np.testing.assert_array_equal(scaled, [[2, 2, 2], [3, 3, 3]])
    np.testing.assert_array_equal(bias, shift)


def test_the_order_of_a_flat_input_moves_the_columns_alone() -> None:
    call, order = product(), np.array([2, 0, 3, 1])
    moved = call.reordered(order)
    np.testing.assert_array_equal(moved.arrays["weight"].values, call.arrays["weight"].values[:, order])
    assert moved.arrays["bias"].values is call.arrays["bias"].values
