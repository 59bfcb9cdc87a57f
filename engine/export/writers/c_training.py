"""``c-float32`` that learns: forward pass, backward pass and gradient descent in static memory.

Every call of a kernel, forward or backward, is a function of its own without pointers for arguments: all
buffers have their place in the arena, what learns stands in one array in RAM, and the rest is constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.calls import Array
from engine.export import emit, kernel_files
from engine.export.context import Context
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.export.plan import Arena
from engine.export.stage_code import StageCode
from engine.export.training import NOWHERE, WORD, Timetable, TrainedStep, timetable
from engine.export.vectors import Vectors
from engine.export.writers import common
from engine.export.writers.c_float32 import selftest
from engine.export.writers.common import Header
from engine.layers.elementwise import LINEAR, ActivationFunction
from engine.model import Model
from engine.network import Network, Stage
from engine.params import ParamLayout

__all__ = ["measure", "training_memory", "write"]

STATE_BYTES = 8  # the state of the generator, and whether the weights are there
Values = Mapping[str, str]


@dataclass(frozen=True)
class _TrainingHeader(Header):
    """What the parts of the header need; the codes are those of the calls forward."""

    timetable: Timetable

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {**super().arrays, self.context.symbol("start"): self.timetable.weights}

    @property
    def ram_bytes(self) -> int:
        return self.arena.size + self.timetable.weights.nbytes + STATE_BYTES


def write(model: Model, options: ExportOptions, vectors: Vectors | None) -> dict[str, str]:
    """Return the files: the header, and with `vectors` its test vectors and self-test."""
    header = _prepare(model, options)
    c = header.context
    macros = emit.macro(
        c.macro("WEIGHT_COUNT"), header.timetable.weights.size, "numbers that learn, 4 bytes each"
    ) + emit.macro(c.macro("RAM_BYTES"), header.ram_bytes, "static memory in all")
    text = common.guarded(
        c,
        common.head(header, "float32, that learns on the device", list(_advice(header))),
        common.declarations(header, macros, "train_declarations.h"),
        "\n".join(_definitions(header)),
    )
    files = {f"{c.name}.h": text}
    if vectors is not None:
        files[f"{c.name}_test_vectors.h"] = common.vectors_header(c, vectors, vectors.outputs)
        files[f"{c.name}_selftest.c"] = selftest(c)
    return files


def measure(model: Model, options: ExportOptions) -> Facts:
    """Return the figures of what `write` would give, without writing it."""
    header = _prepare(model, options)
    return Facts(model, header.ram_bytes, sum(a.nbytes for a in header.arrays.values()))


def training_memory(model: Model, options: ExportOptions) -> int:
    """Return the bytes of static RAM that training `model` takes: feature maps, gradients and weights."""
    return _prepare(model, options).ram_bytes


def _prepare(model: Model, options: ExportOptions) -> _TrainingHeader:
    if options.preprocess:
        common.check_preprocessed(model)
    found = timetable(model, options.train_layers)
    stages = tuple(Stage(step.layers, step.call, step.x, step.y) for step in found.steps)
    network = Network(stages, tuple(buffer.size for buffer in found.buffers))
    offsets = tuple(WORD * offset for offset in found.plan.offsets)
    arena = Arena(offsets, (), found.arena_bytes)
    codes = tuple(_forward_code(step) for step in found.steps)
    return _TrainingHeader(model, Context(options.name), network, codes, arena, options.preprocess, found)


def _forward_code(step: TrainedStep) -> StageCode:
    kernel = step.training.forward
    function = (step.call.function or LINEAR).name
    functions = {"function": function} if "function" in kernel_files.parameters(kernel) else {}
    constant = {n: _flat(a) for n, a in step.call.arrays.items() if n not in step.learned}
    return StageCode(kernel, step.call.sizes, constant, functions=functions)


def _flat(array: Array) -> NDArray[Any]:
    """Return the numbers in the order of memory; real ones as float32."""
    values = array.values
    floats = np.issubdtype(values.dtype, np.floating)
    return values.astype(np.float32).ravel() if floats else values.ravel()


def _advice(header: _TrainingHeader) -> Iterator[str]:
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
        f"RAM for learning: {header.ram_bytes:,} bytes of static memory in all (counted): the arena below, "
        f"{found.weights.nbytes:,} for weights, {STATE_BYTES} for the state."
    )


def _definitions(header: _TrainingHeader) -> Iterator[str]:
    c, scores = header.context, common.scores(header.model)
    finish = _finish(header.timetable.absorbed)
    also = [*_backward_kernels(header), _loss(header), "train_fill"]
    also += [*kernel_files.needed_by(scores), *kernel_files.needed_by(finish)]
    yield common.kernels(header, also, ("tm.h", "tm_function.h"))
    yield common.class_names(header)
    yield from common.arrays(header)
    yield f"float {c.symbol('weights')}[{c.macro('WEIGHT_COUNT')}];\n"
    yield f"static float {c.symbol('arena')}[{c.macro('ARENA_BYTES')} / {WORD}];\n"
    yield f"static uint32_t {c.symbol('generator')}, {c.symbol('ready')};\n"
    yield from (_forward(header, number) for number, _ in header.stages)
    yield from (_backward(header, number) for number, _ in header.stages)
    yield from (_in_turn_forward(header), _in_turn_backward(header), _loss_function(header), _random(header))
    yield c.renamed(kernel_files.body(f"{finish}.c"))
    yield c.renamed(kernel_files.body(f"{scores}.c"))
    yield _interface(header)
    if header.preprocess:
        yield c.renamed(kernel_files.body("preprocess.c"))


def _finish(absorbed: ActivationFunction | None) -> str:
    return "train_finish_as_it_is" if absorbed is None else f"train_finish_{absorbed.name}"


def _loss(header: _TrainingHeader) -> str:
    return f"train_{header.timetable.loss.name}"


def _backward_kernels(header: _TrainingHeader) -> Iterator[str]:
    for step in header.timetable.steps:
        if step.backward and step.call.function is not None:
            yield from ("train_slope", _slope(step.call.function))
        if step.has_gradient:
            yield step.training.backward


def _slope(function: ActivationFunction) -> str:
    return f"train_slope_{function.name}"


def _forward(header: _TrainingHeader, number: int) -> str:
    c, step = header.context, header.timetable.steps[number - 1]
    text = _statement(c, step.training.forward, _values(header, number))
    name, asked = c.symbol("forward", number), _asked(step, "int training") or "void"
    return common.stage_comment(header, number) + f"{c.macro('STAGE')} {name}({asked})\n{{\n{text}}}\n"


def _asked(step: TrainedStep, text: str) -> str:
    """Return `text` if the call forward asks whether it trains."""
    return text if step.active and "training" in kernel_files.parameters(step.training.forward) else ""


def _backward(header: _TrainingHeader, number: int) -> str:
    c, step = header.context, header.timetable.steps[number - 1]
    if not step.backward:
        return ""
    values, text = _values(header, number), ""
    function = step.call.function
    if function is not None:
        text = _statement(c, "train_slope", {**values, "slope": c.symbol(_slope(function))})
    if step.has_gradient:
        frozen = {n: "0" for n in step.call.arrays if step.learned and n not in step.learned}
        text += _statement(c, step.training.backward, {**values, **frozen})
    asked = "float rate" if step.learned else "void"
    return f"{c.macro('STAGE')} {c.symbol('backward', number)}({asked})\n{{\n{text}}}\n"


def _values(header: _TrainingHeader, number: int) -> Values:
    """Return C expressions for all that a kernel of a step may ask for, by name."""
    c, step, code = header.context, header.timetable.steps[number - 1], header.codes[number - 1]
    buffers = ("x", "y", "dx", "dy", "scratch")
    sizes = common.shape_sizes(step.call) | dict(code.sizes)
    return {
        **{name: str(n) for name, n in sizes.items()},
        **{name: _place(header, getattr(step, name)) for name in buffers},
        "kept": _place(header, step.kept, "(uint8_t *)"),
        **{name: c.symbol("stage", number, name) for name in code.arrays},
        **{name: f"{c.symbol('weights')} + {start}" for name, start in step.learned.items()},
        **{name: c.symbol(function) for name, function in code.functions.items()},
        "rate": "rate",
        "training": "training" if step.active else "0",
        "generator": f"&{c.symbol('generator')}",
    }


def _place(header: _TrainingHeader, buffer: int, cast: str = "") -> str:
    if buffer == NOWHERE:
        return "0"
    place = f"{header.context.symbol('arena')} + {header.arena.buffers[buffer] // WORD}"
    return f"{cast}({place})" if cast else place


def _statement(c: Context, kernel: str, values: Values) -> str:
    arguments = emit.wrapped([values[name] for name in kernel_files.parameters(kernel)], " " * 8).strip()
    return f"    {c.symbol(kernel)}({arguments});\n"


def _in_turn_forward(header: _TrainingHeader) -> str:
    c, steps = header.context, header.timetable.steps
    asked = [_asked(step, "training") for step in steps]
    unused = "" if any(asked) else "    (void)training;\n"
    lines = "".join(f"    {c.symbol('forward', n)}({text});\n" for n, text in enumerate(asked, start=1))
    return f"static void {c.symbol('forward')}(int training)\n{{\n{unused}{lines}}}\n"


def _in_turn_backward(header: _TrainingHeader) -> str:
    c, steps = header.context, header.timetable.steps
    lines = "".join(
        f"    {c.symbol('backward', number)}({'rate' if steps[number - 1].learned else ''});\n"
        for number in range(len(steps), 0, -1)
        if steps[number - 1].backward
    )
    return f"static void {c.symbol('backward')}(float rate)\n{{\n{lines}}}\n"


def _loss_function(header: _TrainingHeader) -> str:
    c = header.context
    return (
        f"static float {c.symbol('loss')}(const float *y, float *dy, int label)\n{{\n"
        f"    return {c.symbol(_loss(header))}(y, dy, {c.macro('CLASS_COUNT')}, label);\n}}\n"
    )


def _random(header: _TrainingHeader) -> str:
    c, lines, place = header.context, [], 0
    for count, start in header.timetable.starts:
        numbers = [str(count), emit.floating(start.mean), emit.floating(start.spread)]
        arguments = ", ".join([f"{c.symbol('weights')} + {place}", *numbers, f"&{c.symbol('generator')}"])
        lines.append(f"    {c.symbol('train_fill')}({arguments});\n")
        place += count
    return f"static void {c.symbol('start_random')}(void)\n{{\n{''.join(lines)}}}\n"


def _interface(header: _TrainingHeader) -> str:
    c, steps = header.context, header.timetable.steps
    places = {"INPUT": 0, "OUTPUT": steps[-1].y, "GRADIENT": header.timetable.loss_gradient}
    macros = (
        emit.macro(c.macro(f"ARENA_{name}"), header.arena.buffers[buffer] // WORD)
        for name, buffer in places.items()
    )
    scale = emit.macro(c.macro("PIXEL_SCALE"), emit.floating(1 / 255), "bytes to [0, 1]")
    return "".join(macros) + scale + "\n" + c.renamed(kernel_files.body("train_api.c"))
