"""Sweeps by name, and sweeps from files."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import FieldError, FileError, SpecError
from engine.files import read_limited
from engine.nn.layers import Dense, Flatten
from engine.shapes import Shape
from engine.sweep.description import Sweep
from engine.sweep.fields import Recipe, RepeatedLayer
from engine.sweep.grid import Axis
from engine.training.config import TrainConfig

__all__ = ["SWEEPS", "SweepPreset", "load_described", "load_sweep"]

T = TypeVar("T")

MAX_BYTES = 1 << 20
DEEPEST = WIDEST = 19
RATES: Mapping[str, Callable[[int], float]] = {
    "sigmoid": lambda depth: 0.5,
    "relu": lambda depth: round(1.5 / (6 + depth), 3),
}
"""The activation functions of the published tables, with rates for each number of hidden layers.

All networks of at least 8 neurons learn in ten epochs of MNIST. ReLUs bear lower rates the deeper
they are: with 0.2 for all, half of those with ten layers or more end at chance.
"""


@dataclass(frozen=True)
class SweepPreset:
    """A named sweep.

    Attributes
    ----------
    name, title : str
    activations : tuple of str
        Those to choose from.
    build : callable
        ``build(activations, classes, input_shape)`` returns the sweep.
    """

    name: str
    title: str
    activations: tuple[str, ...]
    build: Callable[[Sequence[str], int, Shape], Sweep]


def _dense_grid(activations: Sequence[str], classes: int, input_shape: Shape) -> Sweep:
    """1 to 19 hidden layers of 1 to 19 neurons."""
    layers = (
        RepeatedLayer(Flatten()),
        RepeatedLayer(Dense(WIDEST, activations[0])),
        RepeatedLayer(Dense(classes)),
    )
    train = TrainConfig(epochs=10, batch_size=32, momentum=0.0, threads=1)
    depths = range(1, DEEPEST + 1)
    settings = [(name, depth, RATES[name](depth)) for name in activations for depth in depths]
    axes = (
        Axis(("layers.1.activation", "layers.1.repeat", "train.learning_rate"), tuple(settings)),
        Axis(("layers.1.units",), tuple((width,) for width in range(1, WIDEST + 1))),
    )
    return Sweep("361", Recipe(layers, input_shape, train), axes)


SWEEPS: Mapping[str, SweepPreset] = {
    preset.name: preset
    for preset in (SweepPreset("361", "1 to 19 hidden layers of 1 to 19 neurons", tuple(RATES), _dense_grid),)
}
"""Every sweep by name."""


def load_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Return the sweep that a TOML or JSON file describes; see `load_described`."""
    return load_described(path, Sweep.from_json)


def load_described(path: str | os.PathLike[str], read: Callable[[object, str], T]) -> T:
    """Return what ``read(value, name)`` makes of the content of a TOML or JSON file.

    Raises
    ------
    FileError
        When it cannot be read, or describes no such thing; the sentence says what is wrong.
    """
    data = read_limited(path, MAX_BYTES)
    try:
        text = data.decode()
        value = json.loads(text) if Path(path).suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"this is not {_kind(path)} ({error}).") from error
    try:
        return read(value, Path(path).stem)
    except (FieldError, SpecError) as error:
        raise FileError(path, str(error)) from error


def _kind(path: str | os.PathLike[str]) -> str:
    return "JSON" if Path(path).suffix.lower() == ".json" else "TOML"
