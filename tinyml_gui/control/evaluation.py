"""What the Evaluate page asks for: answers to all test images, and which of them are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from tinyml_gui.background.evaluation_jobs import Assessed, EvaluationOrder, assess
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.control.pictures import PictureReader
from tinyml_gui.control.training import TrainingController
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.evaluation import Selection

__all__ = ["EvaluationController"]


class EvaluationController(QObject):
    """One evaluation at a time; the last result stays until another one is there.

    Signals
    -------
    changed()
        Result, progress or fault changed.
    selected()
        Other images are looked at.

    Attributes
    ----------
    result : Assessed or None
    selection : Selection
    progress : JobProgress
    error : str
        Why there is no new result.
    """

    changed = Signal()
    selected = Signal()

    def __init__(
        self, state: State, training: TrainingController, pictures: PictureReader, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state, self._training, self._pictures = state, training, pictures
        self._worker = Worker("evaluation", self)
        self._job: Job | None = None
        self.result: Assessed | None = None
        self.selection = Selection()
        self.progress = JobProgress(0, 0)
        self.error = ""

    @property
    def is_running(self) -> bool:
        """Whether images are being answered."""
        return self._job is not None

    @property
    def obstacle(self) -> str:
        """Why nothing can be evaluated now; empty where it can."""
        if not self._training.data_name:
            return "Choose a data set first."
        if not self._state.model.trained:
            return "The network is not trained yet: its answers are random."
        return ""

    @property
    def has_int8(self) -> bool:
        """Whether the network can answer as its int8 code does."""
        return self._state.model.quantization is not None

    @property
    def is_outdated(self) -> bool:
        """Whether the result is of another network, or of parameters before these."""
        if self.result is None:
            return False
        then, now, int8 = self.result.order.model, self._state.model, self.result.order.int8
        is_same = then.is_same_network(now) and then.params is now.params  # each change makes a new array
        return not is_same or (int8 and then.quantization != now.quantization)

    def start(self, int8: bool) -> None:
        """Answer the test images of the data set of the Train page."""
        if self._job is not None or self.obstacle:
            return
        training = self._training
        order = EvaluationOrder(self._state.model, training.catalogue, training.data_name, int8)
        self.error, self.progress = "", JobProgress(0, 0)
        job = Job(lambda stopping: assess(order), self._ended, self._progressed)
        self._job = self._worker.submit(job)
        self.changed.emit()

    def cancel(self) -> None:
        """Give it up."""
        if self._job is not None:
            self._job.cancel()

    def select(self, selection: Selection) -> None:
        """Look at other images."""
        self.selection = selection
        self.selected.emit()

    def put_on_canvas(self, image: NDArray[np.uint8]) -> None:
        """Show an image, (height, width, channels), as if it were drawn."""
        self._pictures.show(np.ascontiguousarray(image.max(axis=2)))

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.shut_down()

    def _progressed(self, items: list[Any]) -> None:
        self.progress = items[-1]
        self.changed.emit()

    def _ended(self, outcome: JobOutcome) -> None:
        self._job = None
        if outcome.error is not None:
            self.error = str(outcome.error)
        elif not outcome.cancelled:
            self.result, self.selection = outcome.result, Selection()
        self.changed.emit()
        self.selected.emit()
