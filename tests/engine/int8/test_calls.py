"""Each integer call gives what its formula says, worked out number by number in Python's whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.int8.arithmetic import Affine, Requantization, quantize_multiplier
from engine.int8.calls import (
    IntegerAvgPool,
    IntegerConv2D,
    IntegerDense,
    IntegerDepthwise,
    IntegerGather,
    IntegerMaxPool,
    IntegerSoftmax,
    IntegerTable,
    Window,
    softmax_table,
)
from engine.nn.layers.rows import PADDINGS, Geometry

SOURCE, TARGET = Affine(0.1, -5), Affine(0.3, 4)


def int8(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(-128, 128, shape).astype(np.int8)


def scaling(channels: int, high: int = 127) -> Requantization:
    pairs = [quantize_multiplier(0.002 * (i + 1) / channels) for i in range(channels)]
    multiplier, shift = np.array(pairs, np.int32).T
    return Requantization(multiplier, shift, 4, -128, high)


def requantized(sums: int, scale: Requantization, channel: int) -> int:
    """Scale one sum with Python's own whole numbers, as TensorFlow Lite Micro does."""
    product = sums * int(scale.multiplier[channel])
    high = (product + (1 << 30)) >> 31
    shift = int(scale.shift[channel])
    rounded = math.floor(Fraction(abs(high), 1 << shift) + Fraction(1, 2))
    q = (rounded if high >= 0 else -rounded) + scale.zero_point
    return min(max(q, scale.low), scale.high)


@pytest.mark.parametrize("pool", [1, 2, 3])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 1), (3, 1), (3, 2), (2, 3), (5, 4)])
def test_convolution(kernel: int, stride: int, padding: str, pool: int) -> None:
    rng = np.random.default_rng(kernel)
    height, width, channels, filters = 8, 7, 2, 3
    geometry = Geometry.of(height, width, kernel, stride, padding)
    rows, columns = geometry.rows.out // pool, geometry.columns.out // pool
    if not rows or not columns:
        pytest.skip("the pool is larger than the feature map")
    x, weight = int8(rng, 2, height, width, channels), int8(rng, filters, kernel, kernel, channels)
    bias = rng.integers(-5000, 5000, filters).astype(np.int32)
    window, scale = Window(kernel, stride, geometry.rows.before, geometry.columns.before), scaling(filters)
    shapes = ((height, width, channels), (rows, columns, filters))
    call = IntegerConv2D(*shapes, SOURCE, TARGET, weight, bias, scale, window, pool)

    def one(image: int, row: int, column: int, k: int) -> int:
        total = int(bias[k])
        for a in range(kernel):
            for b in range(kernel):
                r, c = row * stride + a - window.top, column * stride + b - window.left
                if 0 <= r < height and 0 <= c < width:
                    pixel, taps = x[image, r, c].astype(int), weight[k, a, b].astype(int)
                    total += int(((pixel - SOURCE.zero_point) * taps).sum())
        return requantized(total, scale, k)

    def largest(image: int, row: int, column: int, k: int) -> int:
        places = [(row * pool + i, column * pool + j) for i in range(pool) for j in range(pool)]
        return max(one(image, *place, k) for place in places)

    expected = np.array([largest(*place) for place in np.ndindex(2, rows, columns, filters)])
    np.testing.assert_array_equal(call.run(x).ravel(), expected)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (2, 3)])
def test_depthwise_convolution(kernel: int, stride: int) -> None:
    rng = np.random.default_rng(kernel)
    height, width, channels = 6, 5, 4
    geometry = Geometry.of(height, width, kernel, stride, "same")
    out = (geometry.rows.out, geometry.columns.out, channels)
    x, weight = int8(rng, 1, height, width, channels), int8(rng, kernel, kernel, channels)
    bias = rng.integers(-5000, 5000, channels).astype(np.int32)
    window, scale = Window(kernel, stride, geometry.rows.before, geometry.columns.before), scaling(channels)
    depthwise = IntegerDepthwise(x.shape[1:], out, SOURCE, TARGET, weight, bias, scale, window)
    each = [
        IntegerConv2D(
            (height, width, 1),
            (*out[:2], 1),
            SOURCE,
            TARGET,
            weight[None, :, :, c : c + 1],
            bias[c : c + 1],
            Requantization(scale.multiplier[c : c + 1], scale.shift[c : c + 1], 4),
            window,
        ).run(x[..., c : c + 1])
        for c in range(channels)
    ]
    np.testing.assert_array_equal(depthwise.run(x), np.concatenate(each, axis=-1))


def test_depthwise_scales_flat_vectors_too() -> None:
    rng = np.random.default_rng(0)
    x, weight = int8(rng, 3, 6), int8(rng, 1, 1, 6)
    scale = scaling(6)
    call = IntegerDepthwise(
        (6,), (6,), SOURCE, TARGET, weight, np.arange(6, dtype=np.int32), scale, Window(1, 1, 0, 0)
    )
    expected = [
        [requantized((int(row[i]) + 5) * int(weight[0, 0, i]) + i, scale, i) for i in range(6)] for row in x
    ]
    np.testing.assert_array_equal(call.run(x), expected)


@pytest.mark.parametrize("features", [1, 7, 3000])
def test_dense_is_exact_beyond_what_single_precision_holds(features: int) -> None:
    weight = np.full((2, features), 127, np.int8)
    weight[1] = -127
    weight[1, 0] = -126
    x = np.full((1, features), 127, np.int8)
    scale = Requantization(*np.array([quantize_multiplier(2.0**-25)] * 2, np.int32).T, 0)
    bias = np.array([1, -1], np.int32)
    call = IntegerDense((features,), (2,), Affine(1.0, -128), TARGET, weight, bias, scale)
    sums = [255 * 127 * features + 1, -255 * 127 * features + 255 - 1]
    np.testing.assert_array_equal(call.run(x)[0], [requantized(s, scale, 0) for s in sums])


def test_pools_drop_what_is_left_over() -> None:
    x = int8(np.random.default_rng(0), 2, 5, 7, 3)
    largest = IntegerMaxPool((5, 7, 3), (2, 3, 3), SOURCE, SOURCE, 2).run(x)
    mean = IntegerAvgPool((5, 7, 3), (2, 3, 3), SOURCE, SOURCE, 2, 2).run(x)
    for n, i, j, c in np.ndindex(2, 2, 3, 3):
        square = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].astype(int)
        assert largest[n, i, j, c] == square.max()
        exact = Fraction(int(square.sum()), 4)
        rounded = math.floor(abs(exact) + Fraction(1, 2))
        assert mean[n, i, j, c] == (rounded if exact >= 0 else -rounded)


def test_a_global_mean_gives_a_flat_vector() -> None:
    x = np.stack([np.full((3, 5), 7), np.full((3, 5), -9)], -1).astype(np.int8)[None]
    assert IntegerAvgPool((3, 5, 2), (2,), SOURCE, SOURCE, 3, 5).run(x).tolist() == [[7, -9]]


def test_tables_and_orders() -> None:
    x = np.array([[-128, 0, 127]], np.int8)
    table = (np.arange(256) // 2).astype(np.int8)
    assert IntegerTable((3,), (3,), SOURCE, TARGET, table).run(x).tolist() == [[0, 64, 127]]
    order = np.array([2, 0, 1], np.int32)
    assert IntegerGather((3,), (3,), SOURCE, SOURCE, order).run(x).tolist() == [[127, -128, 0]]


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=50), st.floats(1e-4, 4.0))
def test_softmax_is_within_a_step_of_the_real_one(values: list[int], scale: float) -> None:
    x = np.array([values], np.int8)
    table = softmax_table(scale, len(values))
    call = IntegerSoftmax(x.shape[1:], x.shape[1:], Affine(scale, 0), Affine(1 / 256, -128), table)
    real = np.exp(scale * (x[0].astype(float) - max(values)))
    found = Affine(1 / 256, -128).dequantize(call.run(x)[0])
    np.testing.assert_allclose(found, np.minimum(real / real.sum(), 255 / 256), atol=1.01 / 256)


@pytest.mark.parametrize("channels", [1, 10, 4095, 4096, 100_000])
def test_sums_of_a_softmax_fit_into_32_bits(channels: int) -> None:
    table = softmax_table(0.0, channels).astype(object)
    total = channels * table[0]
    assert total + total // 2 < 1 << 33
    assert max(total, 256 * table[0] + total // 2) < 1 << 32
    assert table[0] > 1000
