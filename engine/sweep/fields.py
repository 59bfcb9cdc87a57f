"""Everything that a run is made of, and its fields by their paths.

``layers.1.units`` is a field of the second layer, ``train.learning_rate`` one of the training configuration,
``train.augmentation.shift`` one of its augmentation, ``start`` the way in which start values are drawn.
Names, ranges and choices come from the knobs of their classes. A layer has one more field, ``repeat``: how
often it stands in a row.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from engine.errors import FieldError, SpecError
from engine.knobs import Knob, Scalar, check_knobs, knob, knobs_of
from engine.nn.specs import MAX_LAYERS, LayerSpec, ModelSpec
from engine.shapes import Shape
from engine.sweep.initial import STARTS
from engine.training.config import TrainConfig

__all__ = ["Recipe", "RepeatedLayer", "field_of", "value_at", "with_field"]


@dataclass(frozen=True)
class RepeatedLayer:
    """A layer that stands in a row so many times, which may be none."""

    layer: LayerSpec
    repeat: int = knob(1, "Layers", "how often the layer stands in a row", low=0, high=MAX_LAYERS)

    def __post_init__(self) -> None:
        check_knobs(self)


@dataclass(frozen=True)
class Recipe:
    """What a run is made of.

    Attributes
    ----------
    layers : tuple of RepeatedLayer
    input_shape : tuple of int
    train : TrainConfig
    start : str
        How start values are drawn, a key of `STARTS`.
    """

    layers: tuple[RepeatedLayer, ...]
    input_shape: Shape = (28, 28, 1)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    start: str = knob(
        next(iter(STARTS)),
        "Start values",
        "how the first parameters are drawn",
        choices={start.name: start.title for start in STARTS.values()},
    )

    def __post_init__(self) -> None:
        check_knobs(self)

    @classmethod
    def of(cls, spec: ModelSpec, train: TrainConfig) -> Recipe:
        """Return the recipe of a network."""
        return cls(tuple(map(RepeatedLayer, spec.layers)), spec.input_shape, train)

    def spec(self) -> ModelSpec:
        """Return the network; raise `SpecError` if its layers do not fit together."""
        layers = tuple(item.layer for item in self.layers for _ in range(item.repeat))
        if len(layers) > MAX_LAYERS:
            raise SpecError(f"the network has {len(layers)} layers, at most {MAX_LAYERS} are supported.")
        spec = ModelSpec(layers, self.input_shape)
        spec.rows()
        return spec


def field_of(recipe: Recipe, path: str) -> Knob:
    """Return the knob at `path`; raise `FieldError` if there is none."""
    owner, name = _owner(recipe, path)
    return _knobs(owner)[name]


def value_at(recipe: Recipe, path: str) -> Scalar:
    """Return the value at `path`; raise `FieldError` if there is none."""
    owner, name = _owner(recipe, path)
    value: Scalar = getattr(owner, name)
    return value


def with_field(recipe: Recipe, path: str, value: Scalar) -> Recipe:
    """Return a copy of `recipe` with another value at `path`, which must exist."""
    changed: Recipe = _changed(recipe, path.split("."), value)
    return changed


def _knobs(owner: object) -> dict[str, Knob]:
    return {known.name: known for known in knobs_of(type(owner))}


def _owner(recipe: Recipe, path: str) -> tuple[object, str]:
    """Return the object that has the field at `path`, and the name that it has there."""
    *way, name = path.split(".")
    for owner in _owners(recipe, way, path):
        if name in _knobs(owner):
            return owner, name
    raise FieldError(path, f"There is no field {path}; {_known(recipe, way)}.")


def _owners(recipe: Recipe, way: list[str], path: str) -> list[object]:
    """Return the objects whose fields have paths that begin with `way`."""
    match way:
        case []:
            return [recipe]
        case ["layers", number]:
            item = recipe.layers[_index(recipe, number, path)]
            return [item, item.layer]
        case ["train"]:
            return [recipe.train]
        case ["train", "augmentation"]:
            return [recipe.train.augmentation]
    return []


def _index(recipe: Recipe, number: str, path: str) -> int:
    if not number.isdecimal() or int(number) >= len(recipe.layers):
        count = len(recipe.layers)
        raise FieldError(path, f"There is no field {path}; layers are counted from 0 to {count - 1}.")
    return int(number)


def _known(recipe: Recipe, way: list[str]) -> str:
    """Return in words which fields there are."""
    owners = _owners(recipe, way, ".".join(way))
    names = [name for owner in owners for name in _knobs(owner)]
    prefix = "".join(f"{part}." for part in way)
    if names:
        return "fields here are: " + ", ".join(prefix + name for name in names)
    return "fields are start, layers.N.FIELD, train.FIELD and train.augmentation.FIELD"


def _changed(owner: Any, way: list[str], value: Scalar) -> Any:
    name, *rest = way
    if not rest:
        if isinstance(owner, RepeatedLayer) and name in _knobs(owner.layer):
            return dataclasses.replace(owner, layer=owner.layer.replace(**{name: value}))
        return dataclasses.replace(owner, **{name: value})
    if isinstance(owner, tuple):
        index = int(name)
        return (*owner[:index], _changed(owner[index], rest, value), *owner[index + 1 :])
    return dataclasses.replace(owner, **{name: _changed(getattr(owner, name), rest, value)})
