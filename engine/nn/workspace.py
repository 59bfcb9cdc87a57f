"""The buffers of one network at one batch size, bound to parameters.

Building a workspace lowers the spec to operations, gives each its arrays and keeps the closures. After that a
forward or backward pass is a plain loop over them: no allocation, no decisions. Workspaces of several threads
may share one parameter vector; each has its own gradient vector.

In training every feature map has memory of its own, because the backward pass reads it. Only two gradients
are needed at a time, and only two feature maps when predicting: for these there are two buffers, used in
turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.nn.activations import ActivationFunction
from engine.nn.fake_int8 import Round, Rounding
from engine.nn.layers.elementwise import Activate
from engine.nn.memory import Memory, Scratch
from engine.nn.ops import Allocate, Arrays, Bound, LayerOp, Op, batch_shape, pool_early
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.shapes import Shape

__all__ = ["Mode", "Workspace", "load_images", "lower"]


@dataclass(frozen=True)
class Mode:
    """What a workspace is for.

    Attributes
    ----------
    train : bool
        Whether it has gradients, and dropout and batch statistics are on.
    absorbed : ActivationFunction or None
        A final activation that is left out here because the loss computes it.
    rounding : Rounding or None
        Scales and zero points for fake quantization; None to train in plain float.
    """

    train: bool = False
    absorbed: ActivationFunction | None = None
    rounding: Rounding | None = None


def lower(
    spec: ModelSpec, absorbed: ActivationFunction | None = None, rounding: Rounding | None = None
) -> list[LayerOp]:
    """Return the network's operations in the order of execution, each with its layer's index."""
    ops = [(row.index, op) for row in spec.rows() for op in row.layer.lower(row.in_shape)]
    last = ops[-1][1]
    if rounding is not None:
        ops = list(_rounded(ops, rounding))
    if isinstance(last, Activate) and last.function is absorbed:
        while ops.pop()[1] is not last:
            pass
    return pool_early(ops)


def _rounded(ops: list[LayerOp], rounding: Rounding) -> Iterator[LayerOp]:
    """Yield `ops` with fake quantization of activation inputs and layer outputs between them."""
    for (layer, op), following in zip(ops, [*(layer for layer, _ in ops[1:]), None], strict=True):
        argument = rounding.arguments.get(layer) if isinstance(op, Activate) else None
        if argument is not None:
            yield layer, Round(op.in_shape, op.in_shape, argument)
        yield layer, op
        output = rounding.outputs.get(layer) if following != layer else None
        if output is not None:
            yield layer, Round(op.out_shape, op.out_shape, output)


@dataclass
class _Place:
    """The array that the next operation reads, while a workspace is being built."""

    value: FloatArray
    gradient: FloatArray | None
    locked: bool  # the operation that wrote it needs it unchanged


class Workspace:
    """One network, one batch size, one parameter vector.

    Parameters
    ----------
    spec : ModelSpec
    params : ndarray
        Flat vector in the order of ``ParamLayout(spec)``, shape (parameters,); float32, or float64 in
        gradient checks. It is read, never written.
    batch : int
    mode : Mode
    rng : numpy.random.Generator or None
        For dropout; needed when training a network that has it.

    Attributes
    ----------
    x : ndarray
        Input (height, channels, width, batch), to be written before `forward`.
    y : ndarray
        Output (classes, batch).
    dy : ndarray or None
        Gradient of the loss with respect to `y`, to be written before `backward`.
    grad : ndarray
        Gradient of the loss, in the order of `params`; for running statistics, the statistic of this batch.
    """

    def __init__(
        self,
        spec: ModelSpec,
        params: FloatArray,
        batch: int,
        mode: Mode = Mode(),
        rng: np.random.Generator | None = None,
    ) -> None:
        self.layout = ParamLayout(spec)
        self.batch = batch
        self._train = mode.train
        self._rng = rng if rng is not None else np.random.default_rng(0)
        self.params = params
        self.grad = np.zeros_like(params)
        self._memory = Memory()
        self._scratch = Scratch(self._memory)
        self._kept: defaultdict[int, dict[str, NDArray[Any]]] = defaultdict(dict)
        self._gradient = _in_turns(self._memory, params.dtype)
        lasting = partial(self._memory.take, dtype=params.dtype)
        self._value = lasting if mode.train else _in_turns(self._memory, params.dtype)
        ops = lower(spec, mode.absorbed, mode.rounding)
        self.x = _input(spec.input_shape, batch, lasting, _reads_images(ops))
        place = _Place(self.x, None, locked=True)
        bound: list[Bound] = []
        for layer, op in ops:
            place, passes = self._attach(layer, op, place)
            bound.append(passes)
        self.y = place.value
        self.dy = place.gradient
        self._forward = [passes.forward for passes in bound]
        self._backward = [passes.backward for passes in reversed(bound)]

    def forward(self) -> None:
        """Compute `y` from `x`."""
        for step in self._forward:
            step()

    def backward(self) -> None:
        """Compute `grad` from `dy`, after `forward`; `dy` may be overwritten."""
        for step in self._backward:
            step()

    def _attach(self, layer: int, op: Op, place: _Place) -> tuple[_Place, Bound]:
        after = self._place_after(op, place)
        copies = op.in_place and after.value is not place.value
        self._scratch.restart()
        arrays = Arrays(
            x=after.value if copies else place.value,
            y=after.value,
            dx=after.gradient if copies else place.gradient,
            dy=after.gradient,
            p=self.layout.layer(layer, self.params),
            g=self.layout.layer(layer, self.grad),
            train=self._train,
            rng=self._rng,
            memory=self._memory,
            scratch=self._scratch,
            kept=self._kept[layer],
        )
        passes = op.bind(arrays)
        return after, _copying(passes, place, after) if copies else passes

    def _place_after(self, op: Op, place: _Place) -> _Place:
        shape = batch_shape(op.out_shape, self.batch)
        if op.view:
            gradient = None if place.gradient is None else place.gradient.reshape(shape)
            value = place.value.reshape(shape)
            assert np.shares_memory(value, place.value)  # or `forward` would not see new input
            return _Place(value, gradient, place.locked)
        if op.in_place and not place.locked:
            return _Place(place.value, place.gradient, op.reads_output)
        return _Place(self._value(shape), self._gradient(shape) if self._train else None, op.reads_output)


def _in_turns(memory: Memory, dtype: np.dtype[Any]) -> Allocate:
    """Return an allocator with two buffers that it uses in turn: the array before the last is overwritten."""
    places = cycle((Scratch(memory), Scratch(memory)))

    def take(shape: Shape) -> FloatArray:
        place = next(places)
        place.restart()
        return place.take(shape, dtype)

    return take


def _reads_images(ops: list[LayerOp]) -> bool:
    first = next((op for _, op in ops if not op.view), None)
    return first is not None and first.reads_images


def _input(shape: Shape, batch: int, lasting: Allocate, images_whole: bool) -> FloatArray:
    """Return the input array (H, C, W, N); in memory the batch is last, or first if `images_whole`."""
    if not images_whole:
        return lasting(batch_shape(shape, batch))
    height, width, channels = shape
    return lasting((batch, height, channels, width)).transpose(1, 2, 3, 0)


def _copying(passes: Bound, before: _Place, after: _Place) -> Bound:
    """Let an in-place operation work on a copy, because the operation before needs its output unchanged."""

    def forward() -> None:
        np.copyto(after.value, before.value)
        passes.forward()

    def backward() -> None:
        passes.backward()
        if before.gradient is not None and after.gradient is not None:
            np.copyto(before.gradient, after.gradient)

    return Bound(forward, backward)


def load_images(images: np.ndarray, x: FloatArray) -> None:
    """Write uint8 images (n, H, W, C) to the first n columns of `x` (H, C, W, N), scaled to [0, 1]."""
    part = x[..., : len(images)]
    np.copyto(part, images.transpose(1, 3, 2, 0))
    np.multiply(part, x.dtype.type(1 / 255), out=part)
