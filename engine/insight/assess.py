"""Let a network answer all images of a set, in float32 or as its int8 code does."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.errors import DataError
from engine.insight.assessment import Assessment
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor

__all__ = ["assess", "assess_in_parts"]

PART = 256  # images between two reports
_BATCH = 32


def assess(model: Model, data: Dataset, int8: bool = False, threads: int = 1) -> Assessment:
    """Return the answers to all images of `data`; see `assess_in_parts`, which does it on one thread."""

    def answers(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return _predictor(model, int8).probabilities(images)

    parts = np.array_split(data.images, max(1, min(threads, len(data))))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(len(parts), "assess") as pool:
        return _assessed(model, data, np.concatenate(list(pool.map(answers, parts))))


def assess_in_parts(model: Model, data: Dataset, int8: bool = False) -> Generator[int, None, Assessment]:
    """Answer all images of `data` and yield how many are done.

    Parameters
    ----------
    model : Model
    data : Dataset
        With the classes of the model.
    int8 : bool
        Whether to answer as exported int8 code does.

    Raises
    ------
    DataError
        When answers are not numbers.
    QuantizationError
        If int8 is asked of a model without calibration ranges.
    """
    predictor = _predictor(model, int8)
    probabilities = np.empty((len(data), len(data.classes)), np.float32)
    for start in range(0, len(data), PART):
        part = slice(start, start + PART)
        probabilities[part] = predictor.probabilities(data.images[part])
        yield min(start + PART, len(data))
    return _assessed(model, data, probabilities)


def _predictor(model: Model, int8: bool) -> Predictor | IntegerPredictor:
    return IntegerPredictor(model) if int8 else Predictor(model, _BATCH)


def _assessed(model: Model, data: Dataset, probabilities: NDArray[np.float32]) -> Assessment:
    unknown = int(np.count_nonzero(~np.isfinite(probabilities).all(axis=1)))
    if unknown:
        raise DataError(
            data.name,
            f"{model.name} gives no numbers for {unknown:,} of its {len(data):,} images; train the network "
            "again.",
        )
    return Assessment(data.classes, data.labels, probabilities)
