"""The parts that all exported headers share: one C99 file in single-file style.

A header always has the declarations; it has the definitions where ``NAME_IMPLEMENTATION`` is defined. Every
stage of the network is a small function that calls a kernel with constant sizes (`StageCode`). A writer adds
the interface of its format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import preprocess
from engine.errors import ExportError
from engine.export import c_text, kernel_files
from engine.export.arena_plan import Arena
from engine.export.context import Context
from engine.export.facts import Facts, KernelWorkload
from engine.export.options import ExportOptions
from engine.export.writers import avr
from engine.int8.certainty import REJECTED
from engine.nn.call_chain import Network, Stage
from engine.nn.model import Model
from engine.nn.predictor import output_activation
from engine.shapes import Shape, describe_shape, size
from engine.stage_code import StageCode

__all__ = [
    "COMPILING",
    "PREPROCESS_BYTES",
    "CHeader",
    "arrays",
    "c_type",
    "call",
    "check_arena",
    "check_preprocessed",
    "code_id",
    "constants",
    "declarations",
    "facts",
    "guarded",
    "head",
    "kernels",
    "least_outputs",
    "only_with",
    "rejection",
    "scores",
    "shape_sizes",
    "stage_comment",
    "usage",
]

COMPILING = (
    "Compile with -O2 -ffreestanding, for which all figures are. Without -ffreestanding, and at -Os, gcc may",
    "call memset and memcpy of the C library in place of loops, which takes up to 1 % more instructions.",
)
"""Lines of a head comment about compiling."""

_LOOKED_UP = ("table",)  # arrays that a kernel, if it is given one, applies to its outputs
_CODE_ID = "CODE_ID"
PREPROCESS_BYTES = 88 * 88 + 20 * 20 + 3 * 88  # the static arrays of kernels/preprocess.c


@dataclass(frozen=True)
class CHeader:
    """A planned header, from which its parts are written."""

    model: Model
    context: Context
    network: Network[Any]
    codes: tuple[StageCode, ...]
    arena: Arena
    preprocess: bool

    @property
    def stages(self) -> Iterator[tuple[int, StageCode]]:
        """The code of each stage, with its number from 1."""
        return enumerate(self.codes, start=1)

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All constant arrays by their names in C."""
        return {
            self.context.symbol("stage", number, name): values
            for number, code in self.stages
            for name, values in code.arrays.items()
        }


def usage(model: Model, options: ExportOptions) -> str:
    """Return C that calls an exported header, to be copied into a program."""
    name, upper = options.name, options.name.upper()
    answer = f"{name}_class_names[best]"
    if model.certainty is not None:
        answer = f'best == {upper}_REJECTED ? "not sure" : {answer}'
    pixels = " × ".join(str(n) for n in model.spec.input_shape)
    return (
        f"#define {upper}_IMPLEMENTATION /* in exactly one C or C++ file */\n"
        f'#include "{name}.h"\n\n'
        f"uint8_t image[{upper}_INPUT_SIZE]; /* {pixels}, ink bright */\n"
        f"float scores[{upper}_CLASS_COUNT];\n\n"
        f"int best = {name}_predict(image, scores);\n"
        f"const char *answer = {answer};\n"
    )


def facts(header: CHeader, copied: int = 0) -> Facts:
    """Return the figures that are known without a compiler; `copied` is that of `Facts`."""
    workloads = tuple(_workload(*pair) for pair in zip(header.network.stages, header.codes, strict=True))
    weights = sum(w.weight_bytes for w in workloads)
    return Facts(header.model, header.arena.size, weights, workloads, copied)


def _workload(stage: Stage[Any], code: StageCode) -> KernelWorkload:
    made, sizes = stage.call, [values.nbytes for values in code.arrays.values()]
    functions = (*code.functions.values(), *(name for name in _LOOKED_UP if name in code.arrays))
    return KernelWorkload(
        stage.layers,
        code.kernel,
        made.in_shape,
        made.out_shape,
        code.sizes,
        functions,
        made.taps,
        sum(sizes),
        max(sizes, default=0),
        stage.source == 0,
    )


def check_arena(size: int, options: ExportOptions) -> None:
    """Raise `ExportError` if an arena of `size` bytes is beyond the user's limit."""
    if options.ram_limit and size > options.ram_limit:
        raise ExportError(
            f"The network needs an arena of {size:,} bytes, more than the limit of {options.ram_limit:,}; "
            "make its largest layers smaller or raise the limit."
        )


def check_preprocessed(model: Model) -> None:
    """Raise `ExportError` unless the images made by preprocessing have the shape of the model's input."""
    shape = (preprocess.SIDE, preprocess.SIDE, 1)
    if model.spec.input_shape != shape:
        raise ExportError(
            f"Preprocessing makes images of {describe_shape(shape)} but the network reads "
            f"{describe_shape(model.spec.input_shape)}; export without it."
        )


def guarded(c: Context, comment: Iterable[str], declared: str, defined: str) -> str:
    """Return the whole header: the declarations, and the definitions, which a program compiles once.

    Macros have the name in capitals, so two models whose names differ only in these cannot be in one program.
    """
    once, guard = c.macro("DEFINED"), c.macro("H")
    mark = f"{guard}_{c.name}"
    number = hashlib.sha256((declared + defined).encode()).hexdigest()[:8]
    known = c_text.macro(
        c.macro(_CODE_ID), f"0x{number}UL", "of this header's code; its test vectors ask for it"
    )
    return (
        c_text.block_comment(comment)
        + c_text.complaint(f"defined({guard}) && !defined({mark})", f"{c.name}.h: {_OTHER_CAPITALS}")
        + c_text.complaint(_NO_C99, f"{c.name}.h needs C99 or later: compile with -std=c99.")
        + c_text.guard(guard, f"#define {mark}\n\n{declared}\n{known}")
        + f"\n#if defined({c.macro('IMPLEMENTATION')}) && !defined({once})\n#define {once}\n\n"
        + defined
        + f"\n#endif /* {c.macro('IMPLEMENTATION')} */\n"
    )


_OTHER_CAPITALS = (
    "a model whose name differs only in capitals is included, too: export one of them with another name."
)
_NO_C99 = (
    "!defined(__cplusplus) && !defined(_MSC_VER) "
    "&& (!defined(__STDC_VERSION__) || __STDC_VERSION__ < 199901L)"
)


def code_id(c: Context, text: str) -> str:
    """Return the number of the code in the header `text`, a C literal; other code has another number."""
    return text.partition(f"#define {c.macro(_CODE_ID)} ")[2].split()[0]


def only_with(c: Context, file: str, number: str) -> str:
    """Return C for the `file` of an export that does not compile with the header of another one."""
    own = c.macro(_CODE_ID)
    is_other = f"defined({c.macro('H')}) && (!defined({own}) || {own} != {number})"
    sentence = f"{file} belongs to another {c.name}.h: export both together."
    return c_text.complaint(is_other, sentence) + "\n"


def head(header: CHeader, kind: str, advice: Sequence[str], figures: Facts | None = None) -> Iterator[str]:
    """Yield the lines of the head comment.

    Parameters
    ----------
    header : CHeader
    kind : str
        The kind of numbers, in words.
    advice : sequence of str
        Lines about compiling and calling.
    figures : Facts or None
        None takes those of the stages.
    """
    c = header.context
    yield f"{c.name}.h: a neural network in plain C, {kind}, exported by TinyML Studio."
    yield "It needs no library, no heap and no files."
    yield ""
    yield "Use: include it where it is needed, and in exactly one C or C++ file write"
    yield ""
    yield f"    #define {c.macro('IMPLEMENTATION')}"
    yield f'    #include "{c.name}.h"'
    yield ""
    yield f"    int best = {c.symbol('predict')}(image, 0);"
    yield ""
    yield from advice
    yield ""
    yield from (figures or facts(header)).lines()
    if header.preprocess:
        yield f"Preprocessing: {PREPROCESS_BYTES:,} bytes of static RAM more (counted)"


def declarations(header: CHeader, macros: str, interface: str) -> str:
    """Return the declarations.

    Parameters
    ----------
    header : CHeader
    macros : str
        #defines of this format alone.
    interface : str
        The file under ``kernels`` that declares its functions.
    """
    c, model = header.context, header.model
    height, width, channels = model.spec.input_shape
    return (
        "#include <stdint.h>\n\n"
        + c_text.macro(c.macro("INPUT_WIDTH"), width)
        + c_text.macro(c.macro("INPUT_HEIGHT"), height)
        + c_text.macro(c.macro("INPUT_CHANNELS"), channels)
        + c_text.macro(c.macro("INPUT_SIZE"), height * width * channels, "row by row, channels last")
        + c_text.macro(c.macro("CLASS_COUNT"), len(model.classes))
        + c_text.macro(c.macro("PARAMETER_COUNT"), model.spec.parameters)
        + c_text.macro(c.macro("MACS"), model.spec.macs, "multiply-accumulates of one inference")
        + c_text.macro(c.macro("ARENA_BYTES"), header.arena.size, "static memory")
        + macros
        + c_text.macro(c.macro("MODEL_HASH"), c_text.string(model.fingerprint))
        + "\n"
        + c.renamed(kernel_files.body(interface))
        + (c.renamed("\n" + kernel_files.body("preprocess_declaration.h")) if header.preprocess else "")
    )


def constants(header: CHeader, options: ExportOptions) -> str:
    """Return what stands before the definitions: the section of constant arrays, and the checks on AVR."""
    text = avr.checks(header.context, header.arrays)
    if options.section:
        name = header.context.macro("CONST")
        attribute = f"__attribute__((section({c_text.string(options.section)})))"
        text += f"#ifndef {name}\n#define {name} {attribute}\n#endif\n"
    return text


def class_names(header: CHeader) -> str:
    """Return the definition of the array of classes' names."""
    c = header.context
    names = c_text.wrapped([c_text.string(name) for name in header.model.classes])
    return f"const char *const {c.symbol('class_names')}[{c.macro('CLASS_COUNT')}] = {{\n{names}\n}};\n"


def rejection(header: CHeader) -> str:
    """Return the #define of what ``predict`` returns for what is no character; nothing if it never does."""
    if header.model.certainty is None:
        return ""
    note = "from predict() for an image that is like none of the classes"
    return c_text.macro(header.context.macro("REJECTED"), f"({REJECTED})", note)


def least_outputs(header: CHeader, qualifier: str, values: NDArray[Any]) -> str:
    """Return the definition of the outputs, (classes,), that each class needs to win."""
    name = header.context.symbol("least_outputs")
    return c_text.array(f"static {qualifier} {c_type(values)} {name}", values)


def c_type(values: NDArray[Any]) -> str:
    """Return the C type of the numbers of an array."""
    if np.issubdtype(values.dtype, np.floating):
        return "float"
    sign = "u" if np.issubdtype(values.dtype, np.unsignedinteger) else ""
    return f"{sign}int{8 * values.dtype.itemsize}_t"


def arrays(header: CHeader, qualifier: str = "const") -> list[str]:
    """Return the definitions of all constant arrays."""
    return [
        c_text.array(f"static {qualifier} {c_type(values)} {name}", values)
        for name, values in header.arrays.items()
    ]


def kernels(header: CHeader, also: Iterable[str], base: Sequence[str]) -> str:
    """Return the C of the headers `base`, of all kernels that the stages call, and of those in `also`."""
    names = [name for code in header.codes for name in (code.kernel, *code.functions.values())]
    return header.context.renamed(kernel_files.collect([*names, *also], base))


def scores(model: Model) -> str:
    """Return the name of the C file that computes scores from the network's outputs."""
    last = output_activation(model.spec)
    return "scores_as_they_are" if last is not None and last.probabilities else "scores_by_softmax"


def stage_comment(header: CHeader, number: int) -> str:
    """Return a line that says which layers a stage computes."""
    stage = header.network.stages[number - 1]
    layers = header.model.spec.layers
    titles = [f"{i + 1} {layers[i].title}" for i in stage.layers]
    shapes = f"{describe_shape(stage.call.in_shape)} -> {describe_shape(stage.call.out_shape)}"
    text = f"{', '.join(titles) or 'order of the output'}: {shapes.replace('×', 'x')}"
    return f"/* {c_text.comment_text(text)} */\n"


def call(header: CHeader, number: int, x: str, y: str, more: Mapping[str, str] | None = None) -> str:
    """Return the body of a stage's function: the call of a kernel, whose parameters are found by name.

    Parameters
    ----------
    header : CHeader
    number : int
        Number of the stage, from 1.
    x, y : str
        C expressions of input and output.
    more : mapping of str to str
        More C expressions that kernels may ask for, by name.
    """
    c, code = header.context, header.codes[number - 1]
    sizes = shape_sizes(header.network.stages[number - 1].call) | dict(code.sizes)
    values = dict(more or {}) | {name: str(n) for name, n in sizes.items()}
    values |= {name: c.symbol("stage", number, name) for name in code.arrays}
    values |= {name: c.symbol(function) for name, function in code.functions.items()}
    wanted = kernel_files.parameters(code.kernel)[2:]
    unread = {*code.sizes, *code.arrays, *code.functions} - set(wanted)
    assert not unread, f"kernels/{code.kernel}.c does not read {unread}"
    arguments = c_text.wrapped([x, y, *(values[name] for name in wanted)], " " * 8).strip()
    trace = f"{c.macro('TRACE')}({number}, {y}, {values['out_size']})"
    return f"    {c.symbol(code.kernel)}({arguments});\n    {trace}\n"


def shape_sizes(call: Any) -> dict[str, int]:
    """Return the sizes from the shapes of `call` that kernels may ask for, by name."""
    return {
        "channels": call.in_shape[-1],
        **_named("in", call.in_shape),
        **_named("out", call.out_shape),
    }


def _named(prefix: str, shape: Shape) -> dict[str, int]:
    height, width, channels = shape if len(shape) == 3 else (1, 1, shape[0])
    sizes = {"height": height, "width": width, "channels": channels, "size": size(shape)}
    return {f"{prefix}_{name}": n for name, n in sizes.items()}
