"""Read a network from JSON. This needs the registry of layers, which `engine.nn.specs` cannot import."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence

from engine.errors import FieldError, SpecError
from engine.knobs import knobs_from_json
from engine.nn.layers import LAYERS
from engine.nn.specs import MAX_ELEMENTS, MAX_LAYERS, LayerSpec, ModelSpec
from engine.shapes import Shape

__all__ = ["spec_from_json"]


def spec_from_json(value: object) -> ModelSpec:
    """Make a spec from parsed JSON, as `ModelSpec.to_json` returns it.

    Raises
    ------
    SpecError
        Naming the layer and field at fault.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("layers"), (list, tuple)):
        raise SpecError('a network must be a JSON object with "input_shape" and a list "layers".')
    raw_layers = value["layers"]
    if len(raw_layers) > MAX_LAYERS:
        raise SpecError(f"a network has at most {MAX_LAYERS} layers, this has {len(raw_layers)}.")
    layers = tuple(_layer_from_json(i, raw) for i, raw in enumerate(raw_layers))
    return ModelSpec(layers, _shape_from_json(value.get("input_shape", [28, 28, 1])))


def _layer_from_json(index: int, raw: object) -> LayerSpec:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("kind"), str):
        raise SpecError('must be a JSON object with a "kind".', index)
    cls = LAYERS.get(raw["kind"])
    if cls is None:
        raise SpecError(
            f"unknown kind {reprlib.repr(raw['kind'])}; known kinds are: {', '.join(LAYERS)}.", index
        )
    fields = {name: value for name, value in raw.items() if name != "kind"}
    try:
        return knobs_from_json(cls, fields)
    except FieldError as error:
        raise SpecError(str(error), index, error.field) from None
    except SpecError as error:
        raise SpecError(error.reason, index, error.field) from None


def _shape_from_json(raw: object) -> Shape:
    if not isinstance(raw, Sequence) or len(raw) != 3 or not all(map(_is_side, raw)):
        wanted = f"height × width × channels, three whole numbers from 1 to {MAX_ELEMENTS:,}"
        raise SpecError(f'"input_shape" must be {wanted}, got {reprlib.repr(raw)}.')
    return tuple(raw)


def _is_side(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_ELEMENTS
