"""Tiles: rows of every width are covered, also where they have to be cut up."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest

import engine.nn.memory
from engine.nn.layers import DepthwiseConv2D, Flatten, tiles
from engine.nn.layers.rows import PADDINGS, Geometry
from engine.nn.layers.tiles import MOST, Tiled, tile_width
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace

CHANNELS, BATCH = 3, 2


def test_tiles_are_never_wide() -> None:
    for out in range(1, 200):
        width = tile_width(out)
        assert 1 <= width <= min(out, MOST)
        assert out % width == 0 or out > MOST
        assert (out - out % width) % tile_width(out - out % width) == 0  # the strip before the rest is even


def taps(geometry: Geometry, x: np.ndarray) -> np.ndarray:
    """The padded source (k, k, H, C, W, N) that each tap of each output reads."""
    rows, columns = geometry.rows, geometry.columns
    wide = np.zeros((rows.padded + x.shape[0], CHANNELS, columns.padded + x.shape[2], BATCH))
    wide[rows.before : rows.before + x.shape[0], :, columns.before : columns.before + x.shape[2]] = x
    read = [
        wide[
            i : i + rows.out * rows.stride : rows.stride,
            :,
            j : j + columns.out * columns.stride : columns.stride,
        ]
        for i, j in product(range(geometry.kernel), repeat=2)
    ]
    return np.reshape(read, (geometry.kernel, geometry.kernel, *read[0].shape))


@pytest.mark.parametrize("cache", [1, 4000, tiles.CACHED])
@pytest.mark.parametrize("padding", PADDINGS)
def test_products_by_channels(padding: str, cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One tile and many, with and without a rest; all channels at once, some, and one; one block and many."""
    monkeypatch.setattr(tiles, "CACHED", cache)
    rng = np.random.default_rng(0)
    for width, kernel, stride in product((1, 5, 12, 14, 17, 29), (1, 3, 5), (1, 2)):
        if padding == "valid" and width < kernel:
            continue
        geometry = Geometry.of(7, width, kernel, stride, padding)
        x = rng.standard_normal((7, CHANNELS, width, BATCH))
        dy = rng.standard_normal((geometry.rows.out, CHANNELS, geometry.columns.out, BATCH))
        kernels, grad = rng.standard_normal((2, CHANNELS, kernel, kernel))
        read, y = taps(geometry, x), np.empty_like(dy)
        tiled = Tiled(geometry, x, np.zeros)
        tiled.product(y)(kernels)
        np.testing.assert_allclose(y, np.einsum("cij,ijhcwn->hcwn", kernels, read), atol=1e-12)
        tiled.weight_gradient(dy, grad, np.empty)()
        np.testing.assert_allclose(grad, np.einsum("hcwn,ijhcwn->cij", dy, read), atol=1e-12)


@pytest.mark.parametrize("width", [97, 254])  # a prime, and twice a prime
def test_awkward_widths_take_no_more_memory_than_a_convolution(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.nn.memory, "SLAB", 1)
    spec = ModelSpec((DepthwiseConv2D(3, activation="linear"), Flatten()), (64, width, 4))
    params = ParamLayout(spec).init(np.random.default_rng(0))
    tracemalloc.start()
    try:
        space = Workspace(spec, params, 2, Mode(train=True))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15 * space.x.nbytes + 4 * tiles.CACHED
