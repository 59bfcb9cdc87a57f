"""One training step on several threads.

Each batch is split over *replicas*: workspaces that share the parameters, each with a gradient of its own.
BLAS is held to one thread, so that the replicas are the only parallelism; NumPy releases the interpreter
lock in products and elementwise work. Gradients are added in a fixed order: the same seed and number of
threads give the same bits.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from engine.nn.fake_int8 import Rounding, parameter_copy
from engine.nn.losses import Loss
from engine.nn.memory import long_loops
from engine.nn.param import FloatArray
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images
from engine.shapes import size
from engine.training.augment import Augmentation
from engine.training.feed import Feed
from engine.training.images import LabelledImages, even_parts

__all__ = ["Objective", "Replicas", "StepResult", "micro_batches", "useful_threads"]

CACHE = 3 << 19  # 1.5 MB of feature maps: with their gradients they about fill a core's cache
WORTHWHILE = 4_000_000  # multiply-accumulates of a forward pass that are worth a thread of their own
SMALLEST = 16  # images; in smaller parts the calls cost more than the cache gains


@dataclass(frozen=True)
class StepResult:
    """The result of one batch: the sum of its losses and the number of images classified correctly."""

    loss: float
    correct: int

    def __add__(self, other: StepResult) -> StepResult:
        return StepResult(self.loss + other.loss, self.correct + other.correct)


@dataclass(frozen=True)
class Objective:
    """What to minimize.

    Attributes
    ----------
    loss : Loss
    smoothing : float
        Share of each label that is spread over all classes.
    mixup : float
        Alpha of the beta distribution from which pairs of images are blended (Zhang et al. 2018); 0 for none.
    """

    loss: Loss
    smoothing: float = 0.0
    mixup: float = 0.0


def useful_threads(spec: ModelSpec, batch: int, threads: int) -> int:
    """Return how many of `threads` to use: with small shares, waiting costs more than a thread gains."""
    return max(1, min(threads, batch, batch * spec.macs // WORTHWHILE))


def micro_batches(spec: ModelSpec, batch: int) -> int:
    """Return the number of equal parts into which a thread divides its share of a batch.

    The gradients of the parts are added up. Feature maps that stay in the core's cache make a step of LeNet-S
    about 15 % faster. A network with batch norm is not divided: its statistics would be those of a part.
    """
    rows = spec.rows()
    if any(not p.trainable for row in rows for p in row.layer.params(row.in_shape).values()):
        return 1
    image_bytes = 4 * sum(size(row.out_shape) for row in rows)
    wanted = math.ceil(batch * image_bytes / CACHE)
    return next((n for n in range(wanted, batch // SMALLEST + 1) if batch % n == 0), 1)


def has_maps(spec: ModelSpec) -> bool:
    """Return whether a layer gives feature maps, whose channels are rows long enough for `long_loops`."""
    return any(len(row.out_shape) == 3 for row in spec.rows())


@dataclass(frozen=True)
class _Task:
    """The part of a batch that a thread has to compute.

    `scale` is 1 / size of the whole batch; `inputs` are the augmented images (H, C, W, N), None without
    augmentation.
    """

    labelled: LabelledImages
    indices: NDArray[np.intp]
    scale: float
    inputs: FloatArray | None

    def of(self, images: slice) -> _Task:
        """Return the task for some of its images."""
        inputs = None if self.inputs is None else self.inputs[..., images]
        return _Task(self.labelled, self.indices[images], self.scale, inputs)


class _Replica:
    """One thread's part of every batch."""

    def __init__(
        self,
        spec: ModelSpec,
        params: NDArray[np.float32],
        batch: int,
        objective: Objective,
        rng: np.random.Generator,
        rounding: Rounding | None,
    ) -> None:
        count = micro_batches(spec, batch)
        self._size = batch // count
        mode = Mode(train=True, absorbed=objective.loss.absorbs, rounding=rounding)
        self._space = Workspace(spec, params, self._size, mode, rng)
        self.layout = self._space.layout
        self.grad = self._space.grad if count == 1 else np.zeros_like(params)
        self._objective = objective
        self._rng = rng
        self._loops = long_loops if has_maps(spec) else nullcontext

    def run(self, task: _Task) -> StepResult:
        """Compute the gradient for the images of `task`."""
        with self._loops():
            return self._run(task)

    def _run(self, task: _Task) -> StepResult:
        first, *others = (
            task.of(slice(start, start + self._size)) for start in range(0, len(task.indices), self._size)
        )
        result = self._micro(first)
        if self.grad is not self._space.grad:
            np.copyto(self.grad, self._space.grad)
        for part in others:
            result += self._micro(part)
            np.add(self.grad, self._space.grad, out=self.grad)
        return result

    def _micro(self, task: _Task) -> StepResult:
        space = self._space
        if task.inputs is None:
            load_images(task.labelled.pick(task.indices, self._rng), space.x)
        else:
            np.copyto(space.x, task.inputs)
        labels = task.labelled.labels[task.indices]
        mixed = self._mix() if self._objective.mixup else 1.0
        space.forward()
        correct = int(np.count_nonzero(space.y.argmax(axis=0) == labels))
        loss = self._loss(labels, task.scale, mixed)
        space.backward()
        return StepResult(loss, correct)

    def _mix(self) -> float:
        """Blend each image with its counterpart from the other end of the batch; return its own share."""
        x, alpha = self._space.x, self._objective.mixup
        share = float(self._rng.beta(alpha, alpha))
        share = max(share, 1 - share)
        x[...] = np.float32(share) * x + np.float32(1 - share) * x[..., ::-1]
        return share

    def _loss(self, labels: NDArray[np.integer], scale: float, share: float) -> float:
        """Compute loss and gradient; for blended images those of both labels, weighted by their shares."""
        space, objective = self._space, self._objective
        loss = objective.loss.compute(space.y, labels, space.dy, scale * share, objective.smoothing)
        if share == 1 or space.dy is None:
            return loss
        first = space.dy.copy()
        other = objective.loss.compute(
            space.y, labels[::-1], space.dy, scale * (1 - share), objective.smoothing
        )
        np.add(space.dy, first, out=space.dy)
        return share * loss + (1 - share) * other


class _Partner:
    """A thread that runs one replica for each task that it gets.

    Two queues cost a third of what an executor's futures do, and a step of a tiny network is short.
    """

    def __init__(self, replica: _Replica) -> None:
        self._replica = replica
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._results: SimpleQueue[StepResult | BaseException] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, task: _Task) -> None:
        """Begin `_Replica.run`; the thread itself is started by the first task."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="replica", daemon=True)
            self._thread.start()
        self._tasks.put(task)

    def finish(self) -> StepResult:
        """Wait for the result; an exception of the thread is raised here."""
        result = self._results.get()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
            self._thread = None

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                self._results.put(self._replica.run(task))
            except BaseException as error:
                self._results.put(error)


class Replicas:
    """The replicas of one network.

    Parameters
    ----------
    spec : ModelSpec
    params : ndarray of float32, shape (n,)
        Shared by all replicas, which only read it.
    batch : int
        Size of a whole batch.
    objective : Objective
    augmentation : Augmentation
    rngs : sequence of numpy.random.Generator
        One for each thread that may be used.
    rounding : Rounding or None
        How int8 rounds, for fake quantization.

    Attributes
    ----------
    grad : ndarray of float32, shape (n,)
        Gradient of the mean loss of the last batch. For the running statistics of batch norm: the statistics
        of the last batch.
    """

    def __init__(
        self,
        spec: ModelSpec,
        params: NDArray[np.float32],
        batch: int,
        objective: Objective,
        augmentation: Augmentation,
        rngs: Sequence[np.random.Generator],
        rounding: Rounding | None = None,
    ) -> None:
        self._params = params
        self._used = params if rounding is None else params.copy()
        threads = useful_threads(spec, batch, len(rngs))
        self._parts = even_parts(batch, threads)
        self._batch = batch
        self._replicas = [
            _Replica(spec, self._used, part.stop - part.start, objective, rng, rounding)
            for part, rng in zip(self._parts, rngs, strict=False)
        ]
        self._feed = Feed(spec.input_shape, batch, augmentation, rngs[0]) if augmentation.active else None
        self.grad = self._replicas[0].grad
        self.layout = self._replicas[0].layout
        self._take = parameter_copy(self.layout, rounding)
        self._state = self.layout.state
        self._partners = [_Partner(replica) for replica in self._replicas[1:]]

    def step(self, labelled: LabelledImages, indices: NDArray[np.intp]) -> StepResult:
        """Compute `grad` for the batch of images at `indices`."""
        if self._used is not self._params:
            self._take(self._params, self._used)
        inputs = None if self._feed is None else self._feed.fill(labelled, indices)
        whole = _Task(labelled, indices, 1 / self._batch, inputs)
        own, *tasks = (whole.of(part) for part in self._parts)
        for partner, task in zip(self._partners, tasks, strict=True):
            partner.start(task)
        try:
            result = self._replicas[0].run(own)
        finally:
            others = [partner.finish() for partner in self._partners]
        if others:
            self._reduce()
        return sum(others, result)

    def close(self) -> None:
        """End the threads."""
        for partner in self._partners:
            partner.close()

    def _reduce(self) -> None:
        if self._state.start < self._state.stop:
            for replica, part in zip(self._replicas, self._parts, strict=True):
                replica.grad[self._state] *= np.float32((part.stop - part.start) / self._batch)
        for replica in self._replicas[1:]:
            np.add(self.grad, replica.grad, out=self.grad)
