"""Where a network comes from: a preset or a shipped model by name, a JSON description, a ``.tinyml`` file."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data import Dataset
from engine.data.preprocess import SIDE
from engine.errors import FileError, ProjectError, SpecError, TrainingError
from engine.files import read_limited
from engine.nn.losses import suitable_loss
from engine.nn.model import Model
from engine.nn.presets import PRESETS, Preset
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import ModelSpec
from engine.shapes import describe_shape
from engine.storage import model_file
from engine.storage.shipped import is_shipped, load_shipped
from engine.training.start_check import misfit

__all__ = ["Source", "check_fit", "find_model", "load_for_drawings", "load_model"]

MAX_JSON_BYTES = 1 << 20


class Source(ABC):
    """A network to start from."""

    @property
    def loss(self) -> str:
        """The loss to train it with unless another is asked for."""
        return suitable_loss(self.spec()).name

    @abstractmethod
    def model(self, data: Dataset, rng: np.random.Generator, name: str) -> Model:
        """Return the model to start with, for classes and images of `data`; `rng` draws its parameters."""

    @abstractmethod
    def spec(self) -> ModelSpec:
        """Return the network for its own input and number of classes."""


@dataclass(frozen=True)
class PresetSource(Source):
    """A preset, which takes the shape of the data."""

    preset: Preset

    def model(self, data: Dataset, rng: np.random.Generator, name: str) -> Model:
        return Model.new(self.preset.build(len(data.classes), data.image_shape), data.classes, rng, name)

    def spec(self) -> ModelSpec:
        return self.preset.build()


@dataclass(frozen=True)
class JsonSource(Source):
    """A JSON description gives the layers; parameters are drawn at random."""

    path: str

    def model(self, data: Dataset, rng: np.random.Generator, name: str) -> Model:
        spec = self.spec()
        try:
            return Model.new(spec, data.classes, rng, name)
        except SpecError as error:
            raise FileError(self.path, str(error)) from error

    def spec(self) -> ModelSpec:
        try:
            spec = spec_from_json(json.loads(read_limited(self.path, MAX_JSON_BYTES)))
            spec.rows()
        except SpecError as error:
            raise FileError(self.path, str(error)) from error
        except (ValueError, RecursionError) as error:
            raise FileError(self.path, f"this is not JSON ({error}).") from error
        return spec


@dataclass(frozen=True)
class ProjectSource(Source):
    """A saved model, which is trained further."""

    saved: Model

    @property
    def loss(self) -> str:
        return suitable_loss(self.saved.spec, self.saved.record.loss).name

    def model(self, data: Dataset, rng: np.random.Generator, name: str) -> Model:
        return self.saved.replace(name=name)

    def spec(self) -> ModelSpec:
        return self.saved.spec


def find_model(text: str) -> Source:
    """Return what `text` names: a preset, or else a file."""
    if text in PRESETS:
        return PresetSource(PRESETS[text])
    path = Path(text)
    if path.suffix.lower() == ".json":
        return JsonSource(text)
    if path.suffix.lower() == model_file.SUFFIX or path.exists() or is_shipped(text):
        return ProjectSource(load_model(text))
    raise FileError(
        text, f"there is no such file, nor a preset of that name; presets are: {', '.join(PRESETS)}."
    )


def load_model(text: str) -> Model:
    """Return the model in the file `text`, or the one that is shipped under that name."""
    if is_shipped(text):
        return load_shipped(text)
    return model_file.load(text)


def load_for_drawings(text: str) -> Model:
    """Return the model that `text` names; raise `ProjectError` unless it reads what a drawing becomes."""
    model = load_model(text)
    if model.spec.input_shape != (SIDE, SIDE, 1):
        raise ProjectError(
            text,
            f"the network reads images of {describe_shape(model.spec.input_shape)}, but a drawing or picture "
            f"becomes one of {SIDE}×{SIDE}; use a network with that input.",
        )
    return model


def check_fit(path: str, model: Model, data: Dataset) -> None:
    """Raise `TrainingError` unless the model from `path` fits `data`."""
    if wrong := misfit(model, data):
        raise TrainingError(f"{path} does not fit the data: {wrong}")
