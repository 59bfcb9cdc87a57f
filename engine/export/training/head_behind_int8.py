"""The outputs of a network whose first layers are in int8 and whose last ones, which learn, in floats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.export.training.body import int8_body
from engine.export.training.timetable import timetable
from engine.nn.call_chain import output_orders
from engine.nn.layers import Flatten
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Workspace
from engine.quantize.network import run_stages

__all__ = ["head_inputs", "head_model", "outputs_behind_int8"]


def outputs_behind_int8(model: Model, trained: int, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the outputs of the network with all but its last `trained` layers with weights in int8.

    Parameters
    ----------
    model : Model
    trained : int
        How many of the last layers with weights learn.
    images : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    ndarray of float32, shape (n, classes)
    """
    head = head_model(model, trained)
    space = Workspace(head.spec, head.params, len(images))
    space.x[...] = head_inputs(model, trained, images)
    space.forward()
    return np.ascontiguousarray(space.y.T)


def head_model(model: Model, trained: int) -> Model:
    """Return the head as a model of its own; if its input is a vector, it begins with a flatten layer."""
    begin = _begin(model, trained)
    shape, layers = model.spec.rows()[begin].in_shape, model.spec.layers[begin:]
    flat = len(shape) == 1
    spec = ModelSpec((Flatten(), *layers), (1, 1, *shape)) if flat else ModelSpec(layers, shape)
    layout, whole = ParamLayout(spec), ParamLayout(model.spec)
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(params)[...] = whole.layer(view.layer - flat + begin, model.params)[view.name]
    return Model(spec, params, model.classes, model.name, model.record)


def head_inputs(model: Model, trained: int, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the input of the head, float32 (height, channels, width, n), which the body computes in int8."""
    body = int8_body(model, timetable(model, trained, head_only=True), fast=True)
    x, begin = body.output.dequantize(run_stages(body.network, images)), _begin(model, trained)
    shape = model.spec.rows()[begin].in_shape
    if len(shape) == 3:
        return np.ascontiguousarray(x.reshape(-1, *shape).transpose(1, 3, 2, 0))
    order = output_orders(model)[begin - 1]
    features = np.empty((x.shape[1], len(x)), np.float32)
    features[np.arange(len(features)) if order is None else order] = x.T
    return features.reshape(1, *shape, 1, len(x))


def _begin(model: Model, trained: int) -> int:
    return min(timetable(model, trained, head_only=True).steps[0].layers)
