"""Measure a network on many images with several threads, each of which holds one small batch at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.nn.fake_int8 import Rounding, parameter_copy
from engine.nn.losses import Loss
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images
from engine.training.images import LabelledImages

__all__ = ["Evaluation", "Evaluator"]

BATCH = 32  # small: its feature maps stay in the cache, and a large network needs little memory


@dataclass(frozen=True)
class Evaluation:
    """The result on a set of images.

    Attributes
    ----------
    loss : float
        Mean loss.
    accuracy : float
        Share of images classified correctly, 0 … 1.
    predictions : ndarray of int64, shape (n,)
        The predicted class of each image.
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
        How int8 rounds, for fake quantization; None to compute in float alone.
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
        self, params: NDArray[np.float32], labelled: LabelledImages, indices: NDArray[np.intp] | None = None
    ) -> Evaluation:
        """Return the evaluation of `params`.

        Parameters
        ----------
        params : ndarray of float32
            Flat vector in the order of ``ParamLayout(spec)``.
        labelled : LabelledImages
        indices : ndarray of intp, shape (n,), or None
            Which images to take; None for all.
        """
        self._take(params, self._shared)
        chosen = np.arange(len(labelled.labels)) if indices is None else indices
        predictions = np.empty(len(chosen), np.int64)
        shares = np.array_split(np.arange(0, len(chosen), BATCH), len(self._spaces))

        def run_share(space: Workspace, starts: NDArray[np.intp]) -> float:
            return sum(self._batch(space, labelled, chosen, predictions, int(start)) for start in starts)

        if len(self._spaces) == 1:
            losses = [run_share(self._spaces[0], shares[0])]
        else:
            with ThreadPoolExecutor(len(self._spaces), "evaluate") as pool:
                losses = list(pool.map(run_share, self._spaces, shares))
        correct = np.count_nonzero(predictions == labelled.labels[chosen])
        count = max(len(chosen), 1)
        return Evaluation(sum(losses) / count, float(correct / count), predictions)

    def _batch(
        self,
        space: Workspace,
        labelled: LabelledImages,
        chosen: NDArray[np.intp],
        predictions: NDArray[np.int64],
        start: int,
    ) -> float:
        part = chosen[start : start + BATCH]
        load_images(labelled.images[part], space.x)
        space.forward()
        outputs = space.y[:, : len(part)]
        predictions[start : start + BATCH] = outputs.argmax(axis=0)
        return self._loss.compute(outputs, labelled.labels[part], None, 1.0)
