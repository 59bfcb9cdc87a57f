"""Find parameters that dwarf the others of their layer, and so cost accuracy in int8.

The weights of an output share a scale: the largest one becomes 127 steps. If it is 254 times as large as the
usual ones, these are less than half a step and become 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout, ParamView

__all__ = ["Outlier", "outliers"]

DWARFING = 254  # times


@dataclass(frozen=True)
class Outlier:
    """The largest number of a layer's array, which dwarfs the others.

    Attributes
    ----------
    layer : int
        Index of the layer.
    title : str
        What the layer is called.
    place : str
        Which number it is: ``weight[3, 0]``.
    value, times : float
        The number, and how many times as large as usual weights of the layer it is.
    """

    layer: int
    title: str
    place: str
    value: float
    times: float

    @property
    def sentence(self) -> str:
        """What is wrong and what to do."""
        return (
            f"Layer {self.layer + 1} ({self.title}): {self.place} is {self.value:,g}, {self.times:,.0f} "
            "times as large as the usual weights there, which int8 can hardly hold beside it; train the "
            "network again, for example with weight decay."
        )


def outliers(model: Model) -> list[Outlier]:
    """Return the numbers of `model` that dwarf the weights of their layer, at most one for each array."""
    layout = ParamLayout(model.spec)
    views = [view for view in layout.views if view.param.trainable]
    usual = {view.layer: _usual(view.of(model.params)) for view in views if view.param.decayed}
    found = [_outlier(model, view, usual[view.layer]) for view in views if view.layer in usual]
    return [outlier for outlier in found if outlier is not None]


def _usual(weights: FloatArray) -> float:
    """Return the median size of the weights that are not 0."""
    sizes = np.abs(weights[weights != 0])
    return float(np.median(sizes)) if sizes.size else 0.0


def _outlier(model: Model, view: ParamView, usual: float) -> Outlier | None:
    array = view.of(model.params)
    largest = int(np.abs(array).argmax())
    value = float(array.flat[largest])
    if not usual or abs(value) <= DWARFING * usual:
        return None
    indices = ", ".join(str(int(i)) for i in np.unravel_index(largest, array.shape))
    title = model.spec.layers[view.layer].title
    return Outlier(view.layer, title, f"{view.name}[{indices}]", value, abs(value) / usual)
