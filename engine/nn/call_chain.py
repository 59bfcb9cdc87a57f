"""A model as the sequence of calls that exported code makes, each with the buffers that it reads and writes.

Calls of neighbouring layers are merged here (see `engine.nn.kernel_calls`). Flattening needs no call: it only
changes the order of the numbers that the next layer reads. Calls that can work in place do so, but never on
the input, which belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from engine.nn.kernel_calls import Array, Call, Copy, Gather, Order
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.shapes import Shape, size

__all__ = ["Network", "Stage", "Step", "build_network", "merged_steps", "output_orders", "with_buffers"]


class _Placed(Protocol):
    """The attributes of a call that `with_buffers` reads; float calls and int8 calls have them."""

    @property
    def in_place(self) -> bool: ...

    @property
    def out_shape(self) -> Shape: ...


CallT_co = TypeVar("CallT_co", bound=_Placed, covariant=True)


@dataclass(frozen=True, eq=False)
class Stage(Generic[CallT_co]):
    """A call with its layers and buffers.

    Attributes
    ----------
    layers : tuple of int
        Indices of the layers that it computes; empty if it only reorders numbers.
    call : Call
    source, target : int
        Buffers read and written; equal when in place.
    """

    layers: tuple[int, ...]
    call: CallT_co
    source: int
    target: int


@dataclass(frozen=True, eq=False)
class Network(Generic[CallT_co]):
    """All stages of a model, and its buffers.

    Attributes
    ----------
    stages : tuple of Stage
    sizes : tuple of int
        Number of elements of each buffer. Buffer 0 is the input, the last one is the output.
    """

    stages: tuple[Stage[CallT_co], ...]
    sizes: tuple[int, ...]

    def lifetimes(self) -> tuple[tuple[int, int], ...]:
        """Return the first and last moment at which each buffer is in use.

        At moment 0 the input is written, at moment i stage i runs, and at the last moment the output is read.
        """
        first, last = {0: 0}, {len(self.sizes) - 1: len(self.stages) + 1}
        for time, stage in enumerate(self.stages, start=1):
            first.setdefault(stage.target, time)
            for used in (stage.source, stage.target):
                last[used] = max(time, last.get(used, 0))
        return tuple((first[i], last[i]) for i in range(len(self.sizes)))


Step = tuple[tuple[int, ...], Call]
"""A call with the indices of the layers that it computes; no index if it only reorders numbers."""


def build_network(model: Model) -> Network[Call]:
    """Return the stages that compute `model`."""
    steps = merged_steps(model)
    if not steps:
        steps.append(((), _copy(model.spec.input_shape, model.spec.out_shape)))
    return with_buffers(steps, size(model.spec.input_shape))


def merged_steps(model: Model, training: bool = False) -> list[Step]:
    """Return the merged calls that compute `model`, for inference or while `training` on a device."""
    steps, order = _steps(model, training)
    shape = model.spec.out_shape
    if order is not None and not np.array_equal(order, np.arange(len(order))):
        places = Array(np.argsort(order).astype(np.int32))
        steps.append(((), Gather("gather", shape, shape, {}, {"order": places})))
    return steps


def _copy(source: Shape, target: Shape) -> Call:
    return Copy("map", source, target)


def _steps(model: Model, training: bool) -> tuple[list[Step], Order | None]:
    """Return the merged calls, and the order of the output, None if it is the engine's."""
    order: Order | None = None
    steps: list[Step] = []
    for layer, (calls, order) in enumerate(_ordered_calls(model, training)):  # noqa: B007
        for call in calls:
            if not call.view:
                _append(steps, layer, call)
    return steps, order


def output_orders(model: Model) -> list[Order | None]:
    """Return the order in which exported code holds the output of each layer; None for the engine's."""
    return [order for _, order in _ordered_calls(model, training=False)]


def _ordered_calls(model: Model, training: bool) -> Iterator[tuple[list[Call], Order | None]]:
    """Yield for each layer its calls, adapted to the order of their input, and the order of its output."""
    layout = ParamLayout(model.spec)
    order: Order | None = None
    for row in model.spec.rows():
        made = row.layer.training_calls if training else row.layer.c_calls
        calls = []
        for call in made(row.in_shape, layout.layer(row.index, model.params)):
            calls.append(call if order is None else call.reordered(order))
            order = call.order_after(order)
        yield calls, order


def _append(steps: list[Step], layer: int, call: Call) -> None:
    merged = call.merged(steps[-1][1]) if steps else None
    if merged is None:
        steps.append(((layer,), call))
    else:
        layers = steps[-1][0]
        steps[-1] = (layers if layer in layers else (*layers, layer), merged)


def with_buffers(steps: Sequence[tuple[tuple[int, ...], CallT_co]], input_size: int) -> Network[CallT_co]:
    """Return the network of `steps`, each a call with the layers that it computes."""
    sizes = [input_size]
    stages = []
    for layers, call in steps:
        source = len(sizes) - 1
        if not (call.in_place and source > 0):
            sizes.append(size(call.out_shape))
        stages.append(Stage(layers, call, source, len(sizes) - 1))
    return Network(tuple(stages), tuple(sizes))
