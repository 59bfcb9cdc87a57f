"""``c-float32``: one C99 header in single-file style, with test vectors and a self-test.

Where the first kernel can, ``predict`` reads an image's bytes where they are: the first stage is written
twice, for bytes and for floats, and a program that uses one of them is linked without the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.export import emit, kernel_files
from engine.export.context import Context
from engine.export.facts import Facts
from engine.export.float_stages import FLOAT_BYTES, stage_codes
from engine.export.options import ExportOptions
from engine.export.plan import plan_arena
from engine.export.vectors import TOLERANCE, Vectors
from engine.export.writers import common
from engine.export.writers.c_int8 import constants
from engine.export.writers.common import Header
from engine.nn.call_chain import build_network
from engine.nn.model import Model

__all__ = ["measure", "selftest", "write"]

BASE = ("tm.h", "tm_function.h", "tm_float.h")


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test."""
    header = _prepare(model, options)
    c = header.context
    files = {
        f"{c.name}.h": common.guarded(
            c,
            common.head(header, "float32", tuple(_advice(c))),
            common.declarations(header, "", "declarations.h"),
            "\n".join(_definitions(header, options)),
        )
    }
    if vectors is not None:
        files[f"{c.name}_test_vectors.h"] = common.vectors_header(c, vectors, vectors.outputs)
        files[f"{c.name}_selftest.c"] = selftest(c)
    return files


def _advice(c: Context) -> Iterator[str]:
    yield "Compile with -O2; -ffp-contract=off makes results equal to the bit wherever floats are IEEE 754."
    yield f"-D{c.macro('FUSED')} lets Cortex-M4F, M7 and M33 multiply and add with one rounding: half the"
    yield "instructions, results equal to 1e-5 instead of to the bit."
    yield f"-D{c.macro('NO_ASM')} does without assembly language."
    yield "Not reentrant: feature maps live in one static arena."


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it."""
    return common.facts(_prepare(model, options))


def _prepare(model: Model, options: ExportOptions) -> Header:
    network = build_network(model)
    codes = stage_codes([stage.call for stage in network.stages], options.fast)
    if options.preprocess:
        common.check_preprocessed(model)
    arena = plan_arena(network, FLOAT_BYTES, codes, with_input=not _reads_bytes(codes[0].kernel))
    common.check_arena(arena.size, options)
    return Header(model, Context(options.name), network, codes, arena, options.preprocess)


def _reads_bytes(kernel: str) -> bool:
    return "bytes" in kernel_files.parameters(kernel)


def _definitions(header: Header, options: ExportOptions) -> Iterator[str]:
    c, scores = header.context, common.scores(header.model)
    yield constants(header, options)
    yield emit.macro(c.macro("PIXEL_SCALE"), emit.floating(1 / 255), "bytes to [0, 1]")
    yield common.kernels(header, kernel_files.needed_by(scores), BASE)
    yield common.class_names(header)
    yield from _arrays(header)
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {FLOAT_BYTES}];\n"
    for number, _ in header.stages:
        yield _stage(header, number)
    yield _network(header, "network", "const float *input", "stage_1")
    yield _network_of_bytes(header)
    yield c.renamed(kernel_files.body(f"{scores}.c"))
    yield emit.macro(c.macro("ARENA_OUTPUT"), header.arena.buffers[-1] // FLOAT_BYTES)
    yield c.renamed(kernel_files.body("predict.c"))
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _arrays(header: Header) -> Iterator[str]:
    """Yield the constant arrays; the weights may stand in a memory of their own, which their kernels know."""
    c = header.context
    for number, code in header.stages:
        for name, values in code.arrays.items():
            own = f" {c.macro('CONST')}" if name == "weight" else ""
            kind = f"static const{own} {common.c_type(values)}"
            yield emit.array(f"{kind} {c.symbol('stage', number, name)}", values)


def _stage(header: Header, number: int, of_bytes: bool = False) -> str:
    """Return a stage's function; the first one is given its input as an argument, the last one its output."""
    c, stage = header.context, header.network.stages[number - 1]
    given, last = stage.source == 0, number == len(header.codes)
    kind = "uint8_t" if of_bytes else "float"
    asked = [f"const {kind} *x"] * given + ["float *y"] * last
    more = {"scratch": _place(header, header.arena.scratch[number - 1]), "bytes": str(int(of_bytes))}
    x = "x" if given else _place(header, header.arena.buffers[stage.source])
    y = "y" if last else _place(header, header.arena.buffers[stage.target])
    name = c.symbol("stage", number, *["bytes"] * of_bytes)
    return (
        common.stage_comment(header, number)
        + f"{c.macro('STAGE')} {name}({', '.join(asked) or 'void'})\n{{\n"
        + common.call(header, number, x, y, more)
        + "}\n"
    )


def _network(header: Header, name: str, given: str, first: str) -> str:
    """Return the function that runs all stages, `first` for the first one."""
    c, count = header.context, len(header.codes)
    names = [first, *(f"stage_{number}" for number in range(2, count + 1))]
    arguments = [["input"] * (i == 0) + ["output"] * (i == count - 1) for i in range(count)]
    lines = "".join(f"    {c.symbol(n)}({', '.join(a)});\n" for n, a in zip(names, arguments, strict=True))
    return f"static void {c.symbol(name)}({given}, float *output)\n{{\n{lines}}}\n"


def _network_of_bytes(header: Header) -> str:
    c = header.context
    if not _reads_bytes(header.codes[0].kernel):
        place = header.arena.buffers[0] // FLOAT_BYTES
        return emit.macro(c.macro("ARENA_INPUT"), place) + c.renamed(kernel_files.body("network_of_floats.c"))
    stage = _stage(header, 1, of_bytes=True)
    return f"{stage}\n{_network(header, 'network_of_bytes', 'const uint8_t *input', 'stage_1_bytes')}"


def _place(header: Header, offset: int) -> str:
    return f"{header.context.symbol('arena')} + {offset // FLOAT_BYTES}"


def selftest(c: Context) -> str:
    """Return the program that compares real outputs with those of the test vectors."""
    return common.selftest_program(
        c,
        f"differs by more than {TOLERANCE:g} of the expected one (or 1, if more)",
        "selftest.c",
        emit.macro(c.macro("TEST_TOLERANCE"), emit.floating(TOLERANCE)) + "\n",
        "-ffp-contract=off ",
    )
