"""The models of networks that no other one beats, kept while a sweep goes on.

Validation accuracy decides, with what a network takes. So there are few, and each can be loaded again with
its weights, quantized and measured in int8.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from engine.data.dataset import Dataset
from engine.files import file_faults, is_file
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.quantize.compare_float_int8 import evaluate_int8
from engine.quantize.finetune import quantize_run
from engine.storage import model_file
from engine.sweep.columns import ACCURACY_INT8, KEY, Row
from engine.sweep.objectives import Objective, dominates, front
from engine.sweep.outcome import Finished
from engine.training.config import trained_config
from engine.training.events import Finished as RunFinished
from engine.training.images import LabelledImages

__all__ = ["BestModels", "saved_model"]


class BestModels:
    """The models of the front of a sweep.

    Parameters
    ----------
    objectives : sequence of Objective
        What the front is of.
    rows : iterable of row
        Of runs that have ended before; their models are looked for in `folder`.
    data : Dataset
        What is trained on.
    folder : path-like or None
        Where to keep the models as files; it is made if it is not there. None keeps them in memory alone.

    Raises
    ------
    FileError
        When the folder cannot be made.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        rows: Iterable[Row],
        data: Dataset,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._objectives, self._data = objectives, data
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            with file_faults(self._folder):
                self._folder.mkdir(exist_ok=True)
        self._models: dict[str, Model] = {}
        self.rows: list[Row] = front(list(rows), objectives)

    def take(self, event: Finished, row: Row) -> None:
        """Keep the model of `event` if no other one beats it, and drop those that it beats.

        Raises
        ------
        FileError
            When its file cannot be written; it is kept in memory all the same.
        """
        if any(dominates(other, row, self._objectives) for other in self.rows):
            return
        beaten = [other for other in self.rows if dominates(row, other, self._objectives)]
        self.rows = [*(other for other in self.rows if other not in beaten), row]
        for other in beaten:
            self._drop(other)
        model = self._models[str(row[KEY])] = event.trained.model(self._data)
        if self._folder is not None:
            model_file.save(model, saved_model(self._folder, row[KEY]))

    def saved(self) -> frozenset[str]:
        """Return the keys of the runs of the front whose models are files."""
        if self._folder is None:
            return frozenset()
        return frozenset(str(row[KEY]) for row in self.rows if is_file(saved_model(self._folder, row[KEY])))

    def _drop(self, row: Row) -> None:
        self._models.pop(str(row[KEY]), None)
        if self._folder is not None:
            with suppress(OSError):
                saved_model(self._folder, row[KEY]).unlink(missing_ok=True)

    def model(self, row: Row) -> Model | None:
        """Return the model of a row of the front; None if it was trained before and no file has it."""
        known = self._models.get(str(row[KEY]))
        if known is not None or self._folder is None:
            return known
        path = saved_model(self._folder, row[KEY])
        return model_file.load(path) if is_file(path) else None

    def measured_in_int8(self, test: Dataset, threads: int) -> Iterator[Row]:
        """Quantize the models of the front, and yield their rows with the accuracy in int8.

        Calibration uses training images. Rows that have that accuracy already are left out, as are those
        without a model and those that int8 cannot express.
        """
        for row in self.rows:
            model = self.model(row) if row[ACCURACY_INT8] is None else None
            if model is None or row["Flash int8 (bytes)"] is None:
                continue
            accuracy = self._accuracy_in_int8(model, test, threads)
            yield {**row, ACCURACY_INT8: round(100 * accuracy, 3)}

    def _accuracy_in_int8(self, model: Model, test: Dataset, threads: int) -> float:
        *_, ended = quantize_run(model, self._data)
        assert isinstance(ended, RunFinished)
        loss = LOSSES[trained_config(model).loss]
        return evaluate_int8(ended.model, loss, LabelledImages(test.images, test.labels), threads).accuracy


def saved_model(folder: Path, key: object) -> Path:
    """Return the file with the model of the run `key`, if it was kept."""
    return folder / f"run-{key}{model_file.SUFFIX}"
