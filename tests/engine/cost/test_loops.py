"""The counts of loops against the loops themselves, run through in Python for small shapes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from engine.cost.stage import loops_of
from engine.export import ExportOptions
from engine.export.facts import KernelWorkload
from engine.nn.layers import Conv2D, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import size
from tests.engine.cost.test_estimate import model_of
from tests.engine.export.programs import facts_of

GEOMETRIES = [
    (kernel, stride, padding, pool)
    for kernel, stride, padding, pool in product((1, 2, 3, 5), (1, 2, 3), ("same", "valid"), (1, 2, 3))
]


def workload(
    layers: tuple[LayerSpec, ...], channels: int, name: str, variant: str = "auto"
) -> KernelWorkload:
    spec = ModelSpec((*layers, Flatten()), (11, 13, channels))
    return facts_of(model_of(spec), name, ExportOptions(variant=variant)).workloads[0]


def layers_of(kernel: int, stride: int, padding: str, pool: int) -> tuple[LayerSpec, ...]:
    return (Conv2D(3, kernel, stride, padding), *([MaxPool2D(pool)] if pool > 1 else []))


def read(w: KernelWorkload) -> int:
    """Return how many pixels inside of the image all windows together read."""
    s, (height, width, _) = w.sizes, w.in_shape
    pool = s.get("pool", 1)
    places = product(range(w.out_shape[0] * pool), range(w.out_shape[1] * pool))
    return sum(
        0 <= i * s["stride"] - s["top"] + a < height and 0 <= j * s["stride"] - s["left"] + b < width
        for i, j in places
        for a, b in product(range(s["kernel"]), repeat=2)
    )


def total(steps: dict[str, float], start: str) -> float:
    return sum(n for name, n in steps.items() if name.startswith(start))


@pytest.mark.parametrize("geometry", GEOMETRIES[::3])
def test_small_convolutions_read_what_is_inside(geometry: tuple[int, int, str, int]) -> None:
    w = workload(layers_of(*geometry), 2, "c-int8", "small")
    steps = dict(loops_of(w).steps)
    assert total(steps, "products") == read(w) * w.in_shape[2] * w.out_shape[2]
    assert total(steps, "bytes") == size(w.out_shape)


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("geometry", GEOMETRIES[::3])
def test_fast_convolutions_multiply_whole_windows_of_all_places(
    geometry: tuple[int, int, str, int], channels: int
) -> None:
    w = workload(layers_of(*geometry), channels, "c-int8")
    steps, s = dict(loops_of(w).steps), w.sizes
    sums = {place: total(steps, f"{place} sums") for place in ("pair", "single")}
    multiplied = sum(n for name, n in steps.items() if " words" in name)
    assert multiplied == sum(sums.values()) * (s["kernel"] * s["rows"] * s["depth"] // 2)
    filters, rows = w.out_shape[2], w.out_shape[0] * s["pool"]
    by_filter = filters if s["phases"] > 1 else (filters + 1) // 2
    assert (
        2 * sums["pair"] + sums["single"] == -(-rows // s["phases"]) * w.out_shape[1] * s["pool"] * by_filter
    )


@pytest.mark.parametrize("kernel", [1, 3, 9])
@pytest.mark.parametrize("channels", [1, 4, 7])
def test_depthwise_convolutions_multiply_each_channel_once(kernel: int, channels: int) -> None:
    w = workload((DepthwiseConv2D(kernel),), channels, "c-int8")
    steps = dict(loops_of(w).steps)
    pixels = w.out_shape[0] * w.out_shape[1]
    assert total(steps, "bytes") == pixels * channels
    if kernel > 1:
        fours = sum(n for name, n in steps.items() if name.startswith("quad taps") and "given" not in name)
        ones = sum(n for name, n in steps.items() if name.startswith("single taps") and "given" not in name)
        assert 4 * fours + ones == pixels * channels * kernel**2


@pytest.mark.parametrize("geometry", GEOMETRIES[::5])
def test_float_convolutions_leave_out_rows_that_are_outside(geometry: tuple[int, int, str, int]) -> None:
    w = workload(layers_of(*geometry), 3, "c-float32")
    steps, s = dict(loops_of(w).steps), w.sizes
    if s["pool"] > 1:
        return
    taps = total(steps, "single taps") + total(steps, "single ones")
    inside = read(w) * w.in_shape[2]
    assert inside <= taps * 4 <= 4 * np.prod(w.out_shape[:2]) * s["kernel"] ** 2 * w.in_shape[2]
