"""What runs in the background, as generators that know no threads: load, train, evaluate, export, verify.

Each yields what there is to show and returns its result. They own what they compute with; the window's
thread only ever gets copies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.data import Catalogue, Dataset
from engine.data.catalogue import STARTER
from engine.data.starter import load_starter
from engine.evaluate import Evaluator
from engine.losses import LOSSES
from engine.model import Model
from engine.train import Event, Finished, TrainConfig, Trainer, default_threads
from engine.work import Work

if TYPE_CHECKING:
    from engine.verify import Verification

__all__ = [
    "ExportOrder",
    "Exported",
    "Parameters",
    "Progress",
    "Score",
    "evaluate",
    "export",
    "load",
    "train",
    "verify",
]

_PUBLISH_SECONDS: Final = 0.2
_CHUNK: Final = 512  # images between two reports of an evaluation


@dataclass(frozen=True)
class Parameters:
    """A copy of the parameters while they are being trained."""

    params: NDArray[np.float32]


@dataclass(frozen=True)
class Progress:
    """How far something is."""

    done: int
    total: int


@dataclass(frozen=True)
class Score:
    """A model's result on images it was not trained with."""

    loss: float
    accuracy: float
    images: int

    def metrics(self, data: str) -> dict[str, Any]:
        """Return the score as a model's record keeps it."""
        return {"data": data, "loss": self.loss, "accuracy": self.accuracy, "images": self.images}


def load(catalogue: Catalogue, name: str, part: str) -> Generator[Any, None, Dataset]:
    """Read a part of a data set."""
    yield from ()
    return catalogue.load(name, part)


def train(
    model: Model, data: Dataset, config: TrainConfig, stopping: threading.Event
) -> Generator[Event | Parameters, None, Finished]:
    """Train a copy of `model`; yields the trainer's events and now and then the parameters."""
    trainer = Trainer(model, data, config)
    published_at = time.monotonic()
    finished = None
    with closing(trainer.run()) as events:
        for event in events:
            if stopping.is_set():
                trainer.stop()
            yield event
            if time.monotonic() - published_at >= _PUBLISH_SECONDS:
                published_at = time.monotonic()
                yield Parameters(trainer.snapshot())
            finished = event
    assert isinstance(finished, Finished)
    return finished


def evaluate(catalogue: Catalogue, name: str, model: Model, loss: str) -> Generator[Progress, None, Score]:
    """Measure `model` on the test part of a data set."""
    data = catalogue.load(name, "test")
    evaluator = Evaluator(model.spec, LOSSES[loss], default_threads())
    work = Work(data.images, data.labels)
    total, lost, correct = len(data), 0.0, 0.0
    for start in range(0, total, _CHUNK):
        part = np.arange(start, min(start + _CHUNK, total))
        result = evaluator.run(model.params, work, part)
        lost += result.loss * len(part)
        correct += result.accuracy * len(part)
        yield Progress(int(part[-1]) + 1, total)
    return Score(lost / total, correct / total, total)


@dataclass(frozen=True)
class Exported:
    """Files that were written, or, with nothing written, those that are in the way."""

    paths: tuple[Path, ...]
    in_the_way: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ExportOrder:
    """What to export, as what, and where to."""

    model: Model
    format: str
    options: Any
    folder: Path
    data: Dataset | None = None
    overwrite: bool = False


def export(order: ExportOrder) -> Generator[Any, None, Exported]:
    """Write the files of an order; existing ones only where it says so."""
    from engine.export import export_model, write_files

    data = _fitting(order.model, order.data)
    files = export_model(order.model, order.format, order.options, data)
    yield Progress(1, 2)
    existing = tuple(path for name in files if (path := order.folder / name).exists())
    if existing and not order.overwrite:
        return Exported((), existing)
    return Exported(write_files(order.folder, files, order.overwrite))


def verify(
    model: Model, vectors: int, data: Dataset | None, stopping: threading.Event
) -> Generator[Any, None, Verification]:
    """Compile the model's C on this computer and compare its answers with the engine's."""
    from engine.export import make_vectors
    from engine.verify import verify_host

    yield Progress(0, 1)
    inputs = make_vectors(model, vectors, _fitting(model, data))
    return verify_host(model, inputs, cancel=stopping.is_set)


def _fitting(model: Model, data: Dataset | None) -> Dataset | None:
    """Return images to take test vectors from: `data`, else the starter set; None where neither fits."""
    found = load_starter("test", STARTER) if data is None else data
    return found if found.image_shape == model.spec.input_shape else None
