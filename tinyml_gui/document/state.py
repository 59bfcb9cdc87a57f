"""What is being worked on, as frozen values: the document, the selection and the undo history.

A document is a model that works plus the network as it is being edited, which may have a fault for a
while. Layers keep the parameters that still fit them, also across faulty steps in between. Undo is a
tuple of documents, so it brings trained parameters back too; documents share what did not change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from engine.errors import SpecError
from engine.knobs import knobs_of
from engine.nn.model import Model
from engine.nn.params import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec

__all__ = [
    "Document",
    "Edit",
    "State",
    "adapted_spec",
    "add_layer",
    "change_layer",
    "fault_of",
    "move_layer",
    "remove_layer",
]

_UNDO_DEPTH: Final = 100


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


@dataclass(frozen=True, eq=False)
class Document:
    """A model that works, and the network as edited.

    Attributes
    ----------
    model : Model
        The last one without a fault.
    spec : ModelSpec
        As edited; differs from the model's only while there is a fault.
    origins : tuple of int or None
        For each layer of `spec` the layer of `model` that it was.
    fault : SpecError or None
        Why `spec` cannot be built.
    """

    model: Model
    spec: ModelSpec
    origins: tuple[int | None, ...]
    fault: SpecError | None = None

    @classmethod
    def of(cls, model: Model) -> Document:
        """Return the document of an unedited model."""
        return cls(model, model.spec, tuple(range(len(model.spec.layers))))

    def edited(self, edit: Edit, rng: np.random.Generator) -> Document:
        """Return the document after `edit`; parameters that no longer fit are drawn from `rng`."""
        origins = tuple(None if source is None else self.origins[source] for source in edit.sources)
        fault = fault_of(edit.spec, len(self.model.classes))
        if fault is not None:
            return Document(self.model, edit.spec, origins, fault)
        return Document.of(carried(self.model, edit.spec, origins, self.model.classes, rng))

    def adapted(self, classes: tuple[str, ...], rng: np.random.Generator) -> Document:
        """Return the document for other `classes`, with as many outputs; `SpecError` where none fits."""
        found = adapted_spec(self.spec, len(classes))
        if found is None:
            raise SpecError(f"no layer's field gives {len(classes)} outputs; start from a preset instead.")
        return Document.of(carried(self.model, found[0], self.origins, classes, rng))


def carried(
    model: Model,
    spec: ModelSpec,
    origins: tuple[int | None, ...],
    classes: tuple[str, ...],
    rng: np.random.Generator,
) -> Model:
    """Return a model of `spec` that keeps what fits of `model`; it counts as untrained."""
    old = ParamLayout(model.spec).named(model.params)
    layout = ParamLayout(spec)
    params = layout.init(rng)
    for view in layout.views:
        kept = old.get(f"{origins[view.layer]}.{view.name}")
        if kept is not None and kept.shape == view.param.shape:
            view.of(params)[...] = kept
    return Model(spec, params, classes, model.name)


class State:
    """The document, the selection, undo and redo; tells observers after each change.

    Parameters
    ----------
    model : Model
    rng : numpy.random.Generator
        Draws the parameters of new layers.
    """

    def __init__(self, model: Model, rng: np.random.Generator) -> None:
        self._rng = rng
        self._observers: list[Callable[[], None]] = []
        self._past: tuple[Document, ...] = ()
        self._future: tuple[Document, ...] = ()
        self._merge: Hashable = None
        self.document = Document.of(model)
        self._saved: Document | None = self.document
        self.selection = 0

    def observe(self, observer: Callable[[], None]) -> None:
        """Call `observer` after each change of document or selection."""
        self._observers.append(observer)

    @property
    def model(self) -> Model:
        """The current model, always one that works."""
        return self.document.model

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return bool(self._future)

    @property
    def is_modified(self) -> bool:
        """Whether the document differs from what was saved or opened last."""
        return self.document is not self._saved

    def reset(self, model: Model, saved: bool = True) -> None:
        """Start with `model` and an empty undo history; it counts as modified unless it is `saved`."""
        self._past = self._future = ()
        self._merge = None
        self.document = Document.of(model)
        self._saved = self.document if saved else None
        self.selection = 0
        self._notify()

    def rename(self, name: str) -> None:
        """Give the model another name; this is no step of the undo history."""
        if name != self.model.name:
            self.document = replace(self.document, model=self.model.replace(name=name))

    def annotate(self, model: Model) -> None:
        """Take the same model with more known of it: no step of the undo history, nothing to save."""
        saved = not self.is_modified
        self.document = replace(self.document, model=model)
        self._saved = self.document if saved else self._saved
        self._notify()

    def mark_saved(self) -> None:
        """Take the document as it is for the saved one."""
        self._saved = self.document
        self._merge = None
        self._notify()

    def edit(self, edit: Edit, select: int | None = None, merge: Hashable = None) -> None:
        """Apply an edit; see `change` for `merge`."""
        self.selection = self.selection if select is None else select
        self.change(self.document.edited(edit, self._rng), merge)

    def adapt(self, classes: tuple[str, ...]) -> None:
        """Make the model tell `classes` apart."""
        self.change(self.document.adapted(classes, self._rng))

    def replace_model(self, model: Model, merge: Hashable = None) -> None:
        """Take another model; see `change` for `merge`."""
        self.change(Document.of(model), merge)

    def change(self, document: Document, merge: Hashable = None) -> None:
        """Go to `document`; successive changes with the same `merge` are one step of the undo history."""
        if merge is None or merge != self._merge:
            self._past = (*self._past, self.document)[-_UNDO_DEPTH:]
        self._future = ()
        self._merge = merge
        self._go(document)

    def undo(self) -> None:
        """Go one step back."""
        if self._past:
            self._future = (self.document, *self._future)
            *past, document = self._past
            self._past = tuple(past)
            self._merge = None
            self._go(document)

    def redo(self) -> None:
        """Go one step forward."""
        if self._future:
            self._past = (*self._past, self.document)
            document, *future = self._future
            self._future = tuple(future)
            self._merge = None
            self._go(document)

    def select(self, index: int) -> None:
        """Select layer `index`."""
        wanted = self._clamped(index)
        if wanted != self.selection:
            self.selection = wanted
            self._merge = None
            self._notify()

    def fresh_model(self, spec: ModelSpec, classes: tuple[str, ...], name: str) -> Model:
        """Return an untrained model, drawn from this state's generator."""
        return Model.new(spec, classes, self._rng, name)

    def _go(self, document: Document) -> None:
        self.document = document
        self.selection = self._clamped(self.selection)
        self._notify()

    def _clamped(self, index: int) -> int:
        return max(0, min(index, len(self.document.spec.layers) - 1))

    def _notify(self) -> None:
        for observer in tuple(self._observers):
            observer()
