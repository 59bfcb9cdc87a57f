"""The proof of a page: its model's script answers images in Node.js, as it would in a browser."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.boards.programs import Cancel, find_program, run_program
from engine.data.preprocess import preprocess
from engine.errors import VerifyError
from engine.export.formats import Proof
from engine.export.options import ExportOptions
from engine.export.page.assemble import part, script_of
from engine.export.vectors import make_vectors
from engine.files import file_faults
from engine.nn.model import Model
from engine.quantize.network import IntegerPredictor
from engine.temporary import work_folder
from resources.look import PEN

__all__ = ["answers_of", "prove_by_node"]

Images = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]

_VECTORS = 100
_ADVICE = "Node.js is needed to try a page out; install it such that the command node is found."


def prove_by_node(
    model: Model, files: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None
) -> Proof:
    """Let Node.js answer images by the page's script; see `Format.prove`."""
    node = find_program("node")
    if node is None:
        return Proof(False, _ADVICE)
    drawings = _drawings()
    images = make_vectors(model, _VECTORS).images
    found = answers_of(node, script_of(files[f"{options.name}.html"]), images, drawings, cancel)
    expected = IntegerPredictor(model).run(images).tolist()
    wrong = sum(a != b for a, b in zip(found["outputs"], expected, strict=True))
    seen = map(preprocess, drawings)
    wrong += sum(a != _listed(b) for a, b in zip(found["seen"], seen, strict=True))
    if wrong:
        raise VerifyError(
            f"The page differs from the engine on {wrong} image{'s' * (wrong > 1)}, so it was not kept; "
            "please report this with the model."
        )
    return Proof(
        True, f"Run by Node.js on this computer, the page gives the engine's answers to {_VECTORS} images."
    )


def answers_of(
    node: str, script: str, images: Images, drawings: Images, cancel: Cancel | None = None
) -> dict[str, Any]:
    """Return what `script` makes of images and of drawings: ``outputs``, ``probabilities`` and ``seen``.

    Raises
    ------
    VerifyError
        If the script breaks off.
    """
    asked = {
        "images": [image.ravel().tolist() for image in images],
        "drawings": [drawing.ravel().tolist() for drawing in drawings],
    }
    with file_faults(tempfile.gettempdir()), work_folder() as folder:
        program, questions = Path(folder, "page.js"), Path(folder, "images.json")
        program.write_text(script + part("try_out.js"), encoding="utf-8")
        questions.write_text(json.dumps(asked), encoding="utf-8")
        done = run_program([node, str(program), str(questions)], cancel)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "Error" in line), "it gave no reason")
        raise VerifyError(f"The page's script breaks off in Node.js: {reason[:300]}")
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def _listed(image: NDArray[np.uint8] | None) -> list[int] | None:
    return None if image is None else image.ravel().tolist()


def _drawings() -> NDArray[np.uint8]:
    """Return a thick stroke, a thin one, and nothing drawn."""
    drawings = np.zeros((3, PEN.side, PEN.side), np.uint8)
    rows, columns = np.indices(drawings.shape[1:])
    drawings[0, (abs(rows + 2 * columns - 500) < 40) & (abs(rows - 140) < 100)] = 255
    drawings[1, (abs(rows - columns) < 5) & (abs(rows - 140) < 60)] = 200
    return drawings
