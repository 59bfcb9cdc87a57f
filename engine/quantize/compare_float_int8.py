"""Compare a float network with its int8 form on the same images: accuracy, loss, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.nn.losses import Loss
from engine.nn.model import Model
from engine.nn.predictor import Predictor, output_activation
from engine.quantize.network import IntegerPredictor
from engine.training.evaluate import Evaluation, Evaluator
from engine.training.images import LabelledImages

__all__ = ["Int8Comparison", "compare_in_parts", "compare_int8", "evaluate_int8"]

BATCH = 32  # images that the float network takes at once
PART = 256  # images between two reports
LEAST_PROBABILITY = 1 / 512  # taken in place of an int8 probability of 0, which has no logarithm


def evaluate_int8(model: Model, loss: Loss, labelled: LabelledImages, threads: int = 1) -> Evaluation:
    """Return the evaluation of the int8 network of `model` on all images of `labelled`.

    Raises
    ------
    QuantizationError
        When the model is not quantized.
    """
    predictor, parts = IntegerPredictor(model), np.array_split(labelled.images, threads)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, "evaluate") as pool:
        logits = np.concatenate(list(pool.map(predictor.logits, parts)))
    predictions = logits.argmax(axis=1)
    outputs = np.ascontiguousarray(logits.T)
    if loss.absorbs is not None and output_activation(model.spec) is loss.absorbs:
        outputs = np.log(np.maximum(outputs, np.float32(LEAST_PROBABILITY)))
    count = max(len(predictions), 1)
    correct = np.count_nonzero(predictions == labelled.labels)
    mean = loss.compute(outputs, labelled.labels, None, 1.0) / count
    return Evaluation(mean, float(correct / count), predictions)


@dataclass(frozen=True)
class Int8Comparison:
    """One model in float and in int8, on the same images."""

    in_float: Evaluation
    in_int8: Evaluation

    @property
    def flips(self) -> NDArray[np.intp]:
        """Indices of the images, (flips,), to which int8 and float assign different classes."""
        return np.flatnonzero(self.in_float.predictions != self.in_int8.predictions)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures that are kept in `Quantization.metrics`."""
        return {
            "float_accuracy": self.in_float.accuracy,
            "accuracy": self.in_int8.accuracy,
            "images": len(self.in_int8.predictions),
            "flips": len(self.flips),
        }


def compare_int8(model: Model, loss: Loss, labelled: LabelledImages, threads: int = 1) -> Int8Comparison:
    """Evaluate a quantized `model` in float and in int8, on all images of `labelled`."""
    in_int8 = evaluate_int8(model, loss, labelled, threads)
    return Int8Comparison(Evaluator(model.spec, loss, threads).run(model.params, labelled), in_int8)


def compare_in_parts(model: Model, data: Dataset) -> Generator[int, None, Int8Comparison]:
    """Compare on one thread and yield the number of images that are done; losses in the result are nan."""
    predictors: tuple[Predictor | IntegerPredictor, ...] = (Predictor(model, BATCH), IntegerPredictor(model))
    answers = np.empty((2, len(data)), np.int64)
    for start in range(0, len(data), PART):
        part = data.images[start : start + PART]
        for row, predictor in enumerate(predictors):
            answers[row, start : start + len(part)] = predictor.logits(part).argmax(axis=1)
        yield start + len(part)
    right = (answers == data.labels).mean(axis=1)
    return Int8Comparison(
        *(Evaluation(math.nan, float(share), row) for share, row in zip(right, answers, strict=True))
    )
