"""``c-float32``: one C99 header in single-file style, with test vectors and a self-test.

The header declares always and defines where ``NAME_IMPLEMENTATION`` is defined. Every stage of the network
is a small function that calls a kernel with constant sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import preprocess
from engine.calls import Array, Call
from engine.errors import ExportError
from engine.export import emit, kernel_files
from engine.export.context import Context
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.export.plan import Plan, plan_network
from engine.export.vectors import TOLERANCE, Vectors
from engine.inference import output_activation
from engine.layers.elementwise import LINEAR
from engine.model import Model
from engine.network import Network, Stage, build_network
from engine.specs import Shape, describe_shape, size

__all__ = ["measure", "write"]

ROWS_TOGETHER = 4  # rows of a matrix whose numbers take turns, as kernels/dot.c reads them
FLOAT_BYTES = 4
PREPROCESS_BYTES = 88 * 88 + 20 * 20 + 3 * 88  # the static arrays of kernels/preprocess.c


@dataclass(frozen=True)
class _Job:
    """All that the parts of a header need."""

    model: Model
    context: Context
    network: Network[Call]
    plan: Plan
    arrays: Mapping[str, NDArray[Any]]
    preprocess: bool

    def facts(self) -> Facts:
        weight_bytes = sum(4 * a.size for a in self.arrays.values())
        return Facts(self.model, FLOAT_BYTES * self.plan.size, weight_bytes)


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test."""
    job = _prepare(model, options)
    files = {f"{options.name}.h": _header(job)}
    if vectors is not None:
        files[f"{options.name}_test_vectors.h"] = _test_vectors(job.context, vectors)
        files[f"{options.name}_selftest.c"] = _selftest(job.context)
    return files


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it."""
    return _prepare(model, options).facts()


def _prepare(model: Model, options: ExportOptions) -> _Job:
    context = Context(options.name)
    network = build_network(model)
    arrays = {
        context.symbol("stage", number, name): laid_out(array)
        for number, stage in enumerate(network.stages, start=1)
        for name, array in stage.call.arrays.items()
    }
    if options.preprocess:
        _check_preprocessed(model)
    return _Job(model, context, network, plan_network(network), arrays, options.preprocess)


def _check_preprocessed(model: Model) -> None:
    shape = (preprocess.SIDE, preprocess.SIDE, 1)
    if model.spec.input_shape != shape:
        raise ExportError(
            f"Preprocessing makes images of {describe_shape(shape)} but the network reads "
            f"{describe_shape(model.spec.input_shape)}; export without it."
        )


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


def _header(job: _Job) -> str:
    c = job.context
    body = emit.guard(c.macro("H"), _declarations(job))
    once = c.macro("DEFINED")
    return (
        emit.block_comment(_head(job))
        + body
        + f"\n#if defined({c.macro('IMPLEMENTATION')}) && !defined({once})\n#define {once}\n\n"
        + _definitions(job)
        + f"\n#endif /* {c.macro('IMPLEMENTATION')} */\n"
    )


def _head(job: _Job) -> Iterator[str]:
    c = job.context
    yield f"{c.name}.h: a neural network in plain C, float32, exported by TinyML Studio."
    yield "It needs no library, no heap and no files."
    yield ""
    yield "Use: include it where it is needed, and in exactly one C or C++ file write"
    yield ""
    yield f"    #define {c.macro('IMPLEMENTATION')}"
    yield f'    #include "{c.name}.h"'
    yield ""
    yield f"    int best = {c.symbol('predict')}(image, 0);"
    yield ""
    yield "Compile with -O2; -ffp-contract=off makes results equal to the bit wherever floats are IEEE 754."
    yield "Not reentrant: feature maps live in one static arena."
    yield ""
    yield from job.facts().lines()
    if job.preprocess:
        yield f"Preprocessing: {PREPROCESS_BYTES:,} bytes of static RAM more (counted)"


def _declarations(job: _Job) -> str:
    c, model = job.context, job.model
    height, width, channels = model.spec.input_shape
    return (
        "#include <stdint.h>\n\n"
        + emit.macro(c.macro("INPUT_WIDTH"), width)
        + emit.macro(c.macro("INPUT_HEIGHT"), height)
        + emit.macro(c.macro("INPUT_CHANNELS"), channels)
        + emit.macro(c.macro("INPUT_SIZE"), height * width * channels, "row by row, channels last")
        + emit.macro(c.macro("CLASS_COUNT"), len(model.classes))
        + emit.macro(c.macro("PARAMETER_COUNT"), model.spec.parameters)
        + emit.macro(c.macro("MACS"), model.spec.macs, "multiply-accumulates of one inference")
        + emit.macro(c.macro("ARENA_BYTES"), FLOAT_BYTES * job.plan.size, "static memory")
        + emit.macro(c.macro("MODEL_HASH"), emit.string(model.fingerprint))
        + "\n"
        + c.renamed(kernel_files.body("declarations.h"))
        + (c.renamed("\n" + kernel_files.body("preprocess_declaration.h")) if job.preprocess else "")
    )


def _definitions(job: _Job) -> str:
    c, model = job.context, job.model
    names = emit.wrapped([emit.string(name) for name in model.classes])
    parts = [
        c.renamed(kernel_files.collect(_kernels(job))),
        f"const char *const {c.symbol('class_names')}[{c.macro('CLASS_COUNT')}] = {{\n{names}\n}};\n",
        *(emit.array(f"static const {_c_type(a)} {name}", a) for name, a in job.arrays.items()),
        f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {FLOAT_BYTES}];\n",
        *(_stage(job, number, stage) for number, stage in enumerate(job.network.stages, start=1)),
        _network_function(job),
        c.renamed(kernel_files.body(f"{_scores(model)}.c")),
        _predict(job),
        *([c.renamed(kernel_files.body("preprocess.c"))] if job.preprocess else []),
    ]
    return "\n".join(parts)


def _c_type(array: NDArray[Any]) -> str:
    return "float" if np.issubdtype(array.dtype, np.floating) else "int32_t"


def _kernels(job: _Job) -> list[str]:
    names: list[str] = []
    for stage in job.network.stages:
        names.append(stage.call.kernel)
        if "function" in kernel_files.parameters(stage.call.kernel):
            names.append((stage.call.function or LINEAR).name)
    return [*names, *kernel_files.needed_by(_scores(job.model))]


def _scores(model: Model) -> str:
    """Return the C file that makes scores of the network's output."""
    last = output_activation(model.spec)
    return "scores_as_they_are" if last is not None and last.probabilities else "scores_by_softmax"


def _stage(job: _Job, number: int, stage: Stage[Call]) -> str:
    call, c = stage.call, job.context
    layers = job.model.spec.layers
    titles = [f"{i + 1} {layers[i].title}" for i in stage.layers]
    shapes = f"{describe_shape(call.in_shape)} -> {describe_shape(call.out_shape)}".replace("×", "x")
    arguments = emit.wrapped(["x", "y", *_arguments(c, number, call)], " " * 8).strip()
    return (
        f"/* {emit.comment_text(', '.join(titles) or 'order of the output')}: {shapes} */\n"
        f"static void {c.symbol('stage', number)}(const float *x, float *y)\n{{\n"
        f"    {c.symbol(call.kernel)}({arguments});\n}}\n"
    )


def _arguments(c: Context, number: int, call: Call) -> list[str]:
    """Return what stands behind x and y: each of the kernel's parameters, found by its name."""
    values: dict[str, str] = {name: str(n) for name, n in (_shape_sizes(call) | dict(call.sizes)).items()}
    values |= {name: c.symbol("stage", number, name) for name in call.arrays}
    values["function"] = c.symbol((call.function or LINEAR).name)
    wanted = kernel_files.parameters(call.kernel)[2:]
    unread = {*call.sizes, *call.arrays} - set(wanted)
    assert not unread, f"kernels/{call.kernel}.c does not read {unread}"
    return [values[name] for name in wanted]


def _shape_sizes(call: Call) -> dict[str, int]:
    return {
        "channels": call.in_shape[-1],
        **_named("in", call.in_shape),
        **_named("out", call.out_shape),
    }


def _named(prefix: str, shape: Shape) -> dict[str, int]:
    height, width, channels = shape if len(shape) == 3 else (1, 1, shape[0])
    sizes = {"height": height, "width": width, "channels": channels, "size": size(shape)}
    return {f"{prefix}_{name}": n for name, n in sizes.items()}


def _network_function(job: _Job) -> str:
    c = job.context
    lines = "".join(
        f"    {c.symbol('stage', number)}({_buffer(job, stage.source)}, {_buffer(job, stage.target)});\n"
        for number, stage in enumerate(job.network.stages, start=1)
    )
    return f"static void {c.symbol('network')}(const float *input, float *output)\n{{\n{lines}}}\n"


def _buffer(job: _Job, index: int) -> str:
    if index == 0:
        return "input"
    if index == len(job.network.sizes) - 1:
        return "output"
    return f"{job.context.symbol('arena')} + {job.plan.offsets[index]}"


def _predict(job: _Job) -> str:
    c = job.context
    return (
        emit.macro(c.macro("ARENA_INPUT"), job.plan.offsets[0], "elements from the start")
        + emit.macro(c.macro("ARENA_OUTPUT"), job.plan.offsets[-1])
        + emit.macro(c.macro("PIXEL_SCALE"), emit.floating(1 / 255), "bytes to [0, 1]")
        + "\n"
        + c.renamed(kernel_files.body("predict.c"))
    )


def _test_vectors(c: Context, vectors: Vectors) -> str:
    count, classes = len(vectors), vectors.outputs.shape[1]
    head = (
        f"{c.name}_test_vectors.h: {count} inputs ({vectors.origin}), one after the other, and the {classes} "
        "outputs that the network must give for each of them."
    )
    body = (
        "#include <stdint.h>\n",
        emit.macro(c.macro("TEST_COUNT"), count),
        emit.array(f"static const uint8_t {c.symbol('test_images')}", vectors.images),
        emit.array(f"static const float {c.symbol('test_outputs')}", vectors.outputs),
    )
    return emit.block_comment([head]) + emit.guard(c.macro("TEST_VECTORS_H"), "\n".join(body))


def _selftest(c: Context) -> str:
    lines = (
        f"{c.name}_selftest.c: {c.symbol('selftest')}() runs the network on the test vectors and returns for",
        f"how many an output differs by more than {TOLERANCE:g} of the expected one (or 1, if more).",
        "",
        f"    cc -O2 -ffp-contract=off {c.name}_selftest.c -o selftest && ./selftest",
        "",
        "The program says nothing and exits with that number; it prints a line when compiled with",
        f"-D{c.macro('SELFTEST_PRINT')}. On a board define {c.macro('SELFTEST_NO_MAIN')} and call the",
        "function.",
    )
    return (
        emit.block_comment(lines)
        + f"#define {c.macro('IMPLEMENTATION')}\n"
        + f'#include "{c.name}.h"\n#include "{c.name}_test_vectors.h"\n\n'
        + emit.macro(c.macro("TEST_TOLERANCE"), emit.floating(TOLERANCE))
        + "\n"
        + c.renamed(kernel_files.body("selftest.c"))
    )
