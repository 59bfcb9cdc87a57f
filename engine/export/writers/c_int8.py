"""``c-int8``: one C99 header in single-file style; it gives the bits that the engine's int8 network gives.

Inside, numbers are the bytes ``q + 128``, so that ``predict`` reads an image where it is, without a copy. The
first stage alone is written twice, for ``run_int8`` too, whose input is int8.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.boards.boards import AVR_ARRAY, AVR_CONSTANTS
from engine.export import emit, kernel_files
from engine.export.context import Context
from engine.export.facts import Facts
from engine.export.int8 import stage_code
from engine.export.options import ExportOptions
from engine.export.plan import plan_arena
from engine.export.vectors import Vectors
from engine.export.writers import common
from engine.export.writers.common import Header
from engine.int8.arithmetic import Affine
from engine.nn.model import Model
from engine.quantize.network import IntegerPredictor, integer_network, untrained_quantization

__all__ = ["BASE", "constants", "measure", "stage_function", "write"]

BASE = ("tm.h", "tm_s8.h")


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test.

    Raises
    ------
    QuantizationError
        When the model has not been quantized.
    ExportError
        When it takes more RAM than the options allow, or preprocessing does not fit it.
    """
    header = _prepare(model, options)
    c = header.context
    files = {
        f"{c.name}.h": common.guarded(
            c,
            common.head(header, "int8", _ADVICE),
            common.declarations(header, _macros(header), "declarations_int8.h"),
            "\n".join(_definitions(header, options)),
        )
    }
    if vectors is not None:
        outputs = IntegerPredictor(model).run(vectors.images)
        files[f"{c.name}_test_vectors.h"] = common.vectors_header(
            c, vectors, outputs, f"const {c.macro('CONST')}"
        )
        files[f"{c.name}_selftest.c"] = common.selftest_program(
            c, "differs from the expected one", "selftest_s8.c"
        )
    return files


_ADVICE = (
    "Compile with -O2. Whatever the compiler and its options, the outputs are the same to the bit.",
    "Not reentrant: feature maps live in one static arena.",
)


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it; the model need not be quantized."""
    if model.quantization is None:
        model = model.replace(quantization=untrained_quantization(model.spec))
    return common.facts(_prepare(model, options))


def _prepare(model: Model, options: ExportOptions) -> Header:
    network = integer_network(model)
    codes = tuple(stage_code(stage.call, options.fast, options.compact) for stage in network.stages)
    if options.preprocess:
        common.check_preprocessed(model)
    arena = plan_arena(network, 1, codes, with_input=False)
    common.check_arena(arena.size, options)
    return Header(model, Context(options.name), network, codes, arena, options.preprocess)


def _macros(header: Header) -> str:
    stages = header.network.stages
    return _affine_macros(header.context, "INPUT", stages[0].call.source) + _affine_macros(
        header.context, "OUTPUT", stages[-1].call.target
    )


def _affine_macros(c: Context, which: str, affine: Affine) -> str:
    note = f"an {which.lower()} q stands for {which}_SCALE * (q - {which}_ZERO_POINT)"
    return emit.macro(c.macro(f"{which}_SCALE"), emit.floating(affine.scale), note) + emit.macro(
        c.macro(f"{which}_ZERO_POINT"), f"({affine.zero_point})"
    )


def _definitions(header: Header, options: ExportOptions) -> Iterator[str]:
    c = header.context
    yield constants(header, options)
    yield common.kernels(header, [], BASE)
    yield common.class_names(header)
    yield from common.arrays(header, f"const {c.macro('CONST')} {c.macro('ALIGNED')}")
    yield f"static uint32_t {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / 4];\n"
    for number, _ in header.stages:
        yield stage_function(header, number, "", flip=0)
    yield stage_function(header, 1, "_int8", flip=128)
    yield _other_stages(header)
    yield _predict(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def constants(header: Header, options: ExportOptions) -> str:
    """Return what comes before all: where constant arrays stand, and whether AVR can hold them."""
    text = _avr_limits(header)
    if options.section:
        name = header.context.macro("CONST")
        attribute = f"__attribute__((section({emit.string(options.section)})))"
        text += f"#ifndef {name}\n#define {name} {attribute}\n#endif\n"
    return text


def _avr_limits(header: Header) -> str:
    sizes = {name: values.nbytes for name, values in header.arrays.items()}
    largest = max(sizes, key=lambda name: sizes[name], default="")
    if largest and sizes[largest] > AVR_ARRAY:
        reason = f"{largest} has {sizes[largest]} bytes, AVR takes {AVR_ARRAY} in one array"
    elif sum(sizes.values()) > AVR_CONSTANTS:
        reason = f"the weights have {sum(sizes.values())} bytes, AVR reads {AVR_CONSTANTS}"
    else:
        return ""
    message = emit.string(f"{reason}: make the network smaller or choose another board.")
    return f"#if defined(__AVR__)\n#error {message}\n#endif\n"


def stage_function(header: Header, number: int, suffix: str, flip: int) -> str:
    """Return the function of a stage; `flip` is 128 where its input is int8."""
    c, stage = header.context, header.network.stages[number - 1]
    given = stage.source == 0
    x = "x" if given else _place(header, header.arena.buffers[stage.source])
    scratch = _place(header, header.arena.scratch[number - 1])
    more = {"in_flip": str(flip), "in_given": str(int(given)), "scratch": scratch, "table": "0"}
    return (
        common.stage_comment(header, number)
        + f"{c.macro('STAGE')} {c.symbol('stage', number)}{suffix}"
        + f"({'const uint8_t *x' if given else 'void'})\n{{\n"
        + common.call(header, number, x, _place(header, header.arena.buffers[stage.target]), more)
        + "}\n"
    )


def _place(header: Header, offset: int) -> str:
    return f"(uint8_t *){header.context.symbol('arena')} + {offset}"


def _other_stages(header: Header) -> str:
    c = header.context
    calls = "".join(f"    {c.symbol('stage', number)}();\n" for number, _ in header.stages if number > 1)
    return f"{c.macro('KERNEL')} void {c.symbol('other_stages')}(void)\n{{\n{calls}}}\n"


def _predict(header: Header) -> str:
    c, scores = header.context, common.scores(header.model)
    made = {"scores_as_they_are": "scores_s8_as_they_are", "scores_by_softmax": "scores_s8_by_softmax"}[
        scores
    ]
    with_scores = kernel_files.collect([made], ())
    return (
        emit.macro(c.macro("ARENA_OUTPUT"), header.arena.buffers[-1], "bytes from the start")
        + f"\n#ifndef {c.macro('NO_PROBABILITIES')}\n"
        + c.renamed(with_scores)
        + "#endif\n\n"
        + c.renamed(kernel_files.body("predict_s8.c"))
    )
