"""One step of training as calls of kernels, forward and backward, and when each buffer is in use.

The calls are those of an inference, merged alike: batch norm is folded into the weights before it (its
statistics stay as they are), functions and maxima are applied by the kernel that computes their input. So a
feature map before pooling never exists, and backward only the places of the maxima are visited.

A step has a moment for each call forward, one for the loss, and one for each call backward. A buffer that the
gradient needs lives until then; what that is follows from the parameters of the kernel in C. The gradient of
an in-place call takes the place of the one that it is made from. Weights change as soon as their gradient is
known, which is therefore never stored.
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
        What is left for the backward pass, and what only that needs.
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
        Where each array that learns begins among the weights.
    places : Places
    active : bool
        Whether it behaves as in training, which dropout does otherwise.
    backward : bool
        Whether the gradient comes this far.
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
        """Whether there is more to do backward than the function's slope."""
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
        Where they stand in the arena, in elements of 4 bytes.
    weights : ndarray of float32
        What the arrays that learn begin with, one after the other.
    starts : tuple of (int, Start)
        Length of each such array, and its random numbers when learning begins from scratch.
    loss : Loss
    absorbed : ActivationFunction or None
        The network's last function, if the loss does it.
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

    @property
    def arena_bytes(self) -> int:
        """Memory for feature maps and gradients."""
        return WORD * self.plan.size


def timetable(model: Model, trained: int = 0, head_only: bool = False) -> Timetable:
    """Return how `model` trains on a device.

    Parameters
    ----------
    model : Model
    trained : int
        How many of the last calls with weights learn; 0 for all.
    head_only : bool
        Whether to leave out what comes before the calls that learn: their input is then the first buffer.

    Raises
    ------
    ExportError
        When the network has nothing to learn with.
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
    """Return the steps without a last function that `loss` does, and that function."""
    last = output_activation(spec)
    if last is None or last is not loss.absorbs:
        return steps, None
    place = len(steps) - 1 if steps[-1][0] else len(steps) - 2  # what only moves numbers comes behind it
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
        """Append those of `call`; return where each begins."""
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
    """Buffers as they come into use: call after call forward, then back again."""

    def __init__(self, count: int, input_size: int) -> None:
        self._count = count
        self._lives: list[list[int]] = []  # size, first, last
        self._now = 0
        self._place = self._new(input_size)
        self._locked = False  # what made the buffer at hand needs it unchanged

    def buffers(self) -> tuple[Buffer, ...]:
        return tuple(Buffer(*life) for life in self._lives)

    def placed(self, calls: Sequence[Call], first: int) -> list[Places]:
        """Return where all that `calls` read and write is; the gradient goes back to call `first`."""
        found = [self._forward(call, index >= first) for index, call in enumerate(calls)]
        self._now += 1
        self._use(self._place, self._now)
        dy = self._new(size(calls[-1].out_shape))  # what the loss writes
        for index in range(len(calls) - 1, first - 1, -1):
            self._now += 1
            found[index] = self._backward(calls[index], found[index], dy, index > first)
            dy = found[index].dx
        return found

    def _forward(self, call: Call, trained: bool) -> Places:
        """Place the output of `call`, and all that its backward pass will need."""
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
        """Add the gradients' places, that of the input only where it is `wanted`."""
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
