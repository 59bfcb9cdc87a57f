"""Background work of the Deploy page, as generators that know no threads: measure, export, verify."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.boards.boards import Board
from engine.cost.choose_variant import fitted
from engine.data import Dataset
from engine.data.catalogue import STARTER
from engine.data.starter import load_starter
from engine.errors import QuantizationError
from engine.export import (
    FORMATS,
    ExportOptions,
    PreparedExport,
    Proof,
    check_files,
    prepare_export,
    write_files,
)
from engine.files import is_file
from engine.nn.model import Model
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.viewmodels.fit import Fit, FitOrder, measure, suited

if TYPE_CHECKING:
    from engine.verify.certificate import Certificate

__all__ = [
    "ExportOrder",
    "Exported",
    "Step",
    "VerifyOrder",
    "certify",
    "export",
    "fit",
    "save_certificate",
    "verify",
]

HOST: Final = "host"
_NOT_CALIBRATED: Final = (
    "The network is calibrated for int8 when its training has ended; "
    "stop the training, or choose another format."
)


def fit(order: FitOrder) -> Generator[Any, None, Fit]:
    """Compute what a model needs on a board."""
    yield from ()
    return measure(order)


@dataclass(frozen=True)
class Exported:
    """The files that were written; or none, and the existing files that would have been overwritten.

    Attributes
    ----------
    paths, in_the_way : tuple of Path
    proof : Proof or None
        Whether the files gave the engine's answers before they were written; None where it was not asked.
    """

    paths: tuple[Path, ...]
    in_the_way: tuple[Path, ...] = ()
    proof: Proof | None = None


@dataclass(frozen=True)
class ExportOrder:
    """What to export, in which format and into which folder; for a `board`, with the variant that fits it."""

    model: Model
    format: str
    options: ExportOptions
    folder: Path
    data: Dataset | None = None
    overwrite: bool = False
    board: Board | None = None

    @property
    def images(self) -> Dataset | None:
        """Images for test vectors; None takes random ones."""
        return _fitting(self.model, self.data)

    def prepared(self) -> PreparedExport:
        """Return the export for the board; raise `ExportError` where the model does not fit it."""
        data = self.images
        if self.board is None or not FORMATS[self.format].has_facts:
            return prepare_export(self.model, self.format, self.options, data)
        return fitted(self.model, self.format, self.board, self.options, data).prepared


def export(order: ExportOrder, cancelled: Callable[[], bool]) -> Generator[Any, None, Exported]:
    """Write the files of an order, once they gave the engine's answers here; replace only what it says."""
    with _explained(order.model):
        prepared = order.prepared()
        files = prepared.files
    yield JobProgress(1, 3)
    existing = tuple(path for name in files if is_file(path := order.folder / name))
    if existing and not order.overwrite:
        return Exported((), existing)
    check_files(order.folder, files, order.overwrite)
    proof = FORMATS[order.format].prove(order.model, prepared, order.images, cancelled)
    yield JobProgress(2, 3)
    return Exported(write_files(order.folder, files, order.overwrite), proof=proof)


def certify(order: ExportOrder, certificate: Certificate) -> Generator[Any, None, Exported]:
    """Write the files of an order again, with the results of the verification in the headers."""
    from engine.verify.certificate import certified

    yield from ()
    prepared = order.prepared()
    proved = certified(prepared.files, certificate, order.model, order.format, prepared.options)
    return Exported(write_files(order.folder, proved, overwrite=True))


@dataclass(frozen=True)
class VerifyOrder:
    """What to verify, and where: on this computer, and on the board's core where it can be emulated."""

    model: Model
    format: str
    options: ExportOptions
    board: Board
    data: Dataset | None = None
    vectors: int = 100

    @property
    def targets(self) -> tuple[str, ...]:
        """Where to run the code."""
        return tuple(name for name in (HOST, self.board.target) if name is not None)


@dataclass(frozen=True)
class Step:
    """What a verification is doing, and the share that is done."""

    what: str
    share: float


def verify(
    order: VerifyOrder, tell: Callable[[Step], None], cancelled: Callable[[], bool]
) -> Generator[Any, None, Certificate]:
    """Compile the model's C, run it and compare its answers with the engine's; skip targets without tools."""
    from engine.export import make_vectors
    from engine.verify.session import Setup, verify

    yield Step("Preparing", 0.0)
    inputs = make_vectors(order.model, order.vectors, _fitting(order.model, order.data))
    options = suited(FitOrder(order.model, order.format, order.board, order.options))
    setup = Setup(options=options, skip_missing=True)

    def report(what: str, share: float) -> None:
        tell(Step(what, share))

    with _explained(order.model):
        return verify(order.model, order.format, order.targets, inputs, setup, report, cancelled)


def save_certificate(certificate: Certificate, path: Path) -> Generator[Any, None, Path]:
    """Write a certificate as JSON."""
    yield from ()
    certificate.save(path)
    return path


@contextmanager
def _explained(model: Model) -> Iterator[None]:
    """Say why `model` is not calibrated: the engine's error names a command that the window does not have.

    The page calibrates what it shows, except while a training runs.
    """
    try:
        yield
    except QuantizationError as error:
        if model.quantization is None:
            raise QuantizationError(_NOT_CALIBRATED) from error
        raise


def _fitting(model: Model, data: Dataset | None) -> Dataset | None:
    """Return images to take test vectors from: `data`, else the starter set; None where neither fits."""
    found = load_starter("test", STARTER) if data is None else data
    return found if found.image_shape == model.spec.input_shape else None
