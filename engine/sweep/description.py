"""A sweep: a recipe and a grid, as one frozen description that a file can hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.errors import FieldError, SpecError, TrainingError
from engine.knobs import Scalar
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import ModelSpec
from engine.sweep.fields import Recipe, RepeatedLayer, with_field
from engine.sweep.grid import Axis, Settings, axes_from_json, combinations, count
from engine.sweep.initial import STARTS
from engine.training.config import TrainConfig
from engine.training.start_check import check_run
from engine.training.terms import Terms
from engine.words import short

__all__ = [
    "Run",
    "Sweep",
    "changed_recipe",
    "check_run_of",
    "fingerprint_on",
    "parts_of_json",
    "recipe_to_json",
    "run_of",
]


class _Named(Protocol):
    """What an axis of a grid and a span of a search have in common."""

    @property
    def paths(self) -> tuple[str, ...]: ...


KEYS = ("name", "model", "layers", "input_shape", "start", "train", "grid")


@dataclass(frozen=True)
class Run:
    """One training of one network.

    Attributes
    ----------
    number : int
        Its place in the sweep, from 0.
    spec : ModelSpec
    config : TrainConfig
    start : str
        A key of `STARTS`.
    settings : tuple of (str, value)
        What the grid chose for this run.
    """

    number: int
    spec: ModelSpec
    config: TrainConfig
    start: str
    settings: Settings = ()

    @property
    def key(self) -> str:
        """A short hash that is another one for each run of a sweep, and the same each time."""
        return _hash([self.spec.to_json(), self.config.to_json(), self.start, self.settings])

    def params(self) -> NDArray[np.float32]:
        """Return the start values, in the order of `ParamLayout`: the same at each call."""
        drawn = STARTS[self.start].draw(self.spec, np.random.default_rng(self.config.seed))
        return drawn.astype(np.float32, copy=False)

    def model(self, classes: tuple[str, ...], params: NDArray[np.float32] | None = None) -> Model:
        """Return the model with `params`, or before training."""
        return Model(
            self.spec, self.params() if params is None else params, classes, f"run-{self.number + 1}"
        )

    @property
    def words(self) -> str:
        """The settings in a few words."""
        return ", ".join(f"{path} {value}" for path, value in self.settings)


@dataclass(frozen=True)
class Sweep:
    """A recipe, and the fields of it that change.

    Raises
    ------
    FieldError
        When the grid is empty, names a field twice or has too many combinations.
    """

    name: str
    recipe: Recipe
    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        count(self.axes)

    @property
    def count(self) -> int:
        """The number of runs."""
        return count(self.axes)

    def runs(self) -> tuple[Run, ...]:
        """Return all runs in order; raise `SpecError` for the first network that cannot be built."""
        made = enumerate(combinations(self.recipe, self.axes))
        return tuple(run_of(number, recipe, settings) for number, (recipe, settings) in made)

    def checked_runs(self, data: Dataset) -> tuple[Run, ...]:
        """Return all runs; raise `TrainingError` for the first one that cannot be trained with `data`."""
        runs = self.runs()
        seen: set[tuple[Any, ...]] = set()
        for run in runs:
            what = (run.spec.input_shape, run.spec.classes, replace(run.config, seed=0, learning_rate=0.0))
            if what not in seen:
                seen.add(what)
                check_run_of(run, data)
        return runs

    def changed(self, values: Mapping[str, Scalar]) -> Sweep:
        """Return a copy with other values at these paths; raise `FieldError` if the grid has one of them."""
        return replace(self, recipe=changed_recipe(self.recipe, values, self.axes, self.name))

    def fingerprint(self, data: Dataset) -> str:
        """Return a short hash of the sweep, whatever it is called, and of what it is run on."""
        return fingerprint_on(self.to_json(), data)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `from_json` reads."""
        grid = {axis.name: axis.to_json() for axis in self.axes}
        return {"name": self.name, **recipe_to_json(self.recipe), "grid": grid}

    @classmethod
    def from_json(cls, value: object, name: str = "sweep") -> Self:
        """Make a sweep from a JSON object; raise `FieldError` or `SpecError` for what is wrong in it.

        The network is a preset (``"model": "lenet"``) or a list of layers, which may have a ``repeat``.
        """
        title, recipe, grid = parts_of_json(value, name)
        return cls(title, recipe, axes_from_json(recipe, grid))


def changed_recipe(recipe: Recipe, values: Mapping[str, Scalar], axes: Sequence[_Named], name: str) -> Recipe:
    """Return `recipe` with other values at these paths; raise `FieldError` if an axis has one of them."""
    for path, value in values.items():
        if any(path in axis.paths for axis in axes):
            raise FieldError(path, f"{path} is part of the grid of {name}; give it only once.")
        recipe = with_field(recipe, path, value)
    return recipe


def fingerprint_on(described: Mapping[str, Any], data: Dataset) -> str:
    """Return a short hash of a JSON description, whatever its name is, and of what it is run on."""
    terms = Terms.of(data)
    return _hash([{**described, "name": ""}, data.image_shape, data.classes, terms.images, terms.labels])


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Return the part of a sweep's JSON object that describes the recipe."""
    spec = ModelSpec(tuple(item.layer for item in recipe.layers), recipe.input_shape).to_json()
    repeats = [item.repeat for item in recipe.layers]
    return {
        "input_shape": spec["input_shape"],
        "layers": [{**layer, "repeat": n} for layer, n in zip(spec["layers"], repeats, strict=True)],
        "start": recipe.start,
        "train": recipe.train.to_json(),
    }


def parts_of_json(value: object, name: str) -> tuple[str, Recipe, object]:
    """Return the name, the recipe and the JSON of the grid of a sweep, or of a space to search."""
    if not isinstance(value, Mapping):
        raise FieldError("sweep", "A sweep must be an object with a model or layers, and a grid.")
    unknown = [key for key in value if key not in KEYS]
    if unknown:
        raise FieldError(
            unknown[0], f"unknown field {short(unknown[0])!r}; known fields are: {', '.join(KEYS)}."
        )
    recipe = replace(_recipe(value), train=TrainConfig.from_json(_train(value.get("train", {}))))
    if "start" in value:
        recipe = replace(recipe, start=value["start"])
    return short(value.get("name", name), 60), recipe, value.get("grid", {})


def run_of(number: int, recipe: Recipe, settings: Settings) -> Run:
    """Return a run; raise `SpecError` if its network cannot be built."""
    try:
        spec = recipe.spec()
    except SpecError as error:
        chosen = ", ".join(f"{path} = {value}" for path, value in settings)
        raise SpecError(f"The grid has a network that cannot be built ({chosen}): {error}") from None
    return Run(number, spec, recipe.train, recipe.start, settings)


def check_run_of(run: Run, data: Dataset) -> None:
    """Raise `TrainingError` if `run` cannot be trained with `data`."""
    if run.spec.classes != len(data.classes):
        raise TrainingError(
            f"Run {run.number + 1} ({run.words}) has {run.spec.classes} outputs but {data.name} has "
            f"{len(data.classes)} classes; change the last layer."
        )
    check_run(run.model(data.classes), data, run.config)


def _train(value: object) -> object:
    """Return the settings of the file over those that suit many small networks: one thread for each."""
    return {"threads": 1, **value} if isinstance(value, Mapping) else value


def _recipe(value: Mapping[str, Any]) -> Recipe:
    if ("model" in value) == ("layers" in value):
        raise FieldError("model", "A sweep needs either a model, the name of a preset, or a list of layers.")
    if "model" in value:
        preset = PRESETS.get(value["model"]) if isinstance(value["model"], str) else None
        if preset is None:
            raise FieldError("model", f"The model must be a preset, one of: {', '.join(PRESETS)}.")
        return Recipe.of(preset.build(), TrainConfig())
    layers = value["layers"]
    if not isinstance(layers, list) or not all(isinstance(layer, Mapping) for layer in layers):
        raise FieldError("layers", "The layers must be a list of objects, each with a kind.")
    plain = [{key: item for key, item in layer.items() if key != "repeat"} for layer in layers]
    spec = spec_from_json({"layers": plain, "input_shape": value.get("input_shape", [28, 28, 1])})
    items = [
        RepeatedLayer(known, layer.get("repeat", 1)) for known, layer in zip(spec.layers, layers, strict=True)
    ]
    return Recipe(tuple(items), spec.input_shape)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
