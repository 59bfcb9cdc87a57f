"""What the user asks for becomes changes of the state and background work.

Panels call methods here and listen to signals; they never change the state themselves. Faults that the
user caused come out of `error` as one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QObject, Signal

from engine.data import Catalogue, default_data_dirs
from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.storage.shipped import load_shipped
from tinyml_gui.background.import_jobs import TakenIn
from tinyml_gui.background.worker import Worker
from tinyml_gui.control.autosave import Autosave
from tinyml_gui.control.data import DataController
from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.control.evaluation import EvaluationController
from tinyml_gui.control.imports import ImportController
from tinyml_gui.control.pictures import PictureReader
from tinyml_gui.control.quantization import QuantizationController
from tinyml_gui.control.recovery import RecoveryController
from tinyml_gui.control.remarks import Remarks
from tinyml_gui.control.sweep import SweepController
from tinyml_gui.control.training import TrainingController
from tinyml_gui.document.document import Document
from tinyml_gui.document.edits import Edit
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.document.settings import Settings
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.training import Interrupted

__all__ = ["Controller"]

_FIRST: Final = ("digits", "lenet")  # the model of the first start, and the preset where it is not there
_DIGITS: Final = tuple("0123456789")


class Controller(QObject):
    """What panels talk to.

    Parameters
    ----------
    settings : Settings
    catalogue : Catalogue, optional
        Data sets to offer; those of this computer when left out.
    rng : numpy.random.Generator, optional
        Draws start values; from the system's entropy when left out.
    recovery_files : RecoveryFiles, optional
        Where copies go that outlive a killed program; none are written when left out.

    Signals
    -------
    model_changed()
        The document changed: network, classes or undo history.
    params_published()
        `model` holds newer parameters of the same network; at most 5 times a second.
    selection_changed()
    title_changed()
    opened()
        Another model was opened or begun; results about the last one no longer apply.
    message(str)
    error(str)
        A file or the network is at fault, or what was asked for is not possible.
    settled()
        What was asked for last was done: an `error` before it no longer holds.
    unkept(str)
        No copy of unsaved work can be kept, and why.
    kept_again()
        Copies can be kept again.
    """

    model_changed = Signal()
    params_published = Signal()
    selection_changed = Signal()
    title_changed = Signal()
    opened = Signal()
    message = Signal(str)
    error = Signal(str)
    settled = Signal()
    unkept = Signal(str)
    kept_again = Signal()

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue | None = None,
        rng: np.random.Generator | None = None,
        recovery_files: RecoveryFiles | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.settings = settings
        rng = np.random.default_rng() if rng is None else rng
        first, self.start_note = _first_model(rng)
        self._shipped: Model | None = first
        self.state = State(first, rng)
        self.tasks = Worker("tasks", self)
        self.pictures = PictureReader(self)
        self.training = TrainingController(
            self.state, self.tasks, catalogue or Catalogue(default_data_dirs()), self
        )
        self.data = DataController(self.training.catalogue, self)
        self.sweep = SweepController(self.state, self.training, self.tasks, self._begin, self)
        self.evaluation = EvaluationController(self.state, self.training, self.pictures, self)
        self.deployment = DeploymentController(self.state, settings, self.tasks, self)
        self.quantization = QuantizationController(self.state, self.training, self._annotate, self)
        self._seen = self._snapshot()
        self.state.observe(self._state_changed)
        self.model_changed.connect(self.deployment.update)
        self.training.params_published.connect(self.params_published)
        self.training.changed.connect(self._running_changed)
        self._was_running = False
        self.recovery_files = recovery_files
        self.recovery = RecoveryController(recovery_files, self.tasks, self._take_left, self)
        self.recovery.error.connect(self.error)
        self.imports = ImportController(self.state, self.tasks, self)
        self.autosave = None if recovery_files is None else Autosave(self.state, recovery_files, self)
        if self.autosave is not None:
            self.autosave.failed.connect(self.unkept)
            self.autosave.works_again.connect(self.kept_again)
        self.training.keep_path = None if recovery_files is None else recovery_files.run
        self.training.failed_to_keep.connect(self.unkept)
        self.training.keeps_again.connect(self.kept_again)
        for told in (
            self.training.noted,
            self.training.told,
            self.data.told,
            self.sweep.told,
            self.quantization.told,
        ):
            told.connect(self.message)
        self.training.told.connect(self.quantization.prepare)
        self.remarks = Remarks(self.state, self.tasks, self)
        self.opened.connect(self.remarks.look)
        self.training.told.connect(self.remarks.look)
        self.remarks.told.connect(self.message)
        if (application := QCoreApplication.instance()) is not None:
            application.aboutToQuit.connect(self.shutdown)

    @property
    def model(self) -> Model:
        """The current model, always one that works."""
        return self.state.model

    @property
    def path(self) -> Path | None:
        """The file of the network; None where it has none."""
        return self.state.document.place.path

    @property
    def title(self) -> str:
        """The window's title: the file's name, or the model's where there is no file."""
        return self.path.name if self.path else self.model.name

    @property
    def is_modified(self) -> bool:
        """Whether there is something to save."""
        return self.state.is_modified

    @property
    def is_shipped(self) -> bool:
        """Whether the current model came with the application and is unchanged."""
        return self.model is self._shipped

    @property
    def can_undo(self) -> bool:
        """Whether the last change of the model can be undone now."""
        return self.state.can_undo and not self.training.is_running

    @property
    def can_redo(self) -> bool:
        """Whether the change that was undone last can be redone now."""
        return self.state.can_redo and not self.training.is_running

    # Files

    def open_file(self, path: str | Path) -> None:
        """Open a ``.tinyml`` file; the current model stays where that fails."""
        from engine.storage import model_file

        try:
            model, run = model_file.load_run(path)
        except TinyMLError as error:
            self.error.emit(str(error))
            return
        model = model.replace(name=Path(path).stem)
        self._take(model, Path(path))
        if run is not None:
            self.training.offer(Interrupted(model, run))

    def open_import(self, found: TakenIn) -> None:
        """Open a network that another program made; it has no file yet."""
        self._take(found.model, None, saved=False)
        self.message.emit(found.sentence)

    def open_shipped(self, name: str) -> None:
        """Open a model that comes with the application."""
        try:
            self._take(load_shipped(name), None, shipped=True)
        except TinyMLError as error:
            self.error.emit(str(error))

    def new_from_preset(self, name: str) -> None:
        """Start an untrained network, for the classes of the current model."""
        try:
            self._take(self._preset(name), None)
        except TinyMLError as error:
            self.error.emit(_misfit(name, error))

    def save_file(self, path: str | Path) -> None:
        """Save the model; an existing file stays whole where that fails."""
        from engine.storage import model_file

        if self.state.document.fault is not None:
            self.error.emit(f"The network has a fault and was not saved: {self.state.document.fault}")
            return
        model = self.model.replace(name=Path(path).stem)
        try:
            model_file.save(model, path, self.training.run_of(model))
        except TinyMLError as error:
            self.error.emit(str(error))
            return
        self.state.document.place.path = Path(path)
        self.state.rename(model.name)
        self.state.mark_saved()
        self.title_changed.emit()
        later = " as it is now; save again when training has ended" if self.training.is_running else ""
        self.settled.emit()
        self.message.emit(f"Saved as {Path(path).name}{later}")

    def _preset(self, preset: str) -> Model:
        model = self.model
        spec = PRESETS[preset].build(len(model.classes), model.spec.input_shape)
        return self.state.fresh_model(spec, model.classes, preset)

    def _take(self, model: Model, path: Path | None, saved: bool = True, *, shipped: bool = False) -> None:
        self.training.abandon()
        self._shipped = model if shipped else None
        self.state.reset(model, saved, path)
        self.title_changed.emit()
        self.opened.emit()
        self.settled.emit()

    def _take_left(self, model: Model, interrupted: Interrupted | None) -> None:
        """Open what a program has left that ended before it was saved."""
        self._take(model, None, saved=False)
        self.message.emit(f"Restored {model.name}; it is not saved yet")
        if interrupted is not None:
            self.training.offer(interrupted)
            self.message.emit(f"Restored {model.name}; its training can go on on the Train page")
        if self.autosave is not None:
            self.autosave.write()  # after whatever is still being written of the model before

    # Editing

    def select(self, index: int) -> None:
        """Select layer `index`."""
        self.state.select(index)

    def edit(self, edit: Edit, select: int | None = None, merge: object = None) -> None:
        """Change the network; successive edits with the same `merge` are undone together."""
        if not self.training.is_running:
            self.state.edit(edit, select, merge)
            self.settled.emit()

    def use_preset(self, name: str) -> None:
        """Take a preset's network in place of the current one; it has no file yet. This can be undone."""
        if self.training.is_running:
            return
        try:
            self._begin(self._preset(name))
        except TinyMLError as error:
            self.error.emit(_misfit(name, error))

    def _begin(self, model: Model) -> None:
        """Take `model` in place of the current one; it has no file yet. This can be undone."""
        self.state.begin(model)
        self.settled.emit()

    def adapt(self, classes: tuple[str, ...]) -> None:
        """Make the model tell `classes` apart; can be undone."""
        if self.training.is_running:
            return
        try:
            self.state.adapt(classes)
        except TinyMLError as error:
            self.error.emit(str(error))
            return
        self.settled.emit()

    def undo(self) -> None:
        """Undo the last change of the model."""
        if self.can_undo:
            self.state.undo()
            self.settled.emit()

    def redo(self) -> None:
        """Redo the change that was undone last."""
        if self.can_redo:
            self.state.redo()
            self.settled.emit()

    @property
    def path_or_name(self) -> str:
        """What the model is called, without a suffix."""
        return self.path.stem if self.path else self.model.name

    def shutdown(self) -> None:
        """End all background work and wait for it; all is cancelled before the first wait."""
        for worker in self.findChildren(Worker):
            worker.cancel_all()
        self.training.shut_down()
        self.deployment.shut_down()
        self.quantization.shut_down()
        self.tasks.shut_down()
        self.pictures.shut_down()
        self.data.shut_down()
        self.sweep.shut_down()
        self.evaluation.shut_down()
        if self.autosave is not None:
            self.autosave.close()
        if self.recovery_files is not None:
            self.recovery_files.release()

    def keep_unsaved(self) -> None:
        """Write what is unsaved, to be offered at the next start: the program is being ended from outside."""
        if self.autosave is not None:
            self.autosave.write_now()

    def close(self) -> None:
        """End all work and remove the copies: the user closes the window and has decided about the model.

        An interrupted run stays that is offered but neither part of the model nor discarded.
        """
        undecided = self.training.interrupted is not None and self.training.run_of(self.model) is None
        self.shutdown()
        if self.recovery_files is not None:
            self.recovery_files.close(keep_run=undecided)

    def _annotate(self, model: Model) -> None:
        """Take the same model with new facts about it, such as its quantization."""
        if self.is_shipped:
            self._shipped = model
        self.state.annotate(model)

    # From state to signals

    def _snapshot(self) -> tuple[Document, int, tuple[bool, str]]:
        return self.state.document, self.state.selection, (self.is_modified, self.title)

    def _state_changed(self) -> None:
        before, self._seen = self._seen, self._snapshot()
        if self._only_parameters(before[0]):
            pass  # the training says so itself
        elif before[0] is not self._seen[0]:
            self.model_changed.emit()
        if before[1] != self._seen[1]:
            self.selection_changed.emit()
        if before[2] != self._seen[2]:
            self.title_changed.emit()

    def _running_changed(self) -> None:
        """Tell panels when training begins or ends: a model that is being trained cannot be edited."""
        if self.training.is_running != self._was_running:
            self._was_running = self.training.is_running
            self.model_changed.emit()
            if self.autosave is not None and not self._was_running:
                self.autosave.write()

    def _only_parameters(self, before: Document) -> bool:
        now = self.state.document
        same = before.spec is now.spec and before.model.classes == now.model.classes
        return self.training.is_running and same


def _first_model(rng: np.random.Generator) -> tuple[Model, str]:
    """Return the model to start with, and what the user should know about it."""
    shipped, preset = _FIRST
    fresh = Model.new(PRESETS[preset].build(len(_DIGITS)), _DIGITS, rng, shipped)
    try:
        return load_shipped(shipped), ""
    except (TinyMLError, OSError) as error:  # a damaged installation must not keep the window from opening
        return fresh, f"The installed model {shipped} cannot be used, an untrained one is open: {error}"


def _misfit(preset: str, error: TinyMLError) -> str:
    return f"{PRESETS[preset].title} does not suit these images. {error}"
