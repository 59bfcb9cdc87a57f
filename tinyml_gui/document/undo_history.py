"""The undo history: the documents before the present one and, after an undo, those that followed it.

Documents are whole, so undo brings trained parameters back too; they share what did not change.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from tinyml_gui.document.document import Document

__all__ = ["UndoHistory"]

_DEPTH: Final = 100  # steps


class UndoHistory:
    """Documents to go back and forward to; the present one is the caller's."""

    def __init__(self) -> None:
        self._past: tuple[Document, ...] = ()
        self._future: tuple[Document, ...] = ()
        self._merge: Hashable = None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._future)

    def clear(self) -> None:
        """Forget everything."""
        self._past = self._future = ()
        self._merge = None

    def end_step(self) -> None:
        """Make the next change a step of its own, whatever it merges with."""
        self._merge = None

    def record(self, before: Document, merge: Hashable = None) -> None:
        """Record that `before` is about to change; successive changes with the same `merge` are one step."""
        if merge is None or merge != self._merge:
            self._past = (*self._past, before)[-_DEPTH:]
        self._future = ()
        self._merge = merge

    def undo(self, present: Document) -> Document:
        """Return the document before `present`, or `present` where there is none."""
        if not self._past:
            return present
        *past, document = self._past
        self._past, self._future = tuple(past), (present, *self._future)
        self._merge = None
        return document

    def redo(self, present: Document) -> Document:
        """Return the document after `present`, or `present` where there is none."""
        if not self._future:
            return present
        document, *future = self._future
        self._past, self._future = (*self._past, present), tuple(future)
        self._merge = None
        return document
