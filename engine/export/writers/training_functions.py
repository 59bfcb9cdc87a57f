"""The functions of a header that learns: the calls of kernels, forward and backward, in their order.

They have no pointers as arguments: all buffers have fixed places in the arena, and all weights that learn
stand in one array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.export import c_text, kernel_files
from engine.export.context import Context
from engine.export.training import NOWHERE, TrainedStep
from engine.export.writers import c_header
from engine.export.writers.int8_functions import stage_function
from engine.export.writers.training_header import TrainingHeader
from engine.nn.activations import ActivationFunction

__all__ = ["functions", "kernel_names"]

Values = Mapping[str, str]


def kernel_names(header: TrainingHeader) -> Iterator[str]:
    """Yield the kernels that are called besides those of the forward pass."""
    yield from _backward_kernels(header)
    yield from (_loss(header), "train_fill", "train_finite")
    yield from kernel_files.needed_by(c_header.scores(header.model))
    yield from kernel_files.needed_by(_finish(header.timetable.absorbed))
    if header.body:
        yield "train_dequantize"


def functions(header: TrainingHeader) -> Iterator[str]:
    """Yield the definitions of all functions, down to the interface."""
    c = header.context
    yield from (stage_function(header, n, "", flip=0) for n in range(1, header.before + 1))
    yield from (_forward(header, number, step) for number, step in header.steps)
    yield from (_backward(header, number, step) for number, step in header.steps if step.backward)
    yield from (_in_turn_forward(header), _in_turn_backward(header), _loss_function(header), _random(header))
    yield _places(header)
    if header.body:
        yield _body_function(header)
    load = "train_load_s8" if header.body else "train_load"
    for file in (_finish(header.timetable.absorbed), c_header.scores(header.model), load, "train_api"):
        yield c.renamed(kernel_files.body(f"{file}.c"))


def _finish(absorbed: ActivationFunction | None) -> str:
    return "train_finish_as_it_is" if absorbed is None else f"train_finish_{absorbed.name}"


def _loss(header: TrainingHeader) -> str:
    return f"train_{header.timetable.loss.name}"


def _backward_kernels(header: TrainingHeader) -> Iterator[str]:
    for step in header.timetable.steps:
        if step.backward and step.call.function is not None:
            yield from ("train_slope", _slope(step.call.function))
        if step.has_gradient:
            yield step.training.backward


def _slope(function: ActivationFunction) -> str:
    return f"train_slope_{function.name}"


def _forward(header: TrainingHeader, number: int, step: TrainedStep) -> str:
    c = header.context
    text = _statement(c, step.training.forward, _values(header, number, step))
    name, asked = c.symbol("forward", number), _asked(step, "int training") or "void"
    return c_header.stage_comment(header, number) + f"{c.macro('APART')} void {name}({asked})\n{{\n{text}}}\n"


def _asked(step: TrainedStep, text: str) -> str:
    """Return `text` if the forward kernel has a parameter that says whether it trains."""
    return text if step.active and "training" in kernel_files.parameters(step.training.forward) else ""


def _backward(header: TrainingHeader, number: int, step: TrainedStep) -> str:
    c, text = header.context, ""
    values, function = _values(header, number, step), step.call.function
    if function is not None:
        text = _statement(c, "train_slope", {**values, "slope": c.symbol(_slope(function))})
    if step.has_gradient:
        frozen = {n: "0" for n in step.call.arrays if step.learned and n not in step.learned}
        text += _statement(c, step.training.backward, {**values, **frozen})
    asked = "float rate" if step.learned else "void"
    return f"{c.macro('APART')} void {c.symbol('backward', number)}({asked})\n{{\n{text}}}\n"


def _values(header: TrainingHeader, number: int, step: TrainedStep) -> Values:
    """Return the C expressions that a kernel of a step may ask for, by name."""
    c, code = header.context, header.codes[number - 1]
    at = step.places
    places = {"x": at.x, "y": at.y, "dx": at.dx, "dy": at.dy, "scratch": at.scratch}
    sizes = c_header.shape_sizes(step.call) | dict(code.sizes)
    return {
        **{name: str(n) for name, n in sizes.items()},
        **{name: _place(header, buffer) for name, buffer in places.items()},
        "kept": _place(header, at.kept, "(uint8_t *)"),
        **{name: c.symbol("stage", number, name) for name in code.arrays},
        **{name: f"{c.symbol('weights')} + {start}" for name, start in step.learned.items()},
        **{name: c.symbol(function) for name, function in code.functions.items()},
        "rate": "rate",
        "training": "training" if step.active else "0",
        "generator": f"&{c.symbol('generator')}",
    }


def _place(header: TrainingHeader, buffer: int, cast: str = "") -> str:
    if buffer == NOWHERE:
        return "0"
    place = f"{header.context.symbol('arena')} + {header.offset(buffer)}"
    return f"{cast}({place})" if cast else place


def _statement(c: Context, kernel: str, values: Values) -> str:
    arguments = c_text.wrapped([values[name] for name in kernel_files.parameters(kernel)], " " * 8).strip()
    return f"    {c.symbol(kernel)}({arguments});\n"


def _in_turn_forward(header: TrainingHeader) -> str:
    c = header.context
    asked = {number: _asked(step, "training") for number, step in header.steps}
    unused = "" if any(asked.values()) else "    (void)training;\n"
    lines = "".join(f"    {c.symbol('forward', number)}({text});\n" for number, text in asked.items())
    return f"static void {c.symbol('forward')}(int training)\n{{\n{unused}{lines}}}\n"


def _in_turn_backward(header: TrainingHeader) -> str:
    c = header.context
    lines = [
        f"    {c.symbol('backward', number)}({'rate' if step.learned else ''});\n"
        for number, step in header.steps
        if step.backward
    ]
    return f"static void {c.symbol('backward')}(float rate)\n{{\n{''.join(reversed(lines))}}}\n"


def _loss_function(header: TrainingHeader) -> str:
    c = header.context
    return (
        f"static float {c.symbol('loss')}(const float *y, float *dy, int label)\n{{\n"
        f"    return {c.symbol(_loss(header))}(y, dy, {c.macro('CLASS_COUNT')}, label);\n}}\n"
    )


def _random(header: TrainingHeader) -> str:
    c, lines, place = header.context, [], 0
    for count, start in header.timetable.starts:
        numbers = [str(count), c_text.floating(start.mean), c_text.floating(start.spread)]
        arguments = ", ".join([f"{c.symbol('weights')} + {place}", *numbers, f"&{c.symbol('generator')}"])
        lines.append(f"    {c.symbol('train_fill')}({arguments});\n")
        place += count
    return f"static void {c.symbol('start_random')}(void)\n{{\n{''.join(lines)}}}\n"


def _places(header: TrainingHeader) -> str:
    c, found = header.context, header.timetable
    places = {"INPUT": 0, "OUTPUT": found.steps[-1].places.y, "GRADIENT": found.loss_gradient}
    text = "".join(c_text.macro(c.macro(f"ARENA_{name}"), header.offset(n)) for name, n in places.items())
    if header.body:
        text += c_text.macro(c.macro("ARENA_IMAGE"), header.image, "bytes from the start")
    return text + c_text.macro(c.macro("PIXEL_SCALE"), c_text.floating(1 / 255), "bytes to [0, 1]")


def _body_function(header: TrainingHeader) -> str:
    """Return the function that runs the body, stage by stage, and converts its output to floats."""
    assert header.body is not None
    c, held = header.context, header.body.output
    others = "".join(f"    {c.symbol('stage', n)}();\n" for n in range(2, header.before + 1))
    place, count = f"{c.symbol('arena')} + {header.offset(0)}", header.timetable.buffers[0].size
    scale = c_text.floating(held.scale)
    return (
        f"{c.macro('APART')} void {c.symbol('body')}(const uint8_t *image)\n{{\n"
        f"    {c.symbol('stage', 1)}(image);\n{others}"
        f"    {c.symbol('train_dequantize')}((uint8_t *)({place}), {place}, {count}, {scale}, "
        f"{held.zero_point + 128});\n}}\n"
    )
