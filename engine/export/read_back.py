"""The proof of formats that this program also reads: what is read back must give the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping

from engine.boards.programs import Cancel
from engine.errors import VerifyError
from engine.export.formats import PROVED_VECTORS, Proof, Prove
from engine.export.options import ExportOptions
from engine.export.vectors import agree, make_vectors
from engine.files import file_faults
from engine.formats.reader import Reader, ReadOptions
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.specs import ModelSpec
from engine.temporary import work_folder

__all__ = ["prove_by_reading"]


def prove_by_reading(
    reader: Reader, suffix: str, network: Callable[[Model], ModelSpec | None] = lambda model: None
) -> Prove:
    """Return the proof that `reader` finds the model's answers in the exported file with this `suffix`.

    `network` gives the network that the reader is told, for files that do not say all of it.
    """

    def prove(
        model: Model, files: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None
    ) -> Proof:
        content = next(data for path, data in files.items() if path.endswith(suffix))
        with file_faults(tempfile.gettempdir()), work_folder() as folder:
            path = folder / f"{options.name}{suffix}"
            path.write_bytes(content)
            found = reader.read(path, ReadOptions(network(model), model.classes)).model
        vectors = make_vectors(model, PROVED_VECTORS)
        if not agree(Predictor(found).logits(vectors.images), vectors.outputs).all():
            raise VerifyError(f"What was written for {reader.title} gives other answers than the model.")
        return Proof(True, f"Read back, the file gives the model's answers for {len(vectors)} images.")

    return prove
