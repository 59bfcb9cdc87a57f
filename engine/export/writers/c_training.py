"""Headers that learn on a device: forward pass, backward pass and gradient descent in static memory.

All layers learn, or only the last ones. In the second case the layers before may be int8 stages, so that the
network fits a microcontroller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.export import c_text, kernel_files
from engine.export.arena_plan import WORD
from engine.export.facts import Facts
from engine.export.formats import PreparedExport
from engine.export.options import ExportOptions
from engine.export.training import outputs_behind_int8
from engine.export.vectors import Vectors, make_vectors
from engine.export.writers import c_header, vector_files
from engine.export.writers.training_functions import functions, kernel_names
from engine.export.writers.training_header import STATE_BYTES, TrainingHeader, float_header, int8_header
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.quantize.network import check_quantized, with_quantization

__all__ = ["prepare", "prepare_int8"]

BASE = ("tm.h", "tm_function.h", "train_base.h")


def prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    """Prepare a header in floats that learns, with its test vectors.

    Raises
    ------
    ExportError
        When the network has no weights, or needs more RAM than the options allow.
    """
    header = float_header(model, options)

    def files() -> dict[str, str]:
        return _files(header, options, data, lambda vectors: vectors.outputs)

    return PreparedExport(options, files, _facts(header))


def prepare_int8(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    """Prepare a header whose last layers learn, behind others in int8.

    Raises
    ------
    ExportError
        As `prepare`; and when no layers are left for int8.
    """
    header = int8_header(with_quantization(model), options)

    def files() -> dict[str, str]:
        check_quantized(model)
        return _files(
            header,
            options,
            data,
            lambda vectors: outputs_behind_int8(header.model, options.train_layers, vectors.images),
        )

    return PreparedExport(options, files, _facts(header))


def _files(
    header: TrainingHeader,
    options: ExportOptions,
    data: Dataset | None,
    expected: Callable[[Vectors], NDArray[np.float32]],
) -> dict[str, str]:
    """Return the header, and its test with the outputs that are `expected` for vectors."""
    c, text = header.context, _header_text(header, options)
    files = {f"{c.name}.h": text}
    if options.test_vectors:
        vectors = make_vectors(header.model, options.test_vectors, data)
        files |= vector_files.float_test(c, text, vectors, expected(vectors))
    return files


def _facts(header: TrainingHeader) -> Facts:
    constants = sum(array.nbytes for array in header.arrays.values())
    return replace(c_header.facts(header), arena_bytes=header.ram_bytes, weight_bytes=constants)


def _header_text(header: TrainingHeader, options: ExportOptions) -> str:
    c = header.context
    macros = c_text.macro(
        c.macro("WEIGHT_COUNT"), header.timetable.weights.size, "numbers that learn, 4 bytes each"
    ) + c_text.macro(c.macro("RAM_BYTES"), header.ram_bytes, "static memory in all")
    kind = "int8 with float32 layers that learn" if header.body else "float32, that learns on the device"
    return c_header.guarded(
        c,
        c_header.head(header, kind, list(_advice(header)), _facts(header)),
        c_header.declarations(header, macros, "train_declarations.h"),
        "\n".join(_definitions(header, options)),
    )


def _advice(header: TrainingHeader) -> Iterator[str]:
    c, found = header.context, header.timetable
    yield f"    float loss = {c.symbol('train_step')}(image, label, 0.01f);"
    yield ""
    yield from c_header.COMPILING
    yield "-ffp-contract=off makes results equal to the bit wherever floats are IEEE 754."
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
    yield c_header.constants(header, options)
    base = (*BASE, "tm_s8.h") if header.body else BASE
    yield c_header.kernels(header, kernel_names(header), base)
    yield c_header.class_names(header)
    yield from _arrays(header)
    yield f"float {c.symbol('weights')}[{c.macro('WEIGHT_COUNT')}];\n"
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {WORD}];\n"
    yield f"static uint32_t {c.symbol('generator')}, {c.symbol('ready')};\n"
    yield from functions(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _arrays(header: TrainingHeader) -> Iterator[str]:
    """Yield the constant arrays; on AVR those of int8 stages and the initial weights stand in flash."""
    c = header.context
    for number, code in header.stages:
        qualifier = f"const {c.macro('CONST')} {c.macro('ALIGNED')}" if number <= header.before else "const"
        for name, values in code.arrays.items():
            yield c_text.array(
                f"static {qualifier} {c_header.c_type(values)} {c.symbol('stage', number, name)}", values
            )
    yield c_text.array(f"static const {c.macro('START')} float {c.symbol('start')}", header.timetable.weights)
