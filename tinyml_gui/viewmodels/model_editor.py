"""What the Model page shows: a head line, a card per layer, and the fault on the card that causes it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import SpecError
from engine.knobs import knobs_of
from engine.nn.layers import LAYERS
from engine.nn.specs import LayerRow, LayerSpec, ModelSpec
from engine.shapes import describe_shape
from tinyml_gui.document.document import Document
from tinyml_gui.viewmodels.accuracy import accuracies
from tinyml_gui.viewmodels.quantities import count_words, percent

__all__ = ["Head", "LayerView", "head", "layer_choices", "layer_views", "new_layer"]


@dataclass(frozen=True)
class LayerView:
    """One layer as it is shown; figures are empty from the first fault on.

    Attributes
    ----------
    number, title, summary, shape, parameters, macs : str
    fault : str
        The sentence, on the card that causes it only.
    """

    number: str
    title: str
    summary: str
    shape: str = ""
    parameters: str = ""
    macs: str = ""
    fault: str = ""

    @property
    def spoken(self) -> str:
        """The card in one line, for screen readers."""
        parts = (f"{self.number} {self.title}", self.summary, self.shape, self.fault)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Head:
    """The page's key figure, what it is, and the rest in small; the figure in int8 where it is known."""

    figure: str
    caption: str
    rest: str
    in_int8: str = ""


def layer_views(spec: ModelSpec, fault: SpecError | None) -> tuple[LayerView, ...]:
    """Return the cards of `spec`, with `fault` on the one that causes it."""
    rows, _ = spec.inspect()
    known = {row.index: row for row in rows}
    at = None if fault is None or not spec.layers else _place(fault, spec)
    return tuple(
        _layer_view(index, layer, known.get(index), fault.reason if fault is not None and index == at else "")
        for index, layer in enumerate(spec.layers)
    )


def _place(fault: SpecError, spec: ModelSpec) -> int:
    return len(spec.layers) - 1 if fault.layer is None else min(fault.layer, len(spec.layers) - 1)


def _layer_view(index: int, layer: LayerSpec, row: LayerRow | None, fault: str) -> LayerView:
    number, words = str(index + 1), _words(layer)
    if row is None:
        return LayerView(number, layer.title, words, fault=_sentence(fault))
    return LayerView(
        number,
        layer.title,
        words,
        describe_shape(row.out_shape),
        f"{row.parameters:,}" if row.parameters else "–",
        count_words(row.macs) if row.macs else "–",
        _sentence(fault),
    )


def _words(layer: LayerSpec) -> str:
    """Return the layer's fields in short, names of choices written properly."""
    titles = {choice: k.title_of(choice) for k in knobs_of(type(layer)) for choice in k.choices}
    proper = {c: title for c, title in titles.items() if title.lower() == c.replace("_", " ")}
    return " ".join(proper.get(word, word) for word in layer.summary().split(" "))


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def head(document: Document) -> Head:
    """Return the head line: accuracy where it is known, else the number of parameters."""
    if document.fault is not None:
        return Head("", "", "Not ready: see the marked layer")
    model = document.model
    spec = model.spec
    macs = f"{count_words(spec.macs)} MACs"
    found = accuracies(model)
    if math.isnan(found.in_float):
        learned = "trained, not tested" if model.trained else "not trained yet"
        return Head(f"{spec.parameters:,}", "parameters", f"{macs} · {learned}")
    return Head(
        percent(found.in_float), found.words, f"{spec.parameters:,} parameters · {macs}", found.int8_words
    )


def layer_choices() -> tuple[tuple[str, str, str], ...]:
    """Return (kind, title, explanation) of every layer that can be added."""
    return tuple((kind, cls.title, _first_line(cls.__doc__ or "")) for kind, cls in LAYERS.items())


def _first_line(text: str) -> str:
    """Return the first line of a docstring, without the backticks around code."""
    return text.strip().split("\n")[0].replace("`", "")


def new_layer(kind: str) -> LayerSpec:
    """Return a layer with default fields."""
    return LAYERS[kind]()
