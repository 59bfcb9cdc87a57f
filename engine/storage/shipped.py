"""The models that are shipped inside the application, by name."""

from __future__ import annotations

from collections.abc import Mapping

import resources
from engine.data.dataset import Dataset
from engine.nn.model import Model
from engine.storage import model_file

__all__ = ["SHIPPED", "is_shipped", "load_shipped", "reader_of"]

SHIPPED: Mapping[str, str] = {
    "digits": "Digits: 10 classes, trained on MNIST",
    "characters": "Characters: 47 classes, trained on EMNIST",
}
"""The models by name, and what each is in a few words."""


def is_shipped(name: str) -> bool:
    """Return whether a model of this name is shipped."""
    return name.isidentifier() and resources.exists(_resource(name))


def load_shipped(name: str) -> Model:
    """Return the shipped model `name`."""
    return model_file.from_bytes(resources.read_bytes(_resource(name)), f"{name}{model_file.SUFFIX}")


def reader_of(data: Dataset) -> Model | None:
    """Return a shipped model that can read the images of `data` and knows all of its classes, or None."""
    models = (load_shipped(name) for name in SHIPPED if is_shipped(name))
    fitting = (model for model in models if model.spec.input_shape == data.image_shape)
    return next((model for model in fitting if set(data.classes) <= set(model.classes)), None)


def _resource(name: str) -> str:
    return f"models/{name}{model_file.SUFFIX}"
