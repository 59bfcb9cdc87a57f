"""Headers that learn: forward pass, backward pass and gradient descent in static memory.

All layers learn, or only the last ones: then those before them may be int8 stages, so that the whole fits a
microcontroller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.export import emit, kernel_files
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.export.plan import WORD
from engine.export.training import outputs_behind_int8
from engine.export.vectors import Vectors
from engine.export.writers import c_int8, common
from engine.export.writers.c_float32 import selftest
from engine.export.writers.training_functions import functions, kernel_names
from engine.export.writers.training_header import STATE_BYTES, TrainingHeader, prepared, prepared_int8
from engine.nn.model import Model
from engine.nn.params import ParamLayout
from engine.quantize.network import untrained_quantization

__all__ = ["measure", "measure_int8", "training_memory", "write", "write_int8"]

BASE = ("tm.h", "tm_function.h", "train_base.h")


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test.

    Raises
    ------
    ExportError
        When there is nothing to learn with, or it takes more RAM than the options allow.
    """
    header = prepared(model, options)
    return _files(header, options, vectors, None if vectors is None else vectors.outputs)


def write_int8(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files of `write`, for layers that learn behind others in int8.

    Raises
    ------
    QuantizationError
        When the model has not been quantized.
    ExportError
        As `write`; and when no layers are left to be in int8.
    """
    header = prepared_int8(model, options)
    outputs = None if vectors is None else outputs_behind_int8(model, options.train_layers, vectors.images)
    return _files(header, options, vectors, outputs)


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it."""
    return _facts(prepared(model, options))


def measure_int8(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write_int8` would give; the model need not be quantized."""
    if model.quantization is None:
        model = model.replace(quantization=untrained_quantization(model.spec))
    return _facts(prepared_int8(model, options))


def _facts(header: TrainingHeader) -> Facts:
    constants = sum(array.nbytes for array in header.arrays.values())
    return replace(common.facts(header), arena_bytes=header.ram_bytes, weight_bytes=constants)


def training_memory(model: Model, options: ExportOptions, body_in_int8: bool = False) -> int:
    """Return the bytes of static RAM that learning takes: feature maps, gradients, weights and state."""
    return (measure_int8 if body_in_int8 else measure)(model, options).arena_bytes


def _files(
    header: TrainingHeader,
    options: ExportOptions,
    vectors: Vectors | None,
    outputs: NDArray[np.float32] | None,
) -> dict[str, str]:
    c = header.context
    macros = emit.macro(
        c.macro("WEIGHT_COUNT"), header.timetable.weights.size, "numbers that learn, 4 bytes each"
    ) + emit.macro(c.macro("RAM_BYTES"), header.ram_bytes, "static memory in all")
    kind = "int8 with float32 layers that learn" if header.body else "float32, that learns on the device"
    text = common.guarded(
        c,
        common.head(header, kind, list(_advice(header)), _facts(header)),
        common.declarations(header, macros, "train_declarations.h"),
        "\n".join(_definitions(header, options)),
    )
    files = {f"{c.name}.h": text}
    if vectors is not None and outputs is not None:
        files[f"{c.name}_test_vectors.h"] = common.vectors_header(c, vectors, outputs)
        files[f"{c.name}_selftest.c"] = selftest(c)
    return files


def _advice(header: TrainingHeader) -> Iterator[str]:
    c, found = header.context, header.timetable
    yield f"    float loss = {c.symbol('train_step')}(image, label, 0.01f);"
    yield ""
    yield "Compile with -O2; -ffp-contract=off makes results equal to the bit wherever floats are IEEE 754."
    yield "Not reentrant: feature maps and gradients live in one static arena."
    yield ""
    yield (
        f"Learning: {found.weights.size:,} weights by plain gradient descent on one image at a time; loss: "
        f"{found.loss.title.lower()}."
    )
    if ParamLayout(header.model.spec).state.start < header.model.spec.parameters:
        yield (
            "Batch norm: the statistics of a single image say little, so those of the training stay; scale "
            "and shift are part of the weights and biases before them, which learn."
        )
    yield (
        f"Of the RAM {found.weights.nbytes:,} bytes are weights that learn, {header.arena.size:,} the arena "
        f"for feature maps and gradients, {STATE_BYTES} the state."
    )


def _definitions(header: TrainingHeader, options: ExportOptions) -> Iterator[str]:
    c = header.context
    if header.body:
        yield c_int8.constants(header, options)
    base = (*BASE, "tm_s8.h") if header.body else BASE
    yield common.kernels(header, kernel_names(header), base)
    yield common.class_names(header)
    yield from _arrays(header)
    yield f"float {c.symbol('weights')}[{c.macro('WEIGHT_COUNT')}];\n"
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {WORD}];\n"
    yield f"static uint32_t {c.symbol('generator')}, {c.symbol('ready')};\n"
    yield from functions(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _arrays(header: TrainingHeader) -> Iterator[str]:
    """Yield the constant arrays; on AVR those of int8 stages and what learning begins with are in flash."""
    c = header.context
    for number, code in header.stages:
        qualifier = f"const {c.macro('CONST')} {c.macro('ALIGNED')}" if number <= header.before else "const"
        for name, values in code.arrays.items():
            yield emit.array(
                f"static {qualifier} {common.c_type(values)} {c.symbol('stage', number, name)}", values
            )
    yield emit.array(f"static const {c.macro('START')} float {c.symbol('start')}", header.timetable.weights)
