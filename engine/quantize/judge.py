"""Answers with their certainty, as exported code gives them: a class, or none of the classes.

The one place where the outputs of a float or an int8 network meet the calibration in `engine.int8.certainty`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.int8.certainty import verdicts
from engine.nn.model import Model
from engine.nn.predictor import Predictor, scores
from engine.quantize.network import IntegerPredictor

__all__ = ["Judge", "Judgement", "float_verdicts", "int8_verdicts"]


class Judgement(NamedTuple):
    """The answers to some images.

    Attributes
    ----------
    probabilities : ndarray of float32, shape (n, classes)
        With the temperature of the calibration, if there is one.
    verdicts : ndarray of int64, shape (n,)
        The class, or `REJECTED`.
    """

    probabilities: NDArray[np.float32]
    verdicts: NDArray[np.int64]


class Judge:
    """Answers images with a model, and says where it is not sure.

    Parameters
    ----------
    model : Model
        Without a calibration it is always sure.
    int8 : bool
        Whether to answer as exported int8 code does.
    batch : int
        Images of the float network computed at once.
    """

    def __init__(self, model: Model, int8: bool = False, batch: int = 1) -> None:
        self._model = model
        self._scores = scores(model.spec)
        self._run = _int8_runner(model) if int8 else _float_runner(model, batch)

    def __call__(self, images: NDArray[np.uint8]) -> Judgement:
        """Answer `images`, (n, height, width) or (n, height, width, channels) uint8."""
        logits, found = self._run(images)
        if self._model.certainty is not None:
            logits = logits / np.float32(self._model.certainty.temperature)
        outputs = np.ascontiguousarray(logits.T)
        self._scores(outputs)
        return Judgement(np.ascontiguousarray(outputs.T), found)


_Runner = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.int64]]]


def _float_runner(model: Model, batch: int) -> _Runner:
    predictor = Predictor(model, batch)

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        outputs = predictor.logits(images)
        return outputs, float_verdicts(model, outputs)

    return run


def _int8_runner(model: Model) -> _Runner:
    predictor = IntegerPredictor(model)

    def run(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        outputs = predictor.run(images)
        return predictor.output.dequantize(outputs), int8_verdicts(model, predictor, outputs)

    return run


def float_verdicts(model: Model, outputs: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the verdicts on `outputs`, (n, classes), of the float network of `model`."""
    return _verdicts(outputs, None if model.certainty is None else model.certainty.float_least)


def int8_verdicts(model: Model, predictor: IntegerPredictor, outputs: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the verdicts on `outputs`, (n, classes), of the int8 network of `model`."""
    certainty = model.certainty
    return _verdicts(outputs, None if certainty is None else certainty.int8_least(predictor.output))


def _verdicts(outputs: NDArray[Any], least: NDArray[Any] | None) -> NDArray[np.int64]:
    return outputs.argmax(axis=1).astype(np.int64) if least is None else verdicts(outputs, least)
