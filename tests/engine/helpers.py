"""What the contract tests share: layers made from their knobs, networks around them, one gradient checker."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from engine.data.dataset import Dataset
from engine.errors import SpecError
from engine.knobs import Knob, knobs_of
from engine.nn.layers import LAYERS, Flatten
from engine.nn.ops import Arrays, Bound, Op, batch_shape
from engine.nn.param import Param, normal
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec
from engine.nn.workspace import Mode, Workspace
from engine.shapes import Shape

IMAGE_SHAPES: tuple[Shape, ...] = ((7, 6, 3), (6, 6, 2), (5, 9, 1), (8, 8, 13))
FLAT_SHAPES: tuple[Shape, ...] = ((12,), (1,))
BATCH = 3


def generator(text: str) -> np.random.Generator:
    """Return a generator whose seed depends on `text` alone."""
    return np.random.default_rng(zlib.crc32(text.encode()))


def _draw(knob: Knob, rng: np.random.Generator) -> Any:
    if knob.choices:
        return str(rng.choice(knob.choices))
    if knob.type is bool:
        return bool(rng.integers(2))
    low = 0 if knob.low is None else knob.low
    high = low + 5 if knob.high is None else min(low + 5, knob.high)
    if knob.type is int:
        return int(rng.integers(int(low), int(high) + 1))
    return float(rng.uniform(low, high))


def _edges(knob: Knob) -> list[Any]:
    """Return the values of `knob` that deserve a test of their own."""
    if knob.choices:
        return list(knob.choices)
    if knob.type is bool:
        return [True, False]
    return [knob.type(knob.low)] if knob.low is not None else []


def instances(cls: type[LayerSpec], random: int = 8) -> list[LayerSpec]:
    """Return layers of `cls`: the default, each edge of each knob, and random ones."""
    knobs = knobs_of(cls)
    rng = generator(cls.kind)
    found = [cls()]
    found += [cls(**{knob.name: value}) for knob in knobs for value in _edges(knob)]
    if knobs:
        found += [cls(**{knob.name: _draw(knob, rng) for knob in knobs}) for _ in range(random)]
    return list(dict.fromkeys(found))


def _accepts(layer: LayerSpec, shape: Shape) -> bool:
    try:
        layer.out_shape(shape)
    except SpecError:
        return False
    return True


ALL_INSTANCES = [layer for cls in LAYERS.values() for layer in instances(cls)]
CASES = [
    (layer, shape)
    for layer in ALL_INSTANCES
    for shape in (*IMAGE_SHAPES, *FLAT_SHAPES)
    if _accepts(layer, shape)
]


def share(part: int, parts: int) -> list[int]:
    """Return which of `CASES` are part `part` of `parts`: a fair share of each kind of layer, at least one.

    The parts together hold every case. Shapes and knobs are mixed, so that no part has one shape alone.
    """
    kinds: dict[str, list[int]] = {}
    for number, (layer, _) in enumerate(CASES):
        kinds.setdefault(layer.kind, []).append(number)
    mixed = {kind: generator(kind).permutation(numbers) for kind, numbers in kinds.items()}
    return sorted(int(n) for numbers in mixed.values() for n in numbers[part % len(numbers) :: parts])


def case_id(value: object) -> str:
    """Return a readable test id for a layer or a shape."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else repr(value).replace("'", "")


@dataclass(frozen=True)
class Probe(LayerSpec):
    """Adds a trained number to every number of a batch: its gradient is the gradient of what follows."""

    kind: ClassVar[str] = "probe"
    title: ClassVar[str] = "Probe"
    batch: int = BATCH

    def out_shape(self, x: Shape) -> Shape:
        return x

    def params(self, x: Shape) -> Mapping[str, Param]:
        return {"value": Param(batch_shape(x, self.batch), normal(1.0))}

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (AddProbe(x, x),)


@dataclass(frozen=True)
class AddProbe(Op):
    """``y = x + value``."""

    def bind(self, a: Arrays) -> Bound:
        def forward() -> None:
            np.add(a.x, a.p["value"], out=a.y)

        def backward() -> None:
            assert a.dy is not None
            a.g["value"][...] = a.dy
            if a.dx is not None:
                a.dx[...] = a.dy

        return Bound(forward, backward)


def network_around(layer: LayerSpec, shape: Shape, probe: bool = True) -> ModelSpec:
    """Return a network that is `layer` on an input of `shape`, with a probe before it and a flat end."""
    flat = len(shape) == 1
    layers: tuple[LayerSpec, ...] = (Flatten(),) if flat else ()
    layers += (Probe(),) if probe else ()
    layers += (layer,)
    if len(layer.out_shape(shape)) == 3:
        layers += (Flatten(),)
    return ModelSpec(layers, (1, 1, shape[0]) if flat else shape)


class Bench:
    """A float64 workspace for training with random parameters, input and output weights.

    `value` is the scalar ``sum(y * weights)``, the same at each call for the same parameters: dropout draws
    the same masks.
    """

    def __init__(self, spec: ModelSpec, seed: int = 0, batch: int = BATCH) -> None:
        rng = np.random.default_rng(seed)
        self.layout = ParamLayout(spec)
        self.params = self.layout.init(rng).astype(np.float64)
        self.params += 0.1 * rng.standard_normal(self.params.size)
        state = self.params[self.layout.state]
        state[...] = np.abs(state) + 0.5
        self._masks = np.random.default_rng(seed)
        self._start = self._masks.bit_generator.state
        self.space = Workspace(spec, self.params, batch, Mode(train=True), self._masks)
        self.x = rng.standard_normal(self.space.x.shape)
        self.weights = rng.standard_normal(self.space.y.shape)

    def value(self) -> float:
        """Run forward and return the scalar."""
        self._masks.bit_generator.state = self._start
        self.space.x[...] = self.x
        self.space.forward()
        return float((self.space.y * self.weights).sum())

    def gradient(self) -> np.ndarray:
        """Return the gradient of `value` with respect to the parameters, zero for state."""
        self.value()
        assert self.space.dy is not None
        self.space.dy[...] = self.weights
        self.space.backward()
        gradient = self.space.grad.copy()
        gradient[self.layout.state] = 0
        return gradient


def projected_error(value: Callable[[], float], at: np.ndarray, gradient: np.ndarray, seed: int = 1) -> float:
    """Return how far `gradient` is from central differences of `value` along a random direction.

    `at` is changed in place and restored. The error is relative where the slope is above one.
    """
    direction = np.random.default_rng(seed).standard_normal(at.size).reshape(at.shape)
    start, step = at.copy(), 1e-6
    at[...] = start + step * direction
    above = value()
    at[...] = start - step * direction
    below = value()
    at[...] = start
    expected = float((gradient * direction).sum())
    return abs((above - below) / (2 * step) - expected) / max(1.0, abs(expected))


def blobs(count: int = 120, classes: int = 3, side: int = 8, seed: int = 0) -> Dataset:
    """Return an easy data set: each class is a bright square in a place of its own, with noise."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % classes).astype(np.uint8)
    images = rng.integers(0, 60, (count, side, side, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label) * 3, side)
        image[row * 3 : row * 3 + 3, column : column + 3] += 180
    return Dataset("blobs", images, labels, tuple("abcdefgh"[:classes]))
