"""Classify images.

A `Predictor` has its own copy of the parameters, so training can continue to change the original; `publish`
replaces the copy between two predictions. Images are computed in batches of fixed size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.nn.activations import ACTIVATIONS, ActivationFunction
from engine.nn.layers.elementwise import Activate
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images, lower
from engine.shapes import describe_shape

__all__ = ["Predictor", "checked_images", "output_activation", "scores"]

Images = NDArray[np.uint8]


def output_activation(spec: ModelSpec) -> ActivationFunction | None:
    """Return the activation function that the network ends with, or None."""
    last = lower(spec)[-1][1]
    return last.function if isinstance(last, Activate) else None


def scores(spec: ModelSpec) -> Callable[[FloatArray], None]:
    """Return the function that turns outputs (classes, N) into scores in [0, 1], in place.

    The outputs of networks that end with softmax or sigmoid are scores already; for others it is softmax.
    """
    last = output_activation(spec)
    if last is not None and last.probabilities:
        return lambda outputs: None
    return ACTIVATIONS["softmax"].forward


class Predictor:
    """Runs a network on images.

    Parameters
    ----------
    model : Model
    batch : int
        Images computed at once: 1 for a canvas, more for a data set.
    """

    def __init__(self, model: Model, batch: int = 1) -> None:
        self.spec = model.spec
        self.classes = model.classes
        self._params = model.params.copy()
        self._workspace = Workspace(model.spec, self._params, batch, Mode())
        self._scores = scores(model.spec)
        self._lock = threading.Lock()

    def publish(self, params: NDArray[np.float32]) -> None:
        """Replace the parameters by a copy of `params`, (parameters,); safe while another thread predicts."""
        with self._lock:
            self._params[...] = params

    def logits(self, images: Images) -> NDArray[np.float32]:
        """Return the network's outputs, before softmax if it does not end with one.

        Parameters
        ----------
        images : ndarray of uint8
            (n, height, width) or (n, height, width, channels).

        Returns
        -------
        ndarray of float32
            (n, classes).
        """
        images = checked_images(self.spec, images)
        result = np.empty((len(images), len(self.classes)), np.float32)
        space, batch = self._workspace, self._workspace.batch
        with self._lock:
            for start in range(0, len(images), batch):
                part = images[start : start + batch]
                load_images(part, space.x)
                space.forward()
                result[start : start + batch] = space.y[:, : len(part)].T
        return result

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """Return scores in [0, 1], float32 (n, classes); see `logits` for the argument."""
        outputs = np.ascontiguousarray(self.logits(images).T)
        self._scores(outputs)
        return np.ascontiguousarray(outputs.T)


def checked_images(spec: ModelSpec, images: Images) -> Images:
    """Return `images` as (n, height, width, channels), or raise `SpecError` for another shape."""
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[1:] != spec.input_shape:
        raise SpecError(
            f"the network reads images of {describe_shape(spec.input_shape)}, "
            f"these are {describe_shape(images.shape[1:])}."
        )
    return images
