"""The space of convolutional networks that is searched where none is given.

Two to four blocks of convolution, batch norm and ReLU. The first one reads the image with few filters; each
later one is a plain convolution, or a depthwise and a pointwise one. Pools may follow the first two. Then
come a dense layer or none, and the classes. A layer that a network leaves out is there no times.

The recipe, with which a search begins, is an accurate network: the search then looks for smaller ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.knobs import Scalar
from engine.nn.layers import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.shapes import Shape
from engine.sweep.fields import Recipe, RepeatedLayer
from engine.sweep.grid import Axis
from engine.sweep.search.space import Space, Span
from engine.training.config import TrainConfig

__all__ = ["convolutional_space"]

PLAIN, SEPARABLE, NONE = "plain", "separable", "none"
UNITS = (16, 24, 32, 48, 64, 96, 120)
RATES = (0.02, 0.3)


class _Layers:
    """Layers, with axes that name them by their places."""

    def __init__(self) -> None:
        self.items: list[RepeatedLayer] = []
        self.axes: list[Axis] = []

    def add(self, *items: RepeatedLayer) -> int:
        """Append layers and return the place of the first one."""
        self.items += items
        return len(self.items) - len(items)

    def axis(self, paths: list[str], *values: tuple[Scalar, ...]) -> None:
        """Append an axis over fields of layers."""
        self.axes.append(Axis(tuple(f"layers.{path}" for path in paths), values))

    def field(self, path: str, *values: Scalar) -> None:
        """Append an axis over one field."""
        self.axis([path], *((value,) for value in values))


def convolutional_space(classes: int, input_shape: Shape) -> Space:
    """Return the space for so many classes and images of this shape."""
    layers = _Layers()
    _first_block(layers)
    _block(layers, Conv2D(28, 3, padding="valid"), range(8, 49, 4), (PLAIN, SEPARABLE))
    _pool(layers)
    _block(layers, Conv2D(44, 3), range(8, 65, 4), (NONE, PLAIN, SEPARABLE))
    _block(layers, Conv2D(44, 3, padding="valid"), range(8, 65, 4), (NONE, PLAIN, SEPARABLE))
    _end(layers, classes)
    train = TrainConfig(epochs=3, learning_rate=0.1, threads=1)
    recipe = Recipe(tuple(layers.items), input_shape, train, "layers")
    return Space("convolutional", recipe, (*layers.axes, Span("train.learning_rate", *RATES)))


def _convolution(layer: Conv2D) -> RepeatedLayer:
    """Return it without what the batch norm and activation after it do."""
    return RepeatedLayer(replace(layer, activation="linear", bias=False))


def _after(repeat: int = 1) -> Iterator[RepeatedLayer]:
    """Yield what follows each convolution."""
    yield RepeatedLayer(BatchNorm(), repeat)
    yield RepeatedLayer(Activation("relu"), repeat)


def _first_block(layers: _Layers) -> None:
    place = layers.add(_convolution(Conv2D(14, 3, padding="valid")), *_after())
    layers.field(f"{place}.filters", *range(4, 25, 2))
    layers.field(f"{place}.kernel", 3, 5)
    layers.field(f"{place}.padding", "same", "valid")
    pool = layers.add(RepeatedLayer(MaxPool2D(2)))
    paths = [f"{place}.stride", f"{pool}.repeat"]
    layers.axis(paths, (1, 1), (2, 0), (2, 1))  # without either, the next block has four times the work


def _block(layers: _Layers, usual: Conv2D, choices: range, forms: tuple[str, ...]) -> None:
    """Append a block: a plain convolution, a depthwise and a pointwise one, or nothing."""
    depthwise = RepeatedLayer(DepthwiseConv2D(3, activation="linear", bias=False), 0)
    first = layers.add(depthwise, *_after(0), _convolution(usual), *_after())
    paths = [f"{first + i}.repeat" for i in range(6)] + [f"{first + 3}.kernel"]
    values: dict[str, tuple[tuple[Scalar, ...], ...]] = {
        NONE: ((0, 0, 0, 0, 0, 0, 3),),
        PLAIN: ((0, 0, 0, 1, 1, 1, 3), (0, 0, 0, 1, 1, 1, 5)),
        SEPARABLE: ((1, 1, 1, 1, 1, 1, 1),),
    }
    layers.axis(paths, *(row for form in forms for row in values[form]))
    layers.field(f"{first + 3}.filters", *choices)
    layers.field(f"{first + 3}.padding", "same", "valid")


def _pool(layers: _Layers) -> None:
    place = layers.add(RepeatedLayer(MaxPool2D(2)))
    layers.field(f"{place}.repeat", 0, 1)


def _end(layers: _Layers, classes: int) -> None:
    flat = layers.add(RepeatedLayer(Flatten()), RepeatedLayer(GlobalAvgPool2D(), 0))
    layers.axis([f"{flat}.repeat", f"{flat + 1}.repeat"], (1, 0), (0, 1))
    dense = layers.add(RepeatedLayer(Dense(32, "relu"), 0), RepeatedLayer(Dense(classes)))
    layers.axis([f"{dense}.repeat", f"{dense}.units"], (0, 32), *((1, units) for units in UNITS))
