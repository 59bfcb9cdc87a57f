"""Documents kept small for the undo history: they share the arrays of parameters that did not change.

A model has all its parameters in one vector, so a model with one more layer has a whole new vector. Kept
array by array, the parameters of all other layers are the same objects as in the document before.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from tinyml_gui.document.document import Document

__all__ = ["PackedDocument", "bytes_of"]

Array = NDArray[np.float32]


class PackedModel:
    """A model as arrays, of which those that equal one of `known` are that one.

    Whoever compares models by identity holds the one to compare with. So as long as anybody holds the packed
    model it is found again, and otherwise an equal one is made.
    """

    def __init__(self, model: Model, known: Iterable[Array]) -> None:
        by_shape: dict[tuple[int, ...], list[Array]] = {}
        for array in known:
            by_shape.setdefault(array.shape, []).append(array)
        views = [view.of(model.params) for view in ParamLayout(model.spec).views]
        self.arrays = tuple(_shared(view, by_shape.get(view.shape, [])) for view in views)
        self._facts = {f.name: getattr(model, f.name) for f in fields(model) if f.name != "params"}
        self._model = weakref.ref(model)

    def stands_for(self, model: Model) -> bool:
        """Return whether `model` is the one that was packed."""
        return self._model() is model

    def unpack(self) -> Model:
        """Return the model."""
        model = self._model()
        if model is None:
            params = np.concatenate([np.empty(0, np.float32), *(array.reshape(-1) for array in self.arrays)])
            params.setflags(write=False)  # so that the model need not copy it
            model = Model(params=params, **self._facts)
            self._model = weakref.ref(model)
        return model


class PackedDocument:
    """A document whose models are packed; they share what they can with its `neighbours` in the history."""

    def __init__(self, document: Document, neighbours: Iterable[PackedDocument]) -> None:
        near = [model for neighbour in neighbours for model in neighbour.models]
        self.models: list[PackedModel] = []
        self._facts: dict[str, Any] = {f.name: getattr(document, f.name) for f in fields(document)}
        for name, value in self._facts.items():
            if isinstance(value, Model):
                self._facts[name] = packed = _packed(value, [*self.models, *near])
                self.models.append(packed)
        self._document = weakref.ref(document)

    def unpack(self) -> Document:
        """Return the document; the very one where somebody holds it."""
        document = self._document()
        if document is not None:
            return document
        facts = dict(self._facts)
        for name, value in self._facts.items():
            if isinstance(value, PackedModel):
                facts[name] = value.unpack()
        return Document(**facts)


def bytes_of(documents: Iterable[PackedDocument]) -> int:
    """Return the bytes of all parameters, those that are shared counted once."""
    models = (model for document in documents for model in document.models)
    arrays = {id(array): array.nbytes for model in models for array in model.arrays}
    return sum(arrays.values())


def _packed(model: Model, near: Sequence[PackedModel]) -> PackedModel:
    """Return the one of `near` that stands for `model`, or else a new one that shares their arrays."""
    same = next((packed for packed in near if packed.stands_for(model)), None)
    return PackedModel(model, (array for packed in near for array in packed.arrays)) if same is None else same


def _shared(view: Array, known: Iterable[Array]) -> Array:
    """Return the one of `known` that equals `view`, or else a copy: a view would hold the whole vector."""
    found = next((array for array in known if np.array_equal(array, view)), None)
    return view.copy() if found is None else found
