"""Saves the runs of ``tinyml train``, so that neither a kill, a full disk nor a divergence loses them.

During a run, a checkpoint is written after each epoch to ``F.unfinished.tinyml``, beside the file
``F.tinyml`` that the user asked for. ``F.tinyml`` is not touched before the run is over. Then the model is
written to it and the unfinished file is removed. A run that was stopped by Ctrl+C or SIGTERM is over too: its
checkpoint is saved in ``F.tinyml``, together with the model. Either file holds a model that can be used and a
run that can be resumed. A run that diverged never replaces a ``F.tinyml``; its last good parameters are then
saved as ``F.diverged.tinyml``. One run at a time writes these files.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from engine.errors import FileError
from engine.files import check_disk_space, is_file
from engine.locks import claimed
from engine.nn.model import Model
from engine.record import TrainingRecord
from engine.storage import model_file
from engine.terminal.console import Console
from engine.training.checkpoint import Checkpoint, KeepInterval
from engine.training.events import Reason
from engine.training.trainer import Trainer

__all__ = ["Keeper", "find_run", "finished_path", "recorded", "save_model", "unfinished_path"]

UNFINISHED, DIVERGED = ".unfinished", ".diverged"
TAKEN = "another training is writing to it; give another name with --out, or wait for its end."
SPARE_BYTES = 1 << 17  # for the record beside the parameters
VECTORS = 9  # at most, each as long as the parameters, in a file with a run


def unfinished_path(path: str) -> Path:
    """Return the unfinished file of `path`: ``a.unfinished.tinyml`` for ``a.tinyml``."""
    return _beside(path, UNFINISHED)


def _beside(path: str, word: str) -> Path:
    """Return ``a<word>.tinyml`` for ``a.tinyml``."""
    target = Path(path)
    suffix = target.suffix or model_file.SUFFIX
    return target.parent / (target.name.removesuffix(suffix) + word + suffix)


def finished_path(path: str) -> str:
    """Return the file for the finished model of the run in `path`."""
    target = Path(path)
    if not target.stem.endswith(UNFINISHED):
        return path
    return str(target.with_name(target.stem.removesuffix(UNFINISHED) + target.suffix))


def find_run(path: str) -> tuple[str, Model, Checkpoint]:
    """Return the file with the interrupted run of `path`, and its model and checkpoint.

    It is the unfinished file if there is one, because every run that ends removes its own.

    Raises
    ------
    FileError
        When there is no interrupted run, or the file is damaged.
    """
    place = str(unfinished_path(path))
    if not is_file(place):
        place = path
    model, run = model_file.load_run(place)
    if run is None:
        raise FileError(
            place, "it holds no interrupted run; to train this model further, give it as --model instead."
        )
    return place, model, run


def recorded(model: Model, origin: TrainingRecord, reason: str) -> TrainingRecord:
    """Return the record of `model` with command and start from `origin`, and the reason why the run ended."""
    return replace(model.record, command=origin.command, start=origin.start, reason=reason)


def save_model(model: Model, path: str, run: Checkpoint | None = None) -> None:
    """Save a model that took long to make, with the interrupted `run` if given.

    Raises
    ------
    FileError
        When `path` cannot be written. The sentence says where the model was saved instead.
    """
    try:
        model_file.save(model, path, run)
    except FileError as error:
        raise _rescued(model, run, error) from error


class Keeper:
    """Saves one run.

    Parameters
    ----------
    out : str or None
        The file to write; None to save nothing.
    console : Console
    """

    def __init__(self, out: str | None, console: Console) -> None:
        self.out = out
        self._console = console
        self._unfinished = None if out is None else unfinished_path(out)
        self._interval = KeepInterval()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other runs from writing the same files inside the block.

        Raises
        ------
        FileError
            When another run is writing them.
        """
        if self.out is None or self._unfinished is None:
            yield
            return
        with claimed(self._unfinished.with_name(f".{self._unfinished.name}.lock"), self.out, TAKEN):
            yield

    def check_disk_space(self, parameters: int) -> None:
        """Raise `FileError` now, rather than after hours, if the disk has no space for the model."""
        if self.out is not None:
            check_disk_space(self.out, 4 * VECTORS * parameters + SPARE_BYTES)

    def announce(self) -> None:
        """Say so if nothing will be saved, or if an earlier unfinished run will be overwritten."""
        if self.out is None:
            self._console.log("Nothing will be saved; give --out F.tinyml to keep the network.")
        if self._unfinished is not None and is_file(self._unfinished):
            self._console.log(
                f"{self._unfinished} holds an unfinished run, which this one replaces after its first epoch; "
                f"to go on with that one, stop now and use --resume {self.out}."
            )

    def keep(self, trainer: Trainer, origin: TrainingRecord) -> None:
        """Write a checkpoint of the run, unless the last one was written only a moment ago."""
        start = time.monotonic()
        if self._unfinished is None or not self._interval.due(start):
            return
        model = trainer.model()
        model = model.replace(record=recorded(model, origin, "unfinished"))
        try:
            model_file.save(model, self._unfinished, trainer.checkpoint())
        except FileError as error:
            self._console.log(f"The unfinished run could not be kept. {error}")
        self._interval.kept(start, time.monotonic())

    def save(self, model: Model, reason: Reason, run: Checkpoint) -> str | None:
        """Save the model, with the checkpoint `run` if it was stopped; return the path, None if not saved.

        A model that diverged never replaces an existing file but is saved beside it.
        """
        if self.out is None:
            return None
        place = self.out
        if reason is Reason.DIVERGED and Path(place).exists():
            place = str(_free(place))
            self._console.log(f"{self.out} stays as it was; the last good parameters go into {place}.")
        save_model(model, place, run if reason is Reason.STOPPED else None)
        self._discard()
        return place

    def _discard(self) -> None:
        if self._unfinished is not None:
            with suppress(OSError):
                self._unfinished.unlink()


def _free(path: str) -> Path:
    """Return a name for the diverged model of `path` that no file has yet."""
    numbers = ("" if number == 1 else f"-{number}" for number in count(1))
    names = (_beside(path, DIVERGED + number) for number in numbers)
    return next(name for name in names if not name.exists())


def _rescued(model: Model, run: Checkpoint | None, error: FileError) -> FileError:
    """Save a model elsewhere that could not be saved where it was wanted; return the error to raise."""
    for folder in (tempfile.gettempdir(), Path.home()):
        with suppress(FileError, OSError):
            place = Path(tempfile.mkdtemp(prefix="tinyml-", dir=folder)) / f"{model.name}{model_file.SUFFIX}"
            model_file.save(model, place, run)
            return FileError(error.path, f"{error.reason} The model was saved as {place} instead.")
    return error
