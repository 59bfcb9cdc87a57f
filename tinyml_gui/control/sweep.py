"""What the Sweep page asks for: start a sweep, stop it, take one of its networks into the editor."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from engine.data import Dataset
from engine.errors import TinyMLError
from engine.files import user_folder
from engine.nn.losses import suitable_loss
from engine.nn.model import Model
from engine.sweep.description import Sweep
from engine.sweep.outcome import Advanced, EpochScores, Trained
from engine.training.config import usable_cores
from tinyml_gui.background.sweep_jobs import (
    Began,
    Ended,
    NotWritten,
    Saved,
    SweepOrder,
    list_sweeps,
    open_saved,
    run_sweep,
    write,
)
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.control.training import TrainingController
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.sweep.definition import Definition, size_words, sweep_of
from tinyml_gui.viewmodels.sweep.earlier import Earlier
from tinyml_gui.viewmodels.sweep.results import SweepResults
from tinyml_gui.viewmodels.sweep.status import bar_words, ending_words, status_words
from tinyml_gui.viewmodels.sweep.stopwatch import Stopwatch

__all__ = ["SweepController"]

_MOST_KEPT: Final = 128 << 20  # bytes of parameters that are kept; the least accurate go first
_TRAINED: Final = "with its weights"
_HOLDS: Final = "A sweep is using all cores; stop it on the Sweep page first."


def results_folder() -> Path:
    """Return the folder for the tables of sweeps; it may not exist yet."""
    return user_folder("sweeps")


class SweepController(QObject):
    """One sweep at a time, which goes on while other pages are used. Started again, it goes on where it was.

    Signals
    -------
    changed()
        Results or status changed; at most 30 times a second.
    listed()
        `earlier` are other sweeps.
    selected()
        Another run is selected in all views.
    told(str)
        How a sweep ended, or what was loaded.
    refused(str)
        Why it cannot start, or a network cannot be loaded.

    Attributes
    ----------
    results : SweepResults or None
    chosen : int or None
        The number of the run that is selected in all views.
    folder : Path
        Where the tables are.
    earlier : tuple of Earlier
        Sweeps that began earlier, the newest first.
    """

    changed = Signal()
    selected = Signal()
    listed = Signal()
    told = Signal(str)
    refused = Signal(str)

    def __init__(
        self,
        state: State,
        training: TrainingController,
        tasks: Worker,
        take: Callable[[Model], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state, self._training, self._tasks, self._take = state, training, tasks, take
        self._worker = Worker("sweep", self)
        self._job: Job | None = None
        self._data: Dataset | None = None
        self._kept: dict[int, Trained] = {}
        self._kept_bytes = 0
        self._saved = Saved(Path(), frozenset())
        self._clock = Stopwatch(time.monotonic)
        self.sweep: Sweep | None = None
        self.results: SweepResults | None = None
        self.chosen: int | None = None
        self.warning = ""
        self.folder = results_folder()
        self.earlier: tuple[Earlier, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether networks are being trained, or would be if the sweep were not paused."""
        return self._job is not None

    @property
    def is_busy(self) -> bool:
        """Whether a sweep or a training is under way, so that no other sweep can be chosen."""
        return self.is_running or self._training.is_running

    @property
    def is_paused(self) -> bool:
        """Whether the sweep is paused: its processes wait."""
        return self._job is not None and not self._job.going.is_set()

    @property
    def is_stopping(self) -> bool:
        """Whether the sweep was told to stop and has not ended yet."""
        return self._job is not None and self._job.stopping.is_set()

    @property
    def seconds(self) -> float:
        """How long the sweep has been going, or took, without its pauses."""
        return self._clock.seconds

    @property
    def seconds_left(self) -> float:
        """How long it will take at the speed so far; infinity where that is not known."""
        share = 0.0 if self.results is None else self.results.share
        return self.seconds * (1 - share) / share if share > 0 else float("inf")

    @property
    def status_words(self) -> str:
        """How far the sweep is, in a line; empty where there are no results."""
        if self.results is None:
            return ""
        left = self.seconds_left if self.is_running and not self.is_paused else None
        return status_words(self.results, self.seconds, left, self.warning, is_paused=self.is_paused)

    @property
    def bar_words(self) -> str:
        """The same for a running sweep, where only little is shown."""
        if self.is_stopping:
            return "Stopping the sweep…"
        if self.results is None:
            return "Preparing the sweep…" if self.is_running else ""
        return bar_words(self.results, self.seconds_left, self.is_paused)

    def obstacle(self) -> str:
        """Return why no sweep can start now; empty where one can."""
        if self._training.is_running:
            return "A training is running; stop it first."
        if self._training.data is None:
            return self._training.data_error or "The data set is being read."
        return ""

    def look(self) -> None:
        """Look for sweeps that began earlier."""
        self._tasks.submit(Job(lambda stopping: list_sweeps(self.folder), self._found))

    def _found(self, outcome: JobOutcome) -> None:
        self.earlier = outcome.result or ()
        self.listed.emit()

    def earlier_of(self, definition: Definition) -> Earlier | None:
        """Return the sweep that began earlier and is to go on; None for a new one."""
        return next((earlier for earlier in self.earlier if earlier.name == definition.earlier), None)

    def size_words(self, definition: Definition) -> str:
        """Return how large the sweep would be; raise `TinyMLError` if it cannot be made."""
        data = self._training.data
        return "" if data is None else size_words(self._described(definition, data), data)

    def start(self, definition: Definition) -> None:
        """Begin a sweep on the data of the Train page, or go on with it."""
        data = self._training.data
        if self._job is not None or data is None:
            return
        try:
            self.sweep = self._described(definition, data)
        except TinyMLError as error:
            self.refused.emit(str(error))
            return
        self._data, self.results, self.chosen, self.warning = data, None, None, ""
        self._kept.clear()
        self._kept_bytes = 0
        self._clock.restart()
        order = SweepOrder(
            self.sweep, data, self._training.catalogue, self.folder, usable_cores(), definition.earlier
        )
        make = functools.partial(run_sweep, order)
        self._job = self._worker.submit(Job(make, self._stopped, self._progressed))
        self._training.hold(_HOLDS)
        self.changed.emit()

    def pause(self) -> None:
        """Let the processes wait, after the little that they are ahead."""
        if self._job is not None and not self.is_stopping:
            self._job.pause()
            self._clock.stop()
            self.changed.emit()

    def resume(self) -> None:
        """Go on with a paused sweep."""
        if self._job is not None:
            self._job.resume()
            self._clock.go_on()
            self.changed.emit()

    def stop(self) -> None:
        """End the sweep; runs that ended are kept, the others begin again with the next start."""
        if self._job is not None:
            self._job.stop()
            self.changed.emit()

    def choose(self, number: int | None) -> None:
        """Select a run in all views."""
        if number != self.chosen:
            self.chosen = number
            self.selected.emit()

    @property
    def chosen_words(self) -> str:
        """What is selected, or how to select something."""
        if self.results is None or self.chosen is None:
            return "Choose a network in any of the views"
        number, words = self.chosen, self.results.settings(self.chosen)
        if number in self._kept or self._is_saved(number) or not self.results.ended[number]:
            return words
        return f"{words} · its weights were not kept"

    @property
    def load_obstacle(self) -> str:
        """Why the run that is selected cannot be opened now; empty where it can."""
        if self.results is None or self.chosen is None:
            return "Choose a network first."
        return "A training is running; stop it first." if self._training.is_running else ""

    def load(self, number: int) -> None:
        """Take the network of a run into the editor, with its weights where they are at hand.

        Of an earlier start of the program those are that no other network of the sweep beats; the others come
        as they were before training. This can be undone.
        """
        if self._data is None or self.results is None or self._training.is_running:
            return
        kept, run = self._kept.get(number), self.results.runs[number]
        if kept is not None:
            self._open(kept.model(self._data), _TRAINED)
        elif self._is_saved(number):
            read = functools.partial(open_saved, self._saved.folder, run.key)
            self._tasks.submit(Job(lambda stopping: read(), self._read))
        else:
            self._open(run.model(self._data.classes), "as it was before training")

    def _is_saved(self, number: int) -> bool:
        return self.results is not None and self.results.runs[number].key in self._saved.keys

    def _read(self, outcome: JobOutcome) -> None:
        if outcome.error is not None:
            self.refused.emit(str(outcome.error))
        elif outcome.result is not None and not self._training.is_running:
            self._open(outcome.result, _TRAINED)

    def _open(self, model: Model, how: str) -> None:
        self._take(model)
        self.told.emit(f"Opened {model.name} of the sweep {how}; Undo brings the network before it back")

    def save(self, path: Path, data: bytes, ended: Callable[[JobOutcome], None]) -> None:
        """Write a chart; `ended` gets its path."""
        self._tasks.submit(Job(lambda stopping: write(path, data), ended))

    def shut_down(self) -> None:
        """End the processes and the thread."""
        self._worker.shut_down()

    def _described(self, definition: Definition, data: Dataset) -> Sweep:
        earlier = self.earlier_of(definition)
        if earlier is not None:
            return earlier.sweep
        spec = self._state.document.spec
        return sweep_of(definition, spec, suitable_loss(spec).name, data)

    def _progressed(self, items: list[Any]) -> None:
        for item in items:
            self._fold(item)
        self.changed.emit()

    def _fold(self, item: Began | Advanced | EpochScores | Ended | NotWritten) -> None:
        if isinstance(item, Began):
            self.results, self._saved = item.results, item.saved
        elif isinstance(item, NotWritten):
            self.warning = f"A result could not be written and is tried again. {item.reason}"
        elif self.results is not None:
            self._fold_result(self.results, item)

    def _fold_result(self, results: SweepResults, item: Advanced | EpochScores | Ended) -> None:
        if isinstance(item, Advanced):
            results.advance(item.epochs)
        elif isinstance(item, EpochScores):
            results.judge(item)
        else:
            results.end(item.row, item.sentence)
            if item.trained is not None:
                self._keep(item.trained)

    def _keep(self, trained: Trained) -> None:
        """Keep a network; where too many are kept, the least accurate is dropped."""
        self._kept[trained.run.number] = trained
        self._kept_bytes += trained.params.nbytes
        while self._kept_bytes > _MOST_KEPT:
            worst = min(self._kept.values(), key=_usefulness)
            self._kept_bytes -= worst.params.nbytes
            del self._kept[worst.run.number]

    def _stopped(self, outcome: JobOutcome) -> None:
        was_stopped, self._job = self.is_stopping, None
        self._clock.stop()
        self._training.hold("")
        if outcome.error is not None:
            self.refused.emit(str(outcome.error))
        elif not outcome.cancelled and self.results is not None:
            self.told.emit(ending_words(self.results, was_stopped))
        self.changed.emit()
        self.look()


def _usefulness(trained: Trained) -> float:
    """Return the accuracy by which networks are kept; one that diverged has none."""
    accuracy = trained.validation.accuracy
    return -1.0 if math.isnan(accuracy) else accuracy
