"""All parameters of a network in one flat vector.

An optimizer step, a copy for the canvas, a gradient reduction between threads or a saved checkpoint is
then one array operation. Layers see named views. The vector begins with the parameters that are trained
*and* decayed (weights). Those that are only trained follow (biases, scales), then the state that training
measures (running statistics). So each of these is one slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.nn.param import FloatArray, Param
from engine.nn.specs import ModelSpec
from engine.shapes import size

__all__ = ["ParamLayout", "ParamView"]


@dataclass(frozen=True)
class ParamView:
    """The place of one parameter array in the flat vector."""

    layer: int
    name: str
    param: Param
    start: int

    @property
    def stop(self) -> int:
        """One past the last element."""
        return self.start + size(self.param.shape)

    @property
    def key(self) -> str:
        """A name that is unique in the network, such as ``0.weight``."""
        return f"{self.layer}.{self.name}"

    def of(self, vector: FloatArray) -> FloatArray:
        """Return the part of the flat `vector` that holds this array, as a view of shape `param.shape`."""
        return vector[self.start : self.stop].reshape(self.param.shape)


class ParamLayout:
    """The order of a network's parameters in one flat vector.

    Parameters
    ----------
    spec : ModelSpec

    Attributes
    ----------
    views : tuple of ParamView
        In vector order.
    size : int
        Length of the vector.
    decayed, trainable : slice
        Entries that weight decay changes, and entries that the optimizer changes.
    state : slice
        Entries that hold running statistics.
    """

    def __init__(self, spec: ModelSpec) -> None:
        found = [
            (row.index, name, param)
            for row in spec.rows()
            for name, param in row.layer.params(row.in_shape).items()
        ]
        found.sort(key=lambda item: _rank(item[2]))  # stable: layer order within a rank
        views: list[ParamView] = []
        start = 0
        ends = [0, 0, 0]
        for layer, name, param in found:
            views.append(ParamView(layer, name, param, start))
            start = views[-1].stop
            ends[_rank(param)] = start
        self.views = tuple(views)
        self.size = start
        decayed, trainable = ends[0], max(ends[:2])
        self.decayed = slice(0, decayed)
        self.trainable = slice(0, trainable)
        self.state = slice(trainable, start)

    def init(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return a new vector of start values, shape (size,).

        They are drawn layer by layer, so they do not depend on the order of the vector.
        """
        vector = np.empty(self.size, np.float32)
        for view in sorted(self.views, key=lambda v: v.layer):
            view.of(vector)[...] = view.param.init(rng, view.param.shape)
        return vector

    def layer(self, index: int, vector: FloatArray) -> dict[str, FloatArray]:
        """Return the arrays of layer `index` by name, as views of `vector`."""
        return {v.name: v.of(vector) for v in self.views if v.layer == index}

    def named(self, vector: FloatArray) -> dict[str, FloatArray]:
        """Return every array by its key (``0.weight``), as views of `vector`."""
        return {v.key: v.of(vector) for v in self.views}


def _rank(param: Param) -> int:
    if not param.trainable:
        return 2
    return 0 if param.decayed else 1
