"""``c-float32``: one C99 header in single-file style, with test vectors and a self-test.

If the first kernel can read bytes, ``predict`` gives it the image without a copy. The first stage is then
written twice, for bytes and for floats; the linker drops the one that a program does not use.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.data.dataset import Dataset
from engine.export import c_text, kernel_files
from engine.export.arena_plan import plan_arena
from engine.export.context import Context
from engine.export.float_stages import stage_codes
from engine.export.formats import ALL_OPTIONS, Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.selftest import prove_by_selftest
from engine.export.vectors import make_vectors
from engine.export.writers import c_header, c_training, vector_files
from engine.export.writers.c_header import CHeader
from engine.nn.call_chain import build_network
from engine.nn.model import Model
from engine.stage_code import FLOAT_BYTES

__all__ = ["FORMAT"]

BASE = ("tm.h", "tm_function.h", "tm_float.h")


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    if options.training:
        return c_training.prepare(model, options, data)
    header = _header(model, options)
    return PreparedExport(options, lambda: _files(header, options, data), c_header.facts(header))


FORMAT = Format(
    "c-float32",
    "C, float32",
    "C99 with floats: four times the memory of int8",
    _prepare,
    takes=ALL_OPTIONS,
    has_facts=True,
    usage=c_header.usage,
    proof=prove_by_selftest,
)
"""One header; with test vectors, also their header and a self-test."""


def _files(header: CHeader, options: ExportOptions, data: Dataset | None) -> dict[str, str]:
    c = header.context
    files = {
        f"{c.name}.h": c_header.guarded(
            c,
            c_header.head(header, "float32", tuple(_advice(c))),
            c_header.declarations(header, c_header.rejection(header), "declarations.h"),
            "\n".join(_definitions(header, options)),
        )
    }
    if options.test_vectors:
        vectors = make_vectors(header.model, options.test_vectors, data)
        files |= vector_files.float_test(c, files[f"{c.name}.h"], vectors, vectors.outputs)
    return files


def _advice(c: Context) -> Iterator[str]:
    yield from c_header.COMPILING
    yield "-ffp-contract=off makes results equal to the bit wherever floats are IEEE 754."
    yield f"-D{c.macro('FUSED')} lets Cortex-M4F, M7 and M33 multiply and add with one rounding: half the"
    yield "instructions, results equal to 1e-5 instead of to the bit."
    yield f"-D{c.macro('NO_ASM')} does without assembly language."
    yield "Not reentrant: feature maps live in one static arena."


def _header(model: Model, options: ExportOptions) -> CHeader:
    network = build_network(model)
    codes = stage_codes([stage.call for stage in network.stages], options.fast)
    if options.preprocess:
        c_header.check_preprocessed(model)
    arena = plan_arena(network, FLOAT_BYTES, codes, with_input=not _reads_bytes(codes[0].kernel))
    c_header.check_arena(arena.size, options)
    return CHeader(model, Context(options.name), network, codes, arena, options.preprocess)


def _reads_bytes(kernel: str) -> bool:
    return "bytes" in kernel_files.parameters(kernel)


def _definitions(header: CHeader, options: ExportOptions) -> Iterator[str]:
    c, scores = header.context, c_header.scores(header.model)
    yield c_header.constants(header, options)
    yield c_text.macro(c.macro("PIXEL_SCALE"), c_text.floating(1 / 255), "bytes to [0, 1]")
    yield c_header.kernels(header, kernel_files.needed_by(scores), BASE)
    yield c_header.class_names(header)
    yield from _arrays(header)
    if header.model.certainty is not None:
        yield c_header.least_outputs(header, "const", header.model.certainty.float_least)
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {FLOAT_BYTES}];\n"
    for number, _ in header.stages:
        yield _stage(header, number)
    yield _network(header, "network", "const float *input", "stage_1")
    yield _network_of_bytes(header)
    yield c.renamed(kernel_files.body(f"{scores}.c"))
    yield c_text.macro(c.macro("ARENA_OUTPUT"), header.arena.buffers[-1] // FLOAT_BYTES)
    yield c.renamed(kernel_files.body("predict.c"))
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _arrays(header: CHeader) -> Iterator[str]:
    """Yield the constant arrays; the weights may stand in a memory of their own, which their kernels know."""
    c = header.context
    for number, code in header.stages:
        for name, values in code.arrays.items():
            own = f" {c.macro('CONST')}" if name == "weight" else ""
            kind = f"static const{own} {c_header.c_type(values)}"
            yield c_text.array(f"{kind} {c.symbol('stage', number, name)}", values)


def _stage(header: CHeader, number: int, of_bytes: bool = False) -> str:
    """Return a stage's function; the first one has its input as an argument, the last one its output."""
    c, stage = header.context, header.network.stages[number - 1]
    given, last = stage.source == 0, number == len(header.codes)
    kind = "uint8_t" if of_bytes else "float"
    asked = [f"const {kind} *x"] * given + ["float *y"] * last
    more = {"scratch": _place(header, header.arena.scratch[number - 1]), "bytes": str(int(of_bytes))}
    x = "x" if given else _place(header, header.arena.buffers[stage.source])
    y = "y" if last else _place(header, header.arena.buffers[stage.target])
    name = c.symbol("stage", number, *["bytes"] * of_bytes)
    return (
        c_header.stage_comment(header, number)
        + f"{c.macro('STAGE')} {name}({', '.join(asked) or 'void'})\n{{\n"
        + c_header.call(header, number, x, y, more)
        + "}\n"
    )


def _network(header: CHeader, name: str, given: str, first: str) -> str:
    """Return the function that runs all stages; `first` names the function of the first one."""
    c, count = header.context, len(header.codes)
    names = [first, *(f"stage_{number}" for number in range(2, count + 1))]
    arguments = [["input"] * (i == 0) + ["output"] * (i == count - 1) for i in range(count)]
    lines = "".join(f"    {c.symbol(n)}({', '.join(a)});\n" for n, a in zip(names, arguments, strict=True))
    return f"static void {c.symbol(name)}({given}, float *output)\n{{\n{lines}}}\n"


def _network_of_bytes(header: CHeader) -> str:
    c = header.context
    if not _reads_bytes(header.codes[0].kernel):
        place = header.arena.buffers[0] // FLOAT_BYTES
        return c_text.macro(c.macro("ARENA_INPUT"), place) + c.renamed(
            kernel_files.body("network_of_floats.c")
        )
    stage = _stage(header, 1, of_bytes=True)
    return f"{stage}\n{_network(header, 'network_of_bytes', 'const uint8_t *input', 'stage_1_bytes')}"


def _place(header: CHeader, offset: int) -> str:
    return f"{header.context.symbol('arena')} + {offset // FLOAT_BYTES}"
