"""A float network beside its int8 form: the same images, where the answers differ, and what that costs."""

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
LEAST_PROBABILITY = 1 / 512  # what an int8 probability of 0 may stand for: it has to have a logarithm


def evaluate_int8(model: Model, loss: Loss, images: LabelledImages, threads: int = 1) -> Evaluation:
    """Return the evaluation of the int8 network of `model`, on all of `images`.

    Raises
    ------
    QuantizationError
        When the model is not quantized.
    """
    predictor, parts = IntegerPredictor(model), np.array_split(images.images, threads)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads, "evaluate") as pool:
        logits = np.concatenate(list(pool.map(predictor.logits, parts)))
    predictions = logits.argmax(axis=1)
    outputs = np.ascontiguousarray(logits.T)
    if loss.absorbs is not None and output_activation(model.spec) is loss.absorbs:
        outputs = np.log(np.maximum(outputs, np.float32(LEAST_PROBABILITY)))
    count = max(len(predictions), 1)
    correct = np.count_nonzero(predictions == images.labels)
    mean = loss.compute(outputs, images.labels, None, 1.0) / count
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

    @property
    def metrics(self) -> dict[str, float]:
        """What a quantization keeps of it (`Quantization.metrics`)."""
        return {
            "float_accuracy": self.in_float.accuracy,
            "accuracy": self.in_int8.accuracy,
            "images": len(self.in_int8.predictions),
            "flips": len(self.flips),
        }


def compare_int8(model: Model, loss: Loss, images: LabelledImages, threads: int = 1) -> Int8Comparison:
    """Evaluate a quantized `model` both ways."""
    in_int8 = evaluate_int8(model, loss, images, threads)
    return Int8Comparison(Evaluator(model.spec, loss, threads).run(model.params, images), in_int8)


def compare_in_parts(model: Model, data: Dataset) -> Generator[int, None, Int8Comparison]:
    """Compare as `compare_int8` does, on one thread, yielding how many images are done; losses are nan."""
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
