"""Background work of the Deploy page, as generators that know no threads: measure, export, verify."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.data import Dataset
from engine.data.catalogue import STARTER
from engine.data.starter import load_starter
from engine.files import is_file
from engine.model import Model
from tinyml_gui.jobs import Progress
from tinyml_gui.viewmodels.fit import Fit, FitOrder, measure

if TYPE_CHECKING:
    from engine.verify import Verification

__all__ = ["ExportOrder", "Exported", "export", "fit", "verify"]


def fit(order: FitOrder) -> Generator[Any, None, Fit]:
    """Find out what a model takes on a board."""
    yield from ()
    return measure(order)


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
    existing = tuple(path for name in files if is_file(path := order.folder / name))
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
