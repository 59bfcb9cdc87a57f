"""A document: a model that works, and the network as it is being edited, which may have a fault for a while.

Layers keep the parameters that still fit them, even when an edit in between had a fault. Whether a network is
trained follows from these parameters: it is while all of them come from training. Where they and the network
are those of the trained model again, so is everything that is known about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.errors import SpecError
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.record import UNTRAINED
from tinyml_gui.document.edits import Edit, adapted_spec, fault_of

__all__ = ["Document", "Place"]


@dataclass(eq=False)
class Place:
    """Where a network is saved; None while it has no file.

    All documents that are edits of one network share it. So after undo, too, a network is saved in its own
    file and in no other.
    """

    path: Path | None = None


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
    place : Place
    learned : Model or None
        The model that was trained last, on the way to this one.
    """

    model: Model
    spec: ModelSpec
    origins: tuple[int | None, ...]
    fault: SpecError | None = None
    place: Place = field(default_factory=Place)
    learned: Model | None = None

    @classmethod
    def of(cls, model: Model, place: Place | None = None) -> Document:
        """Return the document of an unedited model; it is a new network unless it has a `place`."""
        origins = tuple(range(len(model.spec.layers)))
        learned = model if model.trained else None
        return cls(model, model.spec, origins, None, place or Place(), learned)

    def shows(self, other: Document) -> bool:
        """Tell whether both have the same model and show the same network."""
        return self.model is other.model and self.spec == other.spec

    def with_model(self, model: Model) -> Document:
        """Return the document of the same network with other parameters."""
        made = Document.of(model, self.place)
        return made if model.trained else replace(made, learned=self.learned)

    def annotated(self, model: Model) -> Document:
        """Return this document, with a model that is the same except for facts about it."""
        learned = model if self.learned is self.model else self.learned
        return replace(self, model=model, learned=learned)

    def edited(self, edit: Edit, rng: np.random.Generator) -> Document:
        """Return the document after `edit`; parameters that no longer fit are drawn from `rng`."""
        origins = tuple(None if source is None else self.origins[source] for source in edit.sources)
        fault = fault_of(edit.spec, len(self.model.classes))
        if fault is not None:
            return replace(self, spec=edit.spec, origins=origins, fault=fault)
        return self._carried(edit.spec, origins, self.model.classes, rng)

    def adapted(self, classes: tuple[str, ...], rng: np.random.Generator) -> Document:
        """Return the document for other `classes`, with as many outputs; `SpecError` where none fits."""
        found = adapted_spec(self.spec, len(classes))
        if found is None:
            raise SpecError(f"no layer's field gives {len(classes)} outputs; start from a preset instead.")
        return self._carried(found[0], self.origins, classes, rng)

    def _carried(
        self,
        spec: ModelSpec,
        origins: tuple[int | None, ...],
        classes: tuple[str, ...],
        rng: np.random.Generator,
    ) -> Document:
        model = carried(self.model, spec, origins, classes, rng)
        learned = self.learned
        if learned is not None and _are_equal(model, learned):
            model = learned if learned.name == model.name else learned.replace(name=model.name)
        return replace(Document.of(model, self.place), learned=learned)


def carried(
    model: Model,
    spec: ModelSpec,
    origins: tuple[int | None, ...],
    classes: tuple[str, ...],
    rng: np.random.Generator,
) -> Model:
    """Return a model of `spec` with those parameters of `model` that still fit.

    It counts as trained if `model` does and no parameter had to be drawn anew. How well it does is not known.
    """
    old = ParamLayout(model.spec).named(model.params)
    layout = ParamLayout(spec)
    params = layout.init(rng)
    record = replace(model.record, command=None, metrics=None) if layout.views else UNTRAINED
    for view in layout.views:
        kept = old.get(f"{origins[view.layer]}.{view.name}")
        if kept is not None and kept.shape == view.param.shape:
            view.of(params)[...] = kept
        else:
            record = UNTRAINED
    return Model(spec, params, classes, model.name, record)


def _are_equal(model: Model, other: Model) -> bool:
    same = model.spec == other.spec and model.classes == other.classes
    return same and np.array_equal(model.params, other.params)
