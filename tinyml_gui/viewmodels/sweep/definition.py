"""What a sweep of the window consists of: a preset, or a grid over fields of the network that is open."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from engine.data import Dataset
from engine.errors import FieldError
from engine.knobs import Knob, knobs_of
from engine.nn.specs import ModelSpec
from engine.sweep.description import Sweep
from engine.sweep.fields import Recipe
from engine.sweep.grid import axis_from_text
from engine.sweep.presets import SWEEPS
from engine.training.config import TrainConfig, usable_cores
from tinyml_gui.viewmodels.quantities import duration_words

__all__ = ["GRID", "Definition", "FieldChoice", "choices", "fields_of", "sampled", "size_words", "sweep_of"]

GRID: Final = ""  #: the choice of a grid over the fields of the open network
_FASTEST: Final = 8e9  # multiply-accumulates of a training step a second and core, as measured; a rough guess
_MEASURED: Final = 0.03  # seconds to measure what a network takes, on a core
_LOOKED_AT: Final = 400  # runs, when the work of a sweep is estimated
_PASSES: Final = 3  # forward, gradient of the outputs, gradient of the weights


@dataclass(frozen=True)
class FieldChoice:
    """A field that a grid can change.

    Attributes
    ----------
    path : str
        As in a grid, ``layers.0.filters``.
    title, doc : str
        For people.
    example : str
        Values to begin with.
    """

    path: str
    title: str
    doc: str
    example: str


@dataclass(frozen=True)
class Definition:
    """What the user has chosen.

    Attributes
    ----------
    preset : str
        "361 relu", say, see `choices`; `GRID` for a grid.
    epochs : int
    grid : tuple of (str, str)
        Path and values of each field; pairs without values do not count.
    earlier : str
        The name of a sweep that began earlier and is to go on; then nothing else counts.
    """

    preset: str
    epochs: int
    grid: tuple[tuple[str, str], ...] = ()
    earlier: str = ""


def choices() -> tuple[tuple[str, str], ...]:
    """Return name and title of each sweep that can be chosen."""
    presets = [
        (f"{preset.name} {activation}", f"{preset.title}, {activation}")
        for preset in SWEEPS.values()
        for activation in preset.activations
    ]
    return (*presets, (GRID, "This network, with other values of its fields"))


def fields_of(spec: ModelSpec) -> tuple[FieldChoice, ...]:
    """Return the fields of the layers of `spec` and of its training that a grid can change."""
    layers = (
        _choice(f"layers.{place}.{knob.name}", f"{place + 1} {type(layer).title}: {knob.label}", knob, layer)
        for place, layer in enumerate(spec.layers)
        for knob in knobs_of(type(layer))
    )
    plain = TrainConfig()
    training = (
        _choice(f"train.{knob.name}", f"Training: {knob.label}", knob, plain)
        for knob in knobs_of(TrainConfig)
        if knob.name != "threads"
    )
    return (*layers, *training)


def sweep_of(definition: Definition, spec: ModelSpec, loss: str, data: Dataset) -> Sweep:
    """Return the sweep that was chosen.

    Raises
    ------
    FieldError
        When the grid is empty or has values that a field does not take.
    """
    if definition.preset != GRID:
        name, activation = definition.preset.split(" ")
        sweep = SWEEPS[name].build((activation,), len(data.classes), data.image_shape)
    else:
        recipe = Recipe.of(spec, TrainConfig(loss=loss, threads=1))
        texts = [f"{path}={values}" for path, values in definition.grid if values.strip()]
        if not texts:
            raise FieldError("grid", "Choose a field, and give its values, such as 4, 8, 16.")
        sweep = Sweep("grid", recipe, tuple(axis_from_text(recipe, text) for text in texts))
    if any("train.epochs" in axis.paths for axis in sweep.axes):
        return sweep
    return sweep.changed({"train.epochs": definition.epochs})


def size_words(sweep: Sweep, data: Dataset) -> str:
    """Return how many networks are trained, and for how long, roughly.

    This is said while the user types, so of a large sweep only some runs are looked at.
    """
    some = sampled(sweep).runs()
    work = sum(run.spec.macs * run.config.epochs for run in some) / len(some) * sweep.count
    seconds = (work * len(data) * _PASSES / _FASTEST + sweep.count * _MEASURED) / usable_cores()
    networks = "1 network" if sweep.count == 1 else f"{sweep.count:,} networks"
    return f"{networks} on {len(data):,} images · very roughly {duration_words(seconds)}"


def sampled(sweep: Sweep) -> Sweep:
    """Return a sweep of at most `_LOOKED_AT` of the runs, spread over all axes."""
    axes = list(sweep.axes)
    while math.prod(len(axis.values) for axis in axes) > _LOOKED_AT:
        longest = max(range(len(axes)), key=lambda at: len(axes[at].values))
        axes[longest] = replace(axes[longest], values=axes[longest].values[::2])
    return replace(sweep, axes=tuple(axes))


def _choice(path: str, title: str, knob: Knob, owner: object) -> FieldChoice:
    return FieldChoice(path, title, knob.doc, ", ".join(map(str, _examples(knob, getattr(owner, knob.name)))))


def _examples(knob: Knob, value: object) -> Iterable[object]:
    """Return a few values around the one that a field has."""
    if knob.choices:
        return knob.choices
    if isinstance(value, bool):
        return ("yes", "no")
    if not isinstance(value, (int, float)):
        return (value,)
    low, high = knob.low, knob.high
    near = (value / 2, value, value * 2) if isinstance(value, float) else (value // 2, value, value * 2)
    kept = [at for at in near if (low is None or at >= low) and (high is None or at <= high)]
    return list(dict.fromkeys(kept)) or (value,)
