"""A document: a model that works, and the network as it is being edited, which may have a fault for a while.

Layers keep the parameters that still fit them, even when an edit in between had a fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import SpecError
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from tinyml_gui.document.edits import Edit, adapted_spec, fault_of

__all__ = ["Document"]


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
    """Return a model of `spec` with those parameters of `model` that still fit; it counts as untrained."""
    old = ParamLayout(model.spec).named(model.params)
    layout = ParamLayout(spec)
    params = layout.init(rng)
    for view in layout.views:
        kept = old.get(f"{origins[view.layer]}.{view.name}")
        if kept is not None and kept.shape == view.param.shape:
            view.of(params)[...] = kept
    return Model(spec, params, classes, model.name)
