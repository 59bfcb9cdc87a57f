"""Run a network layer by layer and observe the output of each layer and the argument of its activation.

A workspace reorders operations and works in place. A probe runs the operations in the order of the layers,
and shows each result before it is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.nn.layers.elementwise import Activate
from engine.nn.memory import Memory, Scratch
from engine.nn.model import Model
from engine.nn.ops import Arrays, Op, batch_shape
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.nn.workspace import load_images

__all__ = ["ARGUMENT", "OUTPUT", "Observer", "Point", "Probe", "silent_layer"]

OUTPUT, ARGUMENT = 0, 1
SILENCE_BATCH = 32  # images at once
Point = tuple[int, int]
"""A layer's index, and `OUTPUT` for its output or `ARGUMENT` for that of its activation function."""
Observer = Callable[[Point, FloatArray], None]


@dataclass(frozen=True)
class _Step:
    """One operation. Its input is shown as the point `before`, its output as `after`; None is not shown."""

    forward: Callable[[], None]
    x: FloatArray
    y: FloatArray
    before: Point | None
    after: Point | None


class Probe:
    """One network at one batch size.

    Parameters
    ----------
    spec : ModelSpec
    params : ndarray of float32
        Flat vector in the order of ``ParamLayout(spec)``.
    batch : int
    """

    def __init__(self, spec: ModelSpec, params: NDArray[np.float32], batch: int) -> None:
        self._batch = batch
        self._layout = ParamLayout(spec)
        self._params = params
        self._memory = Memory()
        self._x = np.zeros(batch_shape(spec.input_shape, batch), np.float32)
        self._steps: list[_Step] = []
        place = self._x
        for row in spec.rows():
            ops = row.layer.lower(row.in_shape)
            for i, op in enumerate(ops):
                after = (row.index, OUTPUT) if i == len(ops) - 1 else None
                place = self._attach(op, row.index, place, after)

    def _attach(self, op: Op, layer: int, x: FloatArray, after: Point | None) -> FloatArray:
        shape = batch_shape(op.out_shape, self._batch)
        y = x.reshape(shape) if op.view else np.zeros(shape, np.float32)
        source = y if op.in_place else x  # x is copied to y first
        state = self._layout.layer(layer, self._params)
        rng = np.random.default_rng(0)
        memory = self._memory
        bound = op.bind(Arrays(source, y, None, None, state, {}, False, rng, memory, Scratch(memory)))

        def forward() -> None:
            if op.in_place:
                np.copyto(y, x)
            bound.forward()

        before = (layer, ARGUMENT) if isinstance(op, Activate) else None
        self._steps.append(_Step(forward, x, y, before, after))
        return y

    def run(self, images: NDArray[np.uint8], observe: Observer) -> None:
        """Run the network and show its tensors.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, height, width, channels)
            At most a batch of them.
        observe : callable
            ``observe(point, values)`` is called for each point. `values` is float32 with the n images as its
            last axis, and is only valid during the call.
        """
        load_images(images, self._x)
        count = len(images)
        for step in self._steps:
            if step.before is not None:
                observe(step.before, step.x[..., :count])
            step.forward()
            if step.after is not None:
                observe(step.after, step.y[..., :count])


def silent_layer(model: Model, images: NDArray[np.uint8]) -> str:
    """Say in one sentence which layer gives the same numbers for all `images`, the first one; else empty.

    Behind such a layer the network cannot tell images apart, whatever it has learned.

    Parameters
    ----------
    model : Model
    images : ndarray of uint8, shape (n, height, width, channels)
        Different images; some dozens of them are enough.
    """
    if (images == images[:1]).all():  # they say nothing
        return ""
    first: dict[int, FloatArray] = {}
    silent = dict.fromkeys(range(len(model.spec.layers)), True)

    def look(point: Point, values: FloatArray) -> None:
        layer, what = point
        if what == OUTPUT:
            first.setdefault(layer, values[..., :1].copy())
            silent[layer] = silent[layer] and bool((values == first[layer]).all())

    probe = Probe(model.spec, model.params, min(len(images), SILENCE_BATCH))
    for start in range(0, len(images), SILENCE_BATCH):
        probe.run(images[start : start + SILENCE_BATCH], look)
    found = next((layer for layer, same in silent.items() if same), None)
    if found is None:
        return ""
    title = model.spec.layers[found].title
    numbers = "the same numbers" if first[found].any() else "0"
    return (
        f"All units of layer {found + 1} ({title}) give {numbers} for every image: the network cannot tell "
        "images apart; train it anew, with a smaller learning rate."
    )
