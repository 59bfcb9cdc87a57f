"""Edits of a network: the network after an edit, and which old layer each of its layers was.

A network may have a fault for a while. `fault_of` says what is wrong, `adapted_spec` finds the field that
gives it as many outputs as there are classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engine.errors import SpecError
from engine.knobs import knobs_of
from engine.nn.specs import LayerSpec, ModelSpec

__all__ = [
    "Edit",
    "adapted_spec",
    "add_layer",
    "change_layer",
    "fault_of",
    "move_layer",
    "remove_layer",
]


@dataclass(frozen=True)
class Edit:
    """A changed network, and which layer of the old one each of its layers was.

    Attributes
    ----------
    spec : ModelSpec
    sources : tuple of int or None
        For each layer its index before the change; None for a new one.
    """

    spec: ModelSpec
    sources: tuple[int | None, ...]


def add_layer(spec: ModelSpec, index: int, layer: LayerSpec) -> Edit:
    """Put `layer` in so that it becomes number `index`."""
    old = list(range(len(spec.layers)))
    return _rearranged(spec, [*old[:index], None, *old[index:]], {index: layer})


def remove_layer(spec: ModelSpec, index: int) -> Edit:
    """Take layer `index` out."""
    return _rearranged(spec, [i for i in range(len(spec.layers)) if i != index], {})


def move_layer(spec: ModelSpec, index: int, to: int) -> Edit:
    """Move layer `index` so that it becomes number `to`."""
    order: list[int | None] = list(range(len(spec.layers)))
    order.insert(to, order.pop(index))
    return _rearranged(spec, order, {})


def change_layer(spec: ModelSpec, index: int, layer: LayerSpec) -> Edit:
    """Put `layer` in the place of layer `index`."""
    return _rearranged(spec, list(range(len(spec.layers))), {index: layer})


def _rearranged(spec: ModelSpec, order: list[Any], new: dict[int, LayerSpec]) -> Edit:
    layers = tuple(new[i] if i in new else spec.layers[source] for i, source in enumerate(order))
    return Edit(replace(spec, layers=layers), tuple(order))


def adapted_spec(spec: ModelSpec, classes: int) -> tuple[ModelSpec, int, str] | None:
    """Find the last layer and field that can give the network `classes` outputs.

    Returns
    -------
    (ModelSpec, int, str) or None
        The adapted network, the layer's index and the field's name; None where no field does it.
    """
    for index in reversed(range(len(spec.layers))):
        layer = spec.layers[index]
        for k in knobs_of(type(layer)):
            if k.type is int and (adapted := _with_field(spec, index, k.name, classes)):
                return adapted, index, k.name
    return None


def _with_field(spec: ModelSpec, index: int, field: str, value: int) -> ModelSpec | None:
    try:
        adapted = change_layer(spec, index, spec.layers[index].replace(**{field: value})).spec
        return adapted if adapted.classes == value else None
    except SpecError:
        return None


def fault_of(spec: ModelSpec, classes: int) -> SpecError | None:
    """Return why `spec` cannot be a model of so many classes, naming layer and field; None where it can."""
    rows, fault = spec.inspect()
    if fault is not None or rows[-1].out_shape == (classes,):
        return fault
    found = adapted_spec(spec, classes)
    last, field = (len(spec.layers) - 1, None) if found is None else found[1:]
    return SpecError(
        f"the network ends in {rows[-1].out_shape[0]} outputs, but the model tells {classes} classes apart; "
        f"make it end in {classes}.",
        last,
        field,
    )
