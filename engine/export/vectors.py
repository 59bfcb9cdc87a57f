"""Test vectors: inputs, with the outputs that the engine gives for them and exported code must give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.shapes import describe_shape

__all__ = ["TOLERANCE", "Vectors", "agree", "make_vectors", "relative_error"]

TOLERANCE = 1e-5
"""Largest allowed difference of float outputs, relative to the expected one or to 1 where that is smaller."""

_NOISY = 8  # one of so many vectors


@dataclass(frozen=True, eq=False)
class Vectors:
    """Images with expected outputs.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    outputs : ndarray of float32, shape (n, classes)
        Outputs of the float network.
    probabilities : ndarray of float32, shape (n, classes)
    origin : str
        Where the images are from, in words.
    """

    images: NDArray[np.uint8]
    outputs: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    origin: str

    def __len__(self) -> int:
        return len(self.images)


def make_vectors(model: Model, count: int, data: Dataset | None = None) -> Vectors:
    """Return test vectors of `model`.

    Parameters
    ----------
    model : Model
    count : int
        Number of vectors; fewer if `data` has fewer images.
    data : Dataset or None
        The images are spread evenly over it; None for random images, always the same. A model that refuses
        what is no character gets some random images too.

    Raises
    ------
    ExportError
        When the images of `data` have another shape than the network's input.
    """
    images, origin = _random(model, count) if data is None else _from_data(model, count, data)
    if data is not None and model.certainty is not None:
        images, origin = _with_noise(model, images, origin)
    predictor = Predictor(model, batch=min(32, max(1, len(images))))
    return Vectors(images, predictor.logits(images), predictor.probabilities(images), origin)


def agree(found: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which numbers differ by no more than `TOLERANCE`, in the shape of the arguments."""
    return relative_error(found, expected) <= TOLERANCE


def relative_error(found: NDArray[np.float32], expected: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the differences relative to the expected numbers, or to 1 if that is smaller; inf for nan."""
    wide = expected.astype(np.float64)
    error: NDArray[np.float64] = np.abs(found - wide) / np.maximum(1.0, np.abs(wide))
    return np.where(np.isnan(error), np.inf, error)


def _random(model: Model, count: int) -> tuple[NDArray[np.uint8], str]:
    rng = np.random.default_rng(0)
    shape = (count, *model.spec.input_shape)
    return rng.integers(0, 256, shape, dtype=np.uint8), "random, from seed 0"


def _with_noise(model: Model, images: NDArray[np.uint8], origin: str) -> tuple[NDArray[np.uint8], str]:
    """Replace the last ones of `images`, one of `_NOISY`, by random ones."""
    kept = len(images) - len(images) // _NOISY
    noise, of_noise = _random(model, len(images) - kept)
    return np.concatenate([images[:kept], noise]), f"{origin}, the last {len(noise)} {of_noise}"


def _from_data(model: Model, count: int, data: Dataset) -> tuple[NDArray[np.uint8], str]:
    if data.image_shape != model.spec.input_shape:
        raise ExportError(
            f"The images of {data.name} are {describe_shape(data.image_shape)} but the network reads "
            f"{describe_shape(model.spec.input_shape)}; choose test vectors from another data set."
        )
    count = min(count, len(data))
    places = np.linspace(0, len(data) - 1, count).astype(np.int64)
    return data.images[places], f"images of {data.name}"
