"""A float network beside its int8 form: the same images, where the answers differ, and what that costs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.nn.losses import LOSSES, Loss
from engine.nn.model import Model
from engine.nn.predictor import output_activation
from engine.quantize.network import IntegerPredictor
from engine.training.evaluate import Evaluation, Evaluator
from engine.training.images import LabelledImages

__all__ = ["Int8Comparison", "compare_int8", "evaluate_int8", "flips"]


LEAST_PROBABILITY = 1 / 512  # what an int8 probability of 0 may stand for: it has to have a logarithm


def evaluate_int8(model: Model, loss: Loss, work: LabelledImages, threads: int = 1) -> Evaluation:
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
class Int8Comparison:
    """One model in float and in int8, on the same images."""

    in_float: Evaluation
    in_int8: Evaluation

    @property
    def flips(self) -> NDArray[np.intp]:
        """Indices of the images that int8 takes for another class than float does."""
        return np.flatnonzero(self.in_float.predictions != self.in_int8.predictions)


def compare_int8(model: Model, loss: Loss, work: LabelledImages, threads: int = 1) -> Int8Comparison:
    """Evaluate a quantized `model` both ways."""
    in_int8 = evaluate_int8(model, loss, work, threads)
    return Int8Comparison(Evaluator(model.spec, loss, threads).run(model.params, work), in_int8)


def flips(model: Model, data: Dataset) -> NDArray[np.intp]:
    """Return the indices of the images of `data` whose class flips when a quantized `model` goes to int8."""
    work = LabelledImages(data.images, data.labels)
    return compare_int8(model, next(iter(LOSSES.values())), work).flips
