"""Measure a network on many images, on several threads, without holding more than two small batches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.inference import output_activation
from engine.losses import LOSSES, Loss
from engine.model import Model
from engine.params import ParamLayout
from engine.quantize import IntegerPredictor
from engine.rounding import Rounding, parameter_copy
from engine.specs import ModelSpec
from engine.work import Work
from engine.workspace import Mode, Workspace, load_images

__all__ = ["Comparison", "Evaluation", "Evaluator", "compare_int8", "evaluate_int8", "flips"]

LEAST_PROBABILITY = 1 / 512  # what an int8 probability of 0 may stand for: it has to have a logarithm
BATCH = 32  # the feature maps of a small batch stay in the cache, and two of them in 25 MB


@dataclass(frozen=True)
class Evaluation:
    """The result over a set of images.

    Attributes
    ----------
    loss : float
        Mean loss.
    accuracy : float
        Share of images classified correctly, 0 … 1.
    predictions : ndarray of int64
        The class found for each image.
    """

    loss: float
    accuracy: float
    predictions: NDArray[np.int64]


class Evaluator:
    """Evaluates parameters of one network.

    Parameters
    ----------
    spec : ModelSpec
    loss : Loss
    threads : int
    rounding : Rounding or None
        How int8 is to be felt, if at all.
    """

    def __init__(
        self, spec: ModelSpec, loss: Loss, threads: int = 1, rounding: Rounding | None = None
    ) -> None:
        layout = ParamLayout(spec)
        self._shared = np.empty(layout.size, np.float32)
        self._take = parameter_copy(layout, rounding)
        mode = Mode(absorbed=loss.absorbs, rounding=rounding)
        self._spaces = [Workspace(spec, self._shared, BATCH, mode) for _ in range(threads)]
        self._loss = loss

    def run(
        self, params: NDArray[np.float32], work: Work, indices: NDArray[np.intp] | None = None
    ) -> Evaluation:
        """Return the evaluation of `params` on the images at `indices` (all when None)."""
        self._take(params, self._shared)
        chosen = np.arange(len(work.labels)) if indices is None else indices
        predictions = np.empty(len(chosen), np.int64)
        shares = np.array_split(np.arange(0, len(chosen), BATCH), len(self._spaces))

        def run_share(space: Workspace, starts: NDArray[np.intp]) -> float:
            return sum(self._batch(space, work, chosen, predictions, int(start)) for start in starts)

        if len(self._spaces) == 1:
            losses = [run_share(self._spaces[0], shares[0])]
        else:
            with ThreadPoolExecutor(len(self._spaces), "evaluate") as pool:
                losses = list(pool.map(run_share, self._spaces, shares))
        correct = np.count_nonzero(predictions == work.labels[chosen])
        count = max(len(chosen), 1)
        return Evaluation(sum(losses) / count, float(correct / count), predictions)

    def _batch(
        self,
        space: Workspace,
        work: Work,
        chosen: NDArray[np.intp],
        predictions: NDArray[np.int64],
        start: int,
    ) -> float:
        part = chosen[start : start + BATCH]
        load_images(work.images[part], space.x)
        space.forward()
        outputs = space.y[:, : len(part)]
        predictions[start : start + BATCH] = outputs.argmax(axis=0)
        return self._loss.compute(outputs, work.labels[part], None, 1.0)


def evaluate_int8(model: Model, loss: Loss, work: Work, threads: int = 1) -> Evaluation:
    """Return the evaluation of the int8 network of `model`, on all images of `work`.

    Raises
    ------
    QuantizationError
        When the model is not quantized.
    """
    predictor, parts = IntegerPredictor(model), np.array_split(work.images, threads)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, "evaluate") as pool:
        logits = np.concatenate(list(pool.map(predictor.logits, parts)))
    predictions = logits.argmax(axis=1)
    outputs = np.ascontiguousarray(logits.T)
    if loss.absorbs is not None and output_activation(model.spec) is loss.absorbs:
        outputs = np.log(np.maximum(outputs, np.float32(LEAST_PROBABILITY)))
    count = max(len(predictions), 1)
    correct = np.count_nonzero(predictions == work.labels)
    mean = loss.compute(outputs, work.labels, None, 1.0) / count
    return Evaluation(mean, float(correct / count), predictions)


@dataclass(frozen=True)
class Comparison:
    """One model in float and in int8, on the same images."""

    in_float: Evaluation
    in_int8: Evaluation

    @property
    def flips(self) -> NDArray[np.intp]:
        """Indices of the images that int8 takes for another class than float does."""
        return np.flatnonzero(self.in_float.predictions != self.in_int8.predictions)


def compare_int8(model: Model, loss: Loss, work: Work, threads: int = 1) -> Comparison:
    """Evaluate a quantized `model` both ways."""
    in_int8 = evaluate_int8(model, loss, work, threads)
    return Comparison(Evaluator(model.spec, loss, threads).run(model.params, work), in_int8)


def flips(model: Model, data: Dataset) -> NDArray[np.intp]:
    """Return the indices of the images of `data` whose class flips when a quantized `model` goes to int8."""
    work = Work(data.images, data.labels)
    return compare_int8(model, next(iter(LOSSES.values())), work).flips
