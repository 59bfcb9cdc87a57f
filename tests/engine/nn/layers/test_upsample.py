"""Upsampled maps in int8 are the same numbers, each in a square."""

from __future__ import annotations

import numpy as np
import pytest

from engine.int8.arithmetic import Affine
from engine.int8.ranges import LayerRanges, Range
from engine.nn.layers.upsample import Upsample2D


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_each_int8_becomes_a_square(factor: int) -> None:
    x = np.random.default_rng(factor).integers(-128, 128, (2, 3, 5, 4)).astype(np.int8)
    (made,) = Upsample2D(factor).c_calls((3, 5, 4), {})
    call = made.integer(Affine(0.1, 3), LayerRanges(Range(-1.0, 1.0)))
    assert call is not None
    assert call.target == call.source
    y = call.run(x)
    assert y.shape == (2, *call.out_shape)
    np.testing.assert_array_equal(y, np.kron(x, np.ones((1, factor, factor, 1), np.int8)))
