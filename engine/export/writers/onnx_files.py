"""``onnx`` and ``onnx-int8``: one file, for ONNX Runtime and for whatever else reads ONNX.

Both are tried out in ONNX Runtime before they are kept, where that is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.boards.programs import Cancel
from engine.data.dataset import Dataset
from engine.errors import MissingToolError, VerifyError
from engine.export.formats import PROVED_VECTORS, Format, PreparedExport, Proof, Prove
from engine.export.options import ExportOptions
from engine.formats.onnx_files import run_images, write_float32, write_int8
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor

__all__ = ["FLOAT32", "INT8"]

TOLERANCE = 1e-5  # of the largest output
STEPS = 16  # of the int8 output: a difference of 1 in an early layer grows in those that follow

Compare = Callable[[Model, NDArray[np.uint8], NDArray[np.float32]], tuple[bool, str]]
"""Whether a model and a runtime give the same outputs for images, and how far they are apart at most."""


def _format(name: str, title: str, doc: str, write: Callable[[Model], bytes], compare: Compare) -> Format:
    def prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
        return PreparedExport(options, lambda: {f"{options.name}.onnx": write(model)})

    return Format(name, title, doc, prepare, proof=_proof(compare))


def _proof(compare: Compare) -> Prove:
    def prove(
        model: Model, files: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None
    ) -> Proof:
        shape = (PROVED_VECTORS, *model.spec.input_shape)
        images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        (content,) = files.values()
        try:
            outputs = run_images(content, images)
        except MissingToolError as error:
            return Proof(False, str(error))
        same, difference = compare(model, images, outputs)
        if not same:
            raise VerifyError(
                f"ONNX Runtime gives other answers than the engine, {difference}; "
                "choose another format, and report this as a fault."
            )
        return Proof(True, f"ONNX Runtime gives the engine's answers on {len(images)} images: {difference}.")

    return prove


def _compare_float(model: Model, images: NDArray[np.uint8], outputs: NDArray[np.float32]) -> tuple[bool, str]:
    wanted = Predictor(model, len(images)).logits(images)
    difference = float(np.abs(outputs - wanted).max() / max(np.abs(wanted).max(), np.finfo(np.float32).tiny))
    return difference <= TOLERANCE, f"at most {difference:.1e} of the largest output apart"


def _compare_int8(model: Model, images: NDArray[np.uint8], outputs: NDArray[np.float32]) -> tuple[bool, str]:
    predictor = IntegerPredictor(model)
    difference = np.abs(outputs - predictor.logits(images)).max() / predictor.output.scale
    return difference < STEPS + 0.5, f"at most {round(float(difference))} of 256 steps apart"


FLOAT32 = _format(
    "onnx", "ONNX, float32", "for ONNX Runtime, and for tools that read ONNX", write_float32, _compare_float
)
"""The network in floats."""

INT8 = _format(
    "onnx-int8",
    "ONNX, int8",
    "the same whole numbers as int8 C, with QuantizeLinear and DequantizeLinear (QDQ)",
    write_int8,
    _compare_int8,
)
"""The int8 network."""
