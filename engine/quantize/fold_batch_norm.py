"""Fold batch norm into the weights before it: the same function with fewer layers, as int8 computes it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec

__all__ = ["fold"]

Filled = tuple[LayerSpec, Mapping[str, FloatArray]]


def fold(model: Model) -> Model:
    """Return a model with the same outputs, in which batch norm after linear layers is folded into weights.

    A batch norm after any other layer stays. If there is nothing to fold, the model itself is returned.
    """
    layout = ParamLayout(model.spec)
    layers: list[Filled] = []
    for index, layer in enumerate(model.spec.layers):
        params = layout.layer(index, model.params)
        scaling = layer.scaling(params)
        folded = layers[-1][0].scaled(layers[-1][1], *scaling) if scaling and layers else None
        if folded is None:
            layers.append((layer, params))
        else:
            layers[-1] = folded
    return model if len(layers) == len(model.spec.layers) else _assembled(model, layers)


def _assembled(model: Model, layers: list[Filled]) -> Model:
    spec = type(model.spec)(tuple(layer for layer, _ in layers), model.spec.input_shape)
    layout = ParamLayout(spec)
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(params)[...] = layers[view.layer][1][view.name]
    return model.replace(spec=spec, params=params)
