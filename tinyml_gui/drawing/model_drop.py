"""A model's file may be dropped anywhere on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from tinyml_gui.drawing.paste_and_drop import model_of

__all__ = ["ModelDrop"]


class ModelDrop(QObject):
    """Watches `target` for dragged models.

    Signals
    -------
    hovered(bool)
        A model is being dragged over the target, or no longer.
    dropped(object)
        The file's `Path`. Emitted after the other program has its answer, since opening may ask a question.
    """

    hovered = Signal(bool)
    dropped = Signal(object)

    def __init__(self, target: QWidget) -> None:
        super().__init__(target)
        self._path: Path | None = None
        target.setAcceptDrops(True)
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Handle drag events; leave all others alone."""
        if isinstance(event, QDragEnterEvent):
            event.setAccepted(model_of(event.mimeData()) is not None)
            self.hovered.emit(event.isAccepted())
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.hovered.emit(False)
            return True
        if event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._path = model_of(event.mimeData())
            event.acceptProposedAction()
            self.hovered.emit(False)
            QTimer.singleShot(0, self._tell)
            return True
        return False

    def _tell(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            self.dropped.emit(path)
