"""The designed sample that rates are fitted to: every kernel, over the range of each of its sizes.

Sizes are drawn so that small and large ones are equally common (by their logarithm), because what a kernel
does besides its products weighs most where there are few of them. Networks are short: each of their stages
is one equation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.errors import SpecError
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    PReLU,
    Upsample2D,
)
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec

__all__ = ["designed", "wide"]

FUNCTIONS = ("relu", "relu", "relu6", "linear", "tanh", "sigmoid", "leaky_relu")
MOST_WEIGHTS = 60_000
FEWEST_MACS = 200


def designed(count: int, most_macs: int, seed: int = 1) -> list[ModelSpec]:
    """Return the presets that are small enough, and `count` networks of at most `most_macs`."""
    rng = np.random.default_rng(seed)
    specs: list[ModelSpec] = []
    while len(specs) < count:
        spec = _network(rng)
        try:
            fits = FEWEST_MACS <= spec.macs <= most_macs and spec.parameters <= MOST_WEIGHTS
        except SpecError:
            continue
        if fits:
            specs.append(spec)
    presets = (preset.build() for preset in PRESETS.values())
    return [*(spec for spec in presets if spec.macs <= 4 * most_macs), *specs]


def wide(count: int, seed: int = 2) -> list[ModelSpec]:
    """Return dense networks with many weights, for which kernels have loops of their own."""
    rng = np.random.default_rng(seed)
    return [
        ModelSpec((Flatten(), Dense(_between(rng, 24, 160), _function(rng)), Dense(10)), (side, side, 1))
        for side in (4 * _between(rng, 4, 9) for _ in range(count))
    ]


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    """Return a whole number whose logarithm is spread evenly."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def _network(rng: np.random.Generator) -> ModelSpec:
    side = _between(rng, 3, 40)
    other = side if rng.random() < 0.6 else _between(rng, 3, 40)
    channels = 1 if rng.random() < 0.4 else _between(rng, 2, 64)
    layers: list[LayerSpec] = []
    if rng.random() < 0.85:
        for _ in range(int(rng.integers(1, 4))):
            layers += _image_layers(rng)
    layers.append(GlobalAvgPool2D() if layers and rng.random() < 0.3 else Flatten())
    for _ in range(int(rng.choice([0, 0, 1, 2]))):
        layers.append(Dense(_between(rng, 1, 400), _function(rng)))
        if rng.random() < 0.1:
            layers.append(PReLU())
    if rng.random() < 0.85:
        layers.append(Dense(_between(rng, 2, 64)))
    if rng.random() < 0.1:
        layers.append(Activation("softmax"))
    return ModelSpec(tuple(layers), (side, other, channels))


def _function(rng: np.random.Generator) -> str:
    return str(rng.choice(FUNCTIONS))


def _image_layers(rng: np.random.Generator) -> Iterator[LayerSpec]:
    kind = rng.random()
    kernel, stride = _between(rng, 1, 15), int(rng.choice([1, 1, 2, 3]))
    padding = str(rng.choice(["same", "valid"]))
    pool = int(rng.choice([2, 2, 3, 4]))
    if kind < 0.58:
        yield Conv2D(_between(rng, 1, 64), kernel, stride, padding, _function(rng))
        if rng.random() < 0.45:
            yield MaxPool2D(pool)
    elif kind < 0.78:
        yield DepthwiseConv2D(kernel, stride, padding, _function(rng))
    else:
        yield from _others(rng, pool)


def _others(rng: np.random.Generator, pool: int) -> Iterator[LayerSpec]:
    kind = int(rng.integers(0, 6))
    if kind == 0:
        yield MaxPool2D(pool)
    elif kind == 1:
        yield AvgPool2D(pool)
    elif kind == 2:
        yield Upsample2D(int(rng.integers(2, 4)))
    elif kind == 3:
        yield PReLU()
    elif kind == 4:
        yield Activation(_function(rng))
    else:
        yield BatchNorm()
