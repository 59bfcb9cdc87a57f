"""What is being worked on: document, selection and undo history. Observers hear of each change."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np

from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from tinyml_gui.document.document import Document, Place
from tinyml_gui.document.edits import Edit
from tinyml_gui.document.undo_history import UndoHistory

__all__ = ["State"]


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
        self._history = UndoHistory()
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
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return self._history.can_redo

    @property
    def is_modified(self) -> bool:
        """Whether the document differs from what was saved or opened last."""
        return self._saved is None or not self.document.shows(self._saved)

    def reset(self, model: Model, saved: bool = True, path: Path | None = None) -> None:
        """Start with `model` and an empty undo history; it counts as modified unless it is `saved`."""
        self._history.clear()
        self.document = Document.of(model, Place(path))
        self._saved = self.document if saved else None
        self.selection = 0
        self._notify()

    def rename(self, name: str) -> None:
        """Give the model another name; this is no step of the undo history."""
        if name != self.model.name:
            self.document = self.document.annotated(self.model.replace(name=name))

    def annotate(self, model: Model) -> None:
        """Take the same model with new facts about it: no step of the undo history, nothing to save."""
        saved = not self.is_modified
        self.document = self.document.annotated(model)
        self._saved = self.document if saved else self._saved
        self._notify()

    def mark_saved(self) -> None:
        """Remember the current document as the saved one."""
        self._saved = self.document
        self._history.end_step()
        self._notify()

    def edit(self, edit: Edit, select: int | None = None, merge: Hashable = None) -> None:
        """Apply an edit; see `change` for `merge`."""
        self.selection = self.selection if select is None else select
        self.change(self.document.edited(edit, self._rng), merge)

    def adapt(self, classes: tuple[str, ...]) -> None:
        """Make the model tell `classes` apart."""
        self.change(self.document.adapted(classes, self._rng))

    def replace_model(self, model: Model, merge: Hashable = None) -> None:
        """Take other parameters of the same network; see `change` for `merge`."""
        self.change(self.document.with_model(model), merge)

    def begin(self, model: Model) -> None:
        """Take a new network, which has no file yet; this can be undone."""
        self.change(Document.of(model))

    def change(self, document: Document, merge: Hashable = None) -> None:
        """Go to `document`; successive changes with the same `merge` are one step of the undo history."""
        self._history.record(self.document, merge)
        self._go(document)

    def undo(self) -> None:
        """Go one step back."""
        if self.can_undo:
            self._go(self._history.undo(self.document))

    def redo(self) -> None:
        """Go one step forward."""
        if self.can_redo:
            self._go(self._history.redo(self.document))

    def select(self, index: int) -> None:
        """Select layer `index`."""
        wanted = self._clamped(index)
        if wanted != self.selection:
            self.selection = wanted
            self._history.end_step()
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
