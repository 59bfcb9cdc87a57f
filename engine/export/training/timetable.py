"""One step of training as calls of kernels, forward and backward, and when each buffer is in use.

The calls are those of an inference and merge in the same way: batch norm is folded into the weights before it
(its statistics stay as they are), and a kernel applies the activation function and the maximum that follow
it. So the feature map before a max pooling is never stored, and the backward pass visits only the places of
the maxima.

A step has one moment for each forward call, one for the loss, and one for each backward call. A buffer that a
backward call reads stays in use until then; the parameters of the kernel in C say what it reads. The gradient
of an in-place call overwrites the gradient that it is computed from. Weights change as soon as their gradient
is known, so gradients of weights are never stored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExportError
from engine.export import kernel_files
from engine.export.arena_plan import WORD, Buffer, Plan, plan
from engine.nn.activations import ActivationFunction
from engine.nn.call_chain import Step, merged_steps
from engine.nn.kernel_calls import Call, Start, Training
from engine.nn.losses import Loss, suitable_loss
from engine.nn.model import Model
from engine.nn.predictor import output_activation
from engine.nn.specs import ModelSpec
from engine.shapes import size

__all__ = ["NOWHERE", "Timetable", "TrainedStep", "timetable"]

NOWHERE = -1


@dataclass(frozen=True)
class Places:
    """The buffers of one call; `NOWHERE` where there is none.

    Attributes
    ----------
    x, y : int
        Input and output.
    dx, dy : int
        Their gradients.
    kept, scratch : int
        What the forward call stores for the backward call, and the scratch memory of the backward call.
    """

    x: int
    y: int
    kept: int = NOWHERE
    dx: int = NOWHERE
    dy: int = NOWHERE
    scratch: int = NOWHERE


@dataclass(frozen=True, eq=False)
class TrainedStep:
    """One call with its place in a step of training.

    Attributes
    ----------
    layers : tuple of int
    call : Call
    training : Training
    learned : mapping of str to int
        The offset of each array that learns in `Timetable.weights`.
    places : Places
    active : bool
        Whether the forward call behaves as in training, which matters to dropout.
    backward : bool
        Whether the backward pass reaches this call.
    """

    layers: tuple[int, ...]
    call: Call
    training: Training
    learned: Mapping[str, int]
    places: Places
    active: bool
    backward: bool

    @property
    def has_gradient(self) -> bool:
        """Whether the backward pass calls a kernel besides the one for the function's slope."""
        goes_on = self.places.dx != NOWHERE or bool(self.learned)
        return self.backward and bool(self.training.backward) and goes_on


@dataclass(frozen=True, eq=False)
class Timetable:
    """A step of training.

    Attributes
    ----------
    steps : tuple of TrainedStep
    buffers : tuple of Buffer
        Buffer 0 is the input.
    plan : Plan
        Their places in the arena, in elements of 4 bytes.
    weights : ndarray of float32, shape (n,)
        The initial values of all arrays that learn, one after the other.
    starts : tuple of (int, Start)
        Length of each array that learns, and its distribution when training starts from random numbers.
    loss : Loss
    absorbed : ActivationFunction or None
        The last activation function, if the loss computes it.
    """

    steps: tuple[TrainedStep, ...]
    buffers: tuple[Buffer, ...]
    plan: Plan
    weights: NDArray[np.float32]
    starts: tuple[tuple[int, Start], ...]
    loss: Loss
    absorbed: ActivationFunction | None

    @property
    def loss_gradient(self) -> int:
        """The buffer that the loss writes."""
        return self.steps[-1].places.dy


def timetable(model: Model, trained: int = 0, head_only: bool = False) -> Timetable:
    """Return how `model` trains on a device.

    Parameters
    ----------
    model : Model
    trained : int
        How many of the last calls with weights learn; 0 for all.
    head_only : bool
        Whether to leave out the calls before those that learn; buffer 0 is then the input of the head.

    Raises
    ------
    ExportError
        When the network has no weights.
    """
    loss = suitable_loss(model.spec, model.record.loss)
    steps, absorbed = _without_absorbed(merged_steps(model, training=True), model.spec, loss)
    first = _first_trained(steps, trained)
    if head_only:
        steps, first = steps[first:], 0
    moments, weights = _Moments(len(steps), size(steps[0][1].in_shape)), _Weights()
    places = moments.placed([call for _, call in steps], first)
    placed = [
        TrainedStep(
            layers,
            call,
            call.training(),
            weights.add(call) if index >= first else {},
            places[index],
            active=index >= first or not trained,
            backward=index >= first,
        )
        for index, (layers, call) in enumerate(steps)
    ]
    buffers = moments.buffers()
    return Timetable(
        tuple(placed), buffers, plan(buffers), weights.values(), weights.starts(), loss, absorbed
    )


def _without_absorbed(
    steps: list[Step], spec: ModelSpec, loss: Loss
) -> tuple[list[Step], ActivationFunction | None]:
    """Return the steps without the last function, if `loss` computes it, and that function."""
    last = output_activation(spec)
    if last is None or last is not loss.absorbs:
        return steps, None
    place = len(steps) - 1 if steps[-1][0] else len(steps) - 2  # a call that only moves numbers may follow it
    return steps[:place] + steps[place + 1 :], last


def _first_trained(steps: Sequence[Step], trained: int) -> int:
    learning = [index for index, (_, call) in enumerate(steps) if call.training().learned]
    if not learning:
        raise ExportError("The network has no weights to train; export it without training.")
    return learning[-min(trained, len(learning))] if trained else learning[0]


class _Weights:
    """The arrays that learn, one after the other."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[np.float32]] = []
        self._starts: list[Start] = []

    def add(self, call: Call) -> dict[str, int]:
        """Append the arrays of `call` that learn; return the offset of each."""
        places = {}
        for name, start in call.training().learned.items():
            places[name] = sum(array.size for array in self._arrays)
            self._arrays.append(call.arrays[name].values.astype(np.float32).ravel())
            self._starts.append(start)
        return places

    def values(self) -> NDArray[np.float32]:
        return np.concatenate(self._arrays)

    def starts(self) -> tuple[tuple[int, Start], ...]:
        return tuple((array.size, start) for array, start in zip(self._arrays, self._starts, strict=True))


class _Moments:
    """The buffers and when they are in use: call after call forward, then backward."""

    def __init__(self, count: int, input_size: int) -> None:
        self._count = count
        self._lives: list[list[int]] = []  # size, first, last
        self._now = 0
        self._place = self._new(input_size)
        self._locked = False  # whether the backward pass of the last call needs its output unchanged

    def buffers(self) -> tuple[Buffer, ...]:
        return tuple(Buffer(*life) for life in self._lives)

    def placed(self, calls: Sequence[Call], first: int) -> list[Places]:
        """Return the buffers that `calls` read and write; the backward pass ends with call `first`."""
        found = [self._forward(call, index >= first) for index, call in enumerate(calls)]
        self._now += 1
        self._use(self._place, self._now)
        dy = self._new(size(calls[-1].out_shape))  # written by the loss
        for index in range(len(calls) - 1, first - 1, -1):
            self._now += 1
            found[index] = self._backward(calls[index], found[index], dy, index > first)
            dy = found[index].dx
        return found

    def _forward(self, call: Call, trained: bool) -> Places:
        """Place the output of `call`, and keep what its backward pass needs in use."""
        self._now += 1
        training, source = call.training(), self._place
        read = _backward_parameters(training) if trained else ()
        back = 2 * self._count + 2 - self._now
        reads_x, reads_y = "x" in read, trained and (call.function is not None or "y" in read)
        if not call.in_place or reads_x or self._locked:
            self._place = self._new(size(call.out_shape))
        self._use(source, back if reads_x else self._now)
        self._use(self._place, back if reads_y else self._now)
        kept = self._new(-(-training.kept // WORD), back) if training.kept and trained else NOWHERE
        self._locked = reads_y
        return Places(source, self._place, kept)

    def _backward(self, call: Call, places: Places, dy: int, wanted: bool) -> Places:
        """Add the buffers of the gradients; that of the input only if it is `wanted`."""
        training, dx, scratch = call.training(), NOWHERE, NOWHERE
        self._use(dy, self._now)
        if wanted:
            dx = dy if call.in_place else self._new(size(call.in_shape))
        if "scratch" in _backward_parameters(training):
            scratch = self._new(training.scratch)
        return dataclasses.replace(places, dx=dx, dy=dy, scratch=scratch)

    def _new(self, elements: int, last: int | None = None) -> int:
        self._lives.append([elements, self._now, self._now if last is None else last])
        return len(self._lives) - 1

    def _use(self, buffer: int, moment: int) -> None:
        life = self._lives[buffer]
        life[2] = max(life[2], moment)


def _backward_parameters(training: Training) -> tuple[str, ...]:
    return kernel_files.parameters(training.backward) if training.backward else ()
