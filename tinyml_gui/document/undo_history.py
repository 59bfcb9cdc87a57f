"""The undo history: the documents before the present one and, after an undo, those that followed it.

Documents are whole, so undo brings trained parameters back too; they share what did not change
(`tinyml_gui.document.packed`), and the oldest go where all together are too large.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from tinyml_gui.document.document import Document
from tinyml_gui.document.packed import PackedDocument, bytes_of

__all__ = ["UndoHistory"]

_DEPTH: Final = 100  # steps
_MAX_BYTES: Final = 128_000_000  # of parameters; one model has fewer in any case


class UndoHistory:
    """Documents to go back and forward to; the present one is the caller's."""

    def __init__(self) -> None:
        self._past: tuple[PackedDocument, ...] = ()  # oldest first
        self._future: tuple[PackedDocument, ...] = ()  # next first
        self._merge: Hashable = None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._future)

    @property
    def nbytes(self) -> int:
        """The bytes of all parameters that are kept."""
        return bytes_of((*self._past, *self._future))

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
            self._past = (*self._past, self._packed(before))[-_DEPTH:]
        self._future = ()
        self._merge = merge
        self._drop_oldest()

    def undo(self, present: Document) -> Document:
        """Return the document before `present`, or `present` where there is none."""
        if not self._past:
            return present
        packed = self._packed(present)
        *past, document = self._past
        self._past, self._future = tuple(past), (packed, *self._future)
        return self._gone_to(document)

    def redo(self, present: Document) -> Document:
        """Return the document after `present`, or `present` where there is none."""
        if not self._future:
            return present
        packed = self._packed(present)
        document, *future = self._future
        self._past, self._future = (*self._past, packed), tuple(future)
        return self._gone_to(document)

    def _gone_to(self, document: PackedDocument) -> Document:
        self._merge = None
        found = document.unpack()
        self._drop_oldest()
        return found

    def _packed(self, present: Document) -> PackedDocument:
        return PackedDocument(present, (*self._past[-1:], *self._future[:1]))

    def _drop_oldest(self) -> None:
        while self.nbytes > _MAX_BYTES:
            if self._past:
                self._past = self._past[1:]
            else:
                self._future = self._future[:-1]
