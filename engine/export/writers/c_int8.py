"""``c-int8``: one C99 header in single-file style, whose outputs equal those of the engine's int8 network.

Inside the network a number q is held as the byte ``q + 128``, so that ``predict`` reads an image without a
copy. The first stage is written twice, for bytes and for the int8 input of ``run_int8``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.data.dataset import Dataset
from engine.export import c_text, kernel_files
from engine.export.arena_plan import plan_arena
from engine.export.context import Context
from engine.export.formats import ALL_OPTIONS, Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.selftest import prove_by_selftest
from engine.export.vectors import make_vectors
from engine.export.writers import c_header, c_training, vector_files
from engine.export.writers.c_header import CHeader
from engine.export.writers.int8_functions import stage_function
from engine.int8.arithmetic import Affine
from engine.nn.model import Model
from engine.quantize.network import IntegerPredictor, check_quantized, integer_network, with_quantization
from engine.stage_code import Variant

__all__ = ["FORMAT"]

BASE = ("tm.h", "tm_s8.h")


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    if options.training:
        return c_training.prepare_int8(model, options, data)
    header = _header(with_quantization(model), options)
    facts = c_header.facts(header, copied=len(model.classes))
    return PreparedExport(options, lambda: _files(model, header, options, data), facts)


FORMAT = Format(
    "c-int8",
    "C, int8",
    "C99 with integers: a quarter of the memory of floats",
    _prepare,
    takes=ALL_OPTIONS,
    has_facts=True,
    usage=c_header.usage,
    proof=prove_by_selftest,
)
"""One header; with test vectors, also their header and a self-test. Files need a quantized model."""


def _files(model: Model, header: CHeader, options: ExportOptions, data: Dataset | None) -> dict[str, str]:
    check_quantized(model)
    c = header.context
    files = {
        f"{c.name}.h": c_header.guarded(
            c,
            c_header.head(header, "int8", _ADVICE),
            c_header.declarations(header, _macros(header), "declarations_int8.h"),
            "\n".join(_definitions(header, options)),
        )
    }
    if options.test_vectors:
        vectors = make_vectors(model, options.test_vectors, data)
        outputs = IntegerPredictor(model).run(vectors.images)
        files |= vector_files.int8_test(c, files[f"{c.name}.h"], vectors, outputs)
    return files


_ADVICE = (
    "Whatever the compiler and its options, the outputs are the same to the bit.",
    *c_header.COMPILING,
    "Where a program makes an Arm processor trap words that are not aligned (UNALIGN_TRP), compile with",
    "-mno-unaligned-access.",
    "Not reentrant: feature maps live in one static arena.",
)


def _header(model: Model, options: ExportOptions) -> CHeader:
    network = integer_network(model)
    variant = Variant(options.fast, options.compact)
    codes = tuple(stage.call.code(variant) for stage in network.stages)
    if options.preprocess:
        c_header.check_preprocessed(model)
    arena = plan_arena(network, 1, codes, with_input=False)
    c_header.check_arena(arena.size, options)
    return CHeader(model, Context(options.name), network, codes, arena, options.preprocess)


def _macros(header: CHeader) -> str:
    stages = header.network.stages
    return (
        c_header.rejection(header)
        + _affine_macros(header.context, "INPUT", stages[0].call.source)
        + _affine_macros(header.context, "OUTPUT", stages[-1].call.target)
    )


def _affine_macros(c: Context, which: str, affine: Affine) -> str:
    note = f"an {which.lower()} q stands for {which}_SCALE * (q - {which}_ZERO_POINT)"
    return c_text.macro(c.macro(f"{which}_SCALE"), c_text.floating(affine.scale), note) + c_text.macro(
        c.macro(f"{which}_ZERO_POINT"), f"({affine.zero_point})"
    )


def _definitions(header: CHeader, options: ExportOptions) -> Iterator[str]:
    c = header.context
    yield c_header.constants(header, options)
    yield c_header.kernels(header, [], BASE)
    yield c_header.class_names(header)
    yield from c_header.arrays(header, f"const {c.macro('CONST')} {c.macro('ALIGNED')}")
    yield from _least_outputs(header)
    yield f"static uint32_t {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / 4];\n"
    for number, _ in header.stages:
        yield stage_function(header, number, "", flip=0)
    yield stage_function(header, 1, "_int8", flip=128)
    yield _other_stages(header)
    yield _predict(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _least_outputs(header: CHeader) -> Iterator[str]:
    if header.model.certainty is not None:
        least = header.model.certainty.int8_least(header.network.stages[-1].call.target)
        held = least.view(np.uint8) ^ 128  # as outputs are held
        yield c_header.least_outputs(header, f"const {header.context.macro('CONST')}", held)


def _other_stages(header: CHeader) -> str:
    c = header.context
    calls = "".join(f"    {c.symbol('stage', number)}();\n" for number, _ in header.stages if number > 1)
    return f"{c.macro('KERNEL')} void {c.symbol('other_stages')}(void)\n{{\n{calls}}}\n"


def _predict(header: CHeader) -> str:
    c, scores = header.context, c_header.scores(header.model)
    made = {"scores_as_they_are": "scores_s8_as_they_are", "scores_by_softmax": "scores_s8_by_softmax"}[
        scores
    ]
    with_scores = kernel_files.collect([made], ())
    return (
        c_text.macro(c.macro("ARENA_OUTPUT"), header.arena.buffers[-1], "bytes from the start")
        + f"\n#ifndef {c.macro('NO_PROBABILITIES')}\n"
        + c.renamed(with_scores)
        + "#endif\n\n"
        + c.renamed(kernel_files.body("predict_s8.c"))
    )
