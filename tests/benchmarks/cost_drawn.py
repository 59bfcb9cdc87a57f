"""Random networks to judge cost predictions by; the fit of the rates never sees this generator.

Five ways in which people draw networks, with every size uniform over what the editor offers or nearly so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from engine.errors import SpecError
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    PReLU,
    Upsample2D,
)
from engine.nn.specs import LayerSpec, ModelSpec

__all__ = ["drawn"]

Generator = np.random.Generator
Layers = Iterator[LayerSpec]


def drawn(rng: Generator, count: int, most_macs: int, most_weights: int) -> list[ModelSpec]:
    """Return `count` networks within the limits."""
    specs: list[ModelSpec] = []
    while len(specs) < count:
        style = _STYLES[int(rng.integers(len(_STYLES)))]
        spec = ModelSpec((*style(rng), Dense(int(rng.integers(2, 63)))), _input(rng))
        try:
            fits = spec.macs <= most_macs and spec.parameters <= most_weights
        except SpecError:
            continue
        if fits:
            specs.append(spec)
    return specs


def _input(rng: Generator) -> tuple[int, int, int]:
    if rng.random() < 0.5:
        return (28, 28, 1)
    height, width = (int(n) for n in rng.integers(5, 37, 2))
    return (height, height if rng.random() < 0.7 else width, int(rng.choice([1, 1, 3, 4])))


def _activation(rng: Generator) -> str:
    if rng.random() < 0.6:
        return "relu"
    return str(rng.choice(["relu6", "tanh", "sigmoid", "leaky_relu", "linear"]))


def _stride(rng: Generator) -> int:
    return int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))


def _padding(rng: Generator) -> str:
    return "same" if rng.random() < 0.6 else "valid"


def _kernel(rng: Generator) -> int:
    return int(rng.integers(1, 16)) if rng.random() < 0.2 else int(rng.choice([1, 2, 3, 3, 3, 4, 5, 5, 7]))


def _convolution(rng: Generator) -> Conv2D:
    return Conv2D(int(rng.integers(1, 41)), _kernel(rng), _stride(rng), _padding(rng), _activation(rng))


def _pooling(rng: Generator) -> LayerSpec:
    return (MaxPool2D if rng.random() < 0.75 else AvgPool2D)(int(rng.integers(2, 5)))


def _head(rng: Generator) -> Layers:
    for _ in range(int(rng.integers(0, 3))):
        yield Dense(int(rng.integers(3, 150)), _activation(rng))
        if rng.random() < 0.2:
            yield Dropout(0.5)


def _dense(rng: Generator) -> Layers:
    yield Flatten()
    yield Dense(int(rng.integers(1, 200)), _activation(rng))
    yield from _head(rng)


def _classic(rng: Generator) -> Layers:
    for _ in range(int(rng.integers(1, 4))):
        yield _convolution(rng)
        if rng.random() < 0.7:
            yield _pooling(rng)
    yield Flatten()
    yield from _head(rng)


def _normed(rng: Generator) -> Layers:
    for _ in range(int(rng.integers(1, 5))):
        conv = _convolution(rng)
        yield Conv2D(conv.filters, conv.kernel, conv.stride, conv.padding, "linear")
        yield BatchNorm()
        yield PReLU() if rng.random() < 0.3 else Activation(_activation(rng))
        if rng.random() < 0.4:
            yield _pooling(rng)
    yield GlobalAvgPool2D() if rng.random() < 0.6 else Flatten()


def _separable(rng: Generator) -> Layers:
    yield _convolution(rng)
    for _ in range(int(rng.integers(1, 4))):
        yield DepthwiseConv2D(_kernel(rng), _stride(rng), _padding(rng), _activation(rng))
        yield Conv2D(int(rng.integers(2, 65)), 1, 1, "same", _activation(rng))
    yield GlobalAvgPool2D() if rng.random() < 0.6 else Flatten()


def _odd(rng: Generator) -> Layers:
    yield _convolution(rng)
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(6))
        if kind == 0:
            yield Upsample2D(int(rng.integers(2, 5)))
        elif kind == 1:
            yield PReLU()
        elif kind == 2:
            yield DepthwiseConv2D(_kernel(rng), _stride(rng), _padding(rng), _activation(rng))
        elif kind == 3:
            yield _pooling(rng)
        elif kind == 4:
            yield BatchNorm()
        else:
            yield _convolution(rng)
    yield Flatten()
    yield from _head(rng)


_STYLES: tuple[Callable[[Generator], Layers], ...] = (_dense, _classic, _normed, _separable, _odd)
