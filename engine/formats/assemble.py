"""Make a model of layers and the arrays that a file has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.errors import SpecError
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import MAX_LAYERS, ModelSpec
from engine.shapes import describe_shape

__all__ = ["assembled", "checked"]


def checked(spec: ModelSpec) -> ModelSpec:
    """Return `spec`; raise `SpecError` where it describes no network or one that is too large."""
    spec.rows()
    if len(spec.layers) > MAX_LAYERS:
        raise SpecError(f"a network has at most {MAX_LAYERS} layers, this has {len(spec.layers)}.")
    return spec


def assembled(spec: ModelSpec, arrays: Sequence[Mapping[str, FloatArray]], classes: tuple[str, ...]) -> Model:
    """Return the model whose layers have these `arrays`, by the engine's names.

    Raises
    ------
    SpecError
        When an array is missing or has another shape than the layer needs.
    """
    layout = ParamLayout(checked(spec))
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        found = arrays[view.layer].get(view.name)
        wanted = view.param.shape
        if found is None or found.shape != wanted:
            got = "none" if found is None else describe_shape(found.shape)
            reason = f"its {view.name} must be {describe_shape(wanted)} numbers, the file has {got}."
            raise SpecError(reason, view.layer)
        with np.errstate(over="ignore"):
            view.of(params)[...] = found
        if not np.isfinite(view.of(params)).all():
            raise SpecError(f"its {view.name} holds numbers that 32 bits cannot hold.", view.layer)
    params.setflags(write=False)
    return Model(spec, params, classes)
