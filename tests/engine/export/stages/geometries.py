"""Calls and networks for which it matters in which order a kernel reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from engine.errors import SpecError
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerCall, IntegerDepthwise, IntegerFixedSoftmax, IntegerMean, Window
from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.call_chain import build_network
from engine.nn.kernel_calls import Call
from engine.nn.layers import AvgPool2D, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D, PReLU, Upsample2D
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.network import integer_network, run_stages, with_quantization
from engine.shapes import size
from tests.engine.export.int8_kernels import conv2d, requantization
from tests.engine.export.int8_programs import Case
from tests.engine.export.programs import random_model
from tests.engine.export.test_c_float32 import networks
from tests.engine.helpers import share

KERNELS, STRIDES, POOLS = range(1, 16), range(1, 4), range(1, 5)
MOST_NUMBERS = 6_000  # of the largest feature map of a random network


def integer_calls(rng: np.random.Generator) -> Iterator[IntegerCall]:
    """Yield calls of all kinds of layers, and convolutions of each kernel, stride and pool."""
    for spec in _some(rng):
        yield from (stage.call for stage in integer_network(with_quantization(random_model(spec))).stages)
    for kernel, stride, pool in product(KERNELS, STRIDES, POOLS):
        how = {"kernel": kernel, "stride": stride, "pool": pool, "same": int(rng.integers(2))}
        yield conv2d(rng, _shape(rng, kernel, stride * pool), int(rng.choice([1, 2, 9])), **how)
    for kernel, stride, same in product(KERNELS[:7], STRIDES, (0, 1)):
        yield depthwise(rng, _shape(rng, kernel, stride, 6), kernel, stride, same)
    yield from foreign_calls(rng)


def foreign_calls(rng: np.random.Generator) -> Iterator[IntegerCall]:
    """Yield calls that only networks of other programs have."""
    zero, unit = Affine(1.0, 3), Affine(1 / 256, -128)
    for shape in ((3, 5, 4), (7, 7, 1), (1, 1, 9)):
        channels = shape[2]
        scaling = requantization(rng, 1, shape[0] * shape[1], "linear")
        yield IntegerMean(shape, (1, 1, channels), zero, zero, scaling)
        exponentials = np.sort(rng.integers(0, 1 << 31, 256))[::-1].astype(np.int32)
        exponentials[0] = np.iinfo(np.int32).max
        yield IntegerFixedSoftmax((channels,), (channels,), zero, unit, exponentials)


def float_calls(rng: np.random.Generator) -> Iterator[Call]:
    """Yield the same of a float network."""
    for spec in _some(rng):
        yield from (stage.call for stage in build_network(random_model(spec)).stages)
    for kernel, stride, pool in product(KERNELS, STRIDES, POOLS):
        padding = str(rng.choice(["same", "valid"]))
        layers = (Conv2D(int(rng.choice([1, 2, 9])), kernel, stride, padding), MaxPool2D(pool), Flatten())
        yield (
            build_network(random_model(ModelSpec(layers, _shape(rng, kernel, stride * pool)))).stages[0].call
        )
    for kernel, stride, padding in product(KERNELS[:7], STRIDES, ("same", "valid")):
        spec = ModelSpec(
            (DepthwiseConv2D(kernel, stride, padding), Flatten()), _shape(rng, kernel, stride, 6)
        )
        yield build_network(random_model(spec)).stages[0].call


def _some(rng: np.random.Generator) -> list[ModelSpec]:
    """Return a third of the networks around one layer, some of each kind."""
    every = networks()
    return [every[n] for n in share(int(rng.integers(3)), 3)]


def _shape(rng: np.random.Generator, kernel: int, step: int, most: int = 3) -> tuple[int, int, int]:
    """Return a shape with two rows of windows, or a few more, and one column or more."""
    height, width = kernel + step + int(rng.integers(9)), kernel + step - 1 + int(rng.integers(3))
    return height, width, int(rng.integers(1, most + 1))


def depthwise(
    rng: np.random.Generator, shape: tuple[int, int, int], kernel: int, stride: int, same: int
) -> IntegerDepthwise:
    """Return a depthwise convolution with random weights."""
    sides = [-(-n // stride) if same else (n - kernel) // stride + 1 for n in shape[:2]]
    places = zip(sides, shape[:2], strict=True)
    before = [max((places - 1) * stride + kernel - n, 0) // 2 for places, n in places]
    channels = shape[2]
    return IntegerDepthwise(
        shape,
        (*sides, channels),
        Affine(1.0, 3),
        Affine(1.0, 0),
        rng.integers(-127, 128, (kernel, kernel, channels)).astype(np.int8),
        rng.integers(-30_000, 30_000, channels).astype(np.int32),
        requantization(rng, channels, kernel * kernel, "relu"),
        Window(kernel, stride, *before),
    )


def case_of(spec: ModelSpec, rng: np.random.Generator) -> Case:
    """Return a network with random weights and ranges, some images, and what the engine answers.

    Ranges are drawn, not calibrated, which takes a tenth of the time: all that matters here is that numbers
    fill them.
    """
    seen = [LayerRanges(_range(rng), _range(rng)) for _ in spec.layers]
    model = random_model(spec, int(rng.integers(1 << 30))).replace(
        quantization=Quantization(tuple(seen), "drawn")
    )
    images = rng.integers(0, 256, (3, *spec.input_shape), np.uint8)
    images[0] = 255
    outputs = run_stages(integer_network(model), images)
    return Case(model, images, outputs, outputs.astype(np.float32))


def _range(rng: np.random.Generator) -> Range:
    return Range(-float(rng.uniform(0.1, 2)), float(rng.uniform(0.5, 3)))


def overlapping(rng: np.random.Generator) -> ModelSpec:
    """Return a random network whose feature maps share memory.

    Wide maps after narrow ones, so that rows of the output are longer than those of the input; kernels of 1
    to 15, strides of 1 to 3, and pools of 2 to 4 behind many of the convolutions.
    """
    shape = (int(rng.integers(6, 25)), int(rng.integers(6, 25)), int(rng.integers(1, 4)))
    layers: list[LayerSpec] = []
    for _ in range(int(rng.integers(2, 6))):
        layers = _extended(rng, layers, shape)
    end = (Flatten(), Dense(int(rng.integers(2, 6)))) if rng.random() < 0.5 else (Flatten(),)
    return ModelSpec((*layers, *end), shape)


def _extended(rng: np.random.Generator, layers: list[LayerSpec], shape: tuple[int, ...]) -> list[LayerSpec]:
    """Return `layers` and one more, or two; the same if what was drawn does not fit."""
    wanted = [*layers, *_drawn(rng)]
    try:
        rows = ModelSpec((*wanted, Flatten()), shape).rows()
    except SpecError:
        return layers
    return wanted if max(size(row.out_shape) for row in rows) <= MOST_NUMBERS else layers


def _drawn(rng: np.random.Generator) -> list[LayerSpec]:
    kernel, stride = min(int(rng.geometric(0.25)), 15), int(rng.choice([1, 1, 1, 2, 3]))
    padding = str(rng.choice(["same", "valid"]))
    activation = str(rng.choice(["relu", "linear", "tanh", "relu6"]))
    pool = [MaxPool2D(int(rng.integers(2, 5)))]
    kinds: list[list[LayerSpec]] = [
        [Conv2D(int(rng.choice([1, 3, 8, 20])), kernel, stride, padding, activation), *pool],
        [Conv2D(int(rng.choice([2, 5, 16])), kernel, stride, padding, activation)],
        [DepthwiseConv2D(kernel, stride, padding, activation)],
        [AvgPool2D(int(rng.integers(2, 4)))],
        pool,
        [Upsample2D()],
        [PReLU()],
    ]
    return kinds[int(rng.choice(len(kinds), p=[0.5, 0.2, 0.1, 0.05, 0.05, 0.05, 0.05]))]
