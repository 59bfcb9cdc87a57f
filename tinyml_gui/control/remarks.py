"""Says what is wrong with a trained model that was opened, or that a training has ended with."""

from __future__ import annotations

import functools
from collections.abc import Generator
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QObject, Signal

from engine.data.starter import load_starter
from engine.nn.model import Model
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.document.state import State

__all__ = ["Remarks"]

_IMAGES: Final = 64


class Remarks(QObject):
    """Looks at the model in the background.

    Parameters
    ----------
    state : State
    tasks : Worker

    Signals
    -------
    told(str)
        What is wrong with the current model.
    """

    told = Signal(str)

    def __init__(self, state: State, tasks: Worker, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._tasks = tasks

    def look(self) -> None:
        """Look at the current model, if it is trained."""
        model = self._state.model
        if model.trained:
            job = Job(lambda stopping: _silence(model), functools.partial(self._looked, model))
            self._tasks.submit(job)

    def _looked(self, model: Model, outcome: JobOutcome) -> None:
        if outcome.result and np.array_equal(self._state.model.params, model.params):
            self.told.emit(outcome.result)


def _silence(model: Model) -> Generator[Any, None, str]:
    """Say which layer of `model` gives the same for every image; else empty."""
    from engine.quantize.probe import silent_layer

    yield from ()
    starter = load_starter("test", "starter")
    shape = model.spec.input_shape
    if starter.image_shape == shape:
        return silent_layer(model, starter.images[:_IMAGES])
    noise = np.random.default_rng(0).integers(0, 256, (_IMAGES, *shape), dtype=np.uint8)
    return silent_layer(model, noise)
