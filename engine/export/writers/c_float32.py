"""``c-float32``: one C99 header in single-file style, with test vectors and a self-test."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.calls import Array, Call
from engine.export import emit, kernel_files
from engine.export.context import Context
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.export.plan import plan_arena
from engine.export.stage_code import StageCode
from engine.export.vectors import TOLERANCE, Vectors
from engine.export.writers import common
from engine.export.writers.common import Header
from engine.layers.elementwise import LINEAR
from engine.model import Model
from engine.network import build_network

__all__ = ["laid_out", "measure", "selftest", "write"]

ROWS_TOGETHER = 4  # rows of a matrix whose numbers take turns, as kernels/dot.c reads them
FLOAT_BYTES = 4


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test."""
    header = _prepare(model, options)
    c = header.context
    files = {
        f"{c.name}.h": common.guarded(
            c,
            common.head(header, "float32", _ADVICE),
            common.declarations(header, "", "declarations.h"),
            "\n".join(_definitions(header)),
        )
    }
    if vectors is not None:
        files[f"{c.name}_test_vectors.h"] = common.vectors_header(c, vectors, vectors.outputs)
        files[f"{c.name}_selftest.c"] = selftest(c)
    return files


_ADVICE = (
    "Compile with -O2; -ffp-contract=off makes results equal to the bit wherever floats are IEEE 754.",
    "Not reentrant: feature maps live in one static arena.",
)


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it."""
    return common.facts(_prepare(model, options))


def _prepare(model: Model, options: ExportOptions) -> Header:
    network = build_network(model)
    codes = tuple(_stage_code(stage.call) for stage in network.stages)
    if options.preprocess:
        common.check_preprocessed(model)
    arena = plan_arena(network, FLOAT_BYTES, codes)
    return Header(model, Context(options.name), network, codes, arena, options.preprocess)


def _stage_code(call: Call) -> StageCode:
    reads_function = "function" in kernel_files.parameters(call.kernel)
    functions = {"function": (call.function or LINEAR).name} if reads_function else {}
    arrays = {name: laid_out(array) for name, array in call.arrays.items()}
    return StageCode(call.kernel, call.sizes, arrays, functions=functions)


def laid_out(array: Array) -> NDArray[Any]:
    """Return `array` flat, in the order in which the kernels read it."""
    values = array.values
    if np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float32)
    if not array.rows:
        return values.ravel()
    rows = values.reshape(len(values), -1)
    together = len(rows) // ROWS_TOGETHER * ROWS_TOGETHER
    blocks = rows[:together].reshape(-1, ROWS_TOGETHER, rows.shape[1]).transpose(0, 2, 1)
    return np.concatenate([blocks.ravel(), rows[together:].ravel()])


def _definitions(header: Header) -> Iterator[str]:
    c, scores = header.context, common.scores(header.model)
    yield common.kernels(header, kernel_files.needed_by(scores), ("tm.h", "tm_function.h"))
    yield common.class_names(header)
    yield from common.arrays(header)
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {FLOAT_BYTES}];\n"
    yield from (_stage(header, number) for number, _ in header.stages)
    yield _network_function(header)
    yield c.renamed(kernel_files.body(f"{scores}.c"))
    yield _predict(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _stage(header: Header, number: int) -> str:
    c = header.context
    return (
        common.stage_comment(header, number)
        + f"{c.macro('STAGE')} {c.symbol('stage', number)}(const float *x, float *y)\n{{\n"
        + common.call(header, number, "x", "y", {"scratch": _place(header, header.arena.scratch[number - 1])})
        + "}\n"
    )


def _network_function(header: Header) -> str:
    c, places = header.context, partial(_buffer, header)
    lines = "".join(
        f"    {c.symbol('stage', number)}({places(stage.source)}, {places(stage.target)});\n"
        for number, stage in enumerate(header.network.stages, start=1)
    )
    return f"static void {c.symbol('network')}(const float *input, float *output)\n{{\n{lines}}}\n"


def _buffer(header: Header, index: int) -> str:
    if index == 0:
        return "input"
    if index == len(header.network.sizes) - 1:
        return "output"
    return _place(header, header.arena.buffers[index])


def _place(header: Header, offset: int) -> str:
    return f"{header.context.symbol('arena')} + {offset // FLOAT_BYTES}"


def _predict(header: Header) -> str:
    c, places = header.context, header.arena.buffers
    return (
        emit.macro(c.macro("ARENA_INPUT"), places[0] // FLOAT_BYTES, "elements from the start")
        + emit.macro(c.macro("ARENA_OUTPUT"), places[-1] // FLOAT_BYTES)
        + emit.macro(c.macro("PIXEL_SCALE"), emit.floating(1 / 255), "bytes to [0, 1]")
        + "\n"
        + c.renamed(kernel_files.body("predict.c"))
    )


def selftest(c: Context) -> str:
    """Return the program that compares real outputs with those of the test vectors."""
    return common.selftest_program(
        c,
        f"differs by more than {TOLERANCE:g} of the expected one (or 1, if more)",
        "selftest.c",
        emit.macro(c.macro("TEST_TOLERANCE"), emit.floating(TOLERANCE)) + "\n",
        "-ffp-contract=off ",
    )
