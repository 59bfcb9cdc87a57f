"""A planned header that learns: its calls, and the places of all buffers in the arena."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from engine.errors import ExportError
from engine.export import kernel_files
from engine.export.arena_plan import WORD, Arena
from engine.export.context import Context
from engine.export.options import ExportOptions
from engine.export.training import Body, Timetable, TrainedStep, int8_body, plan_together, timetable
from engine.export.writers import c_header
from engine.export.writers.c_header import CHeader
from engine.nn.activations import LINEAR
from engine.nn.call_chain import Network, Stage
from engine.nn.model import Model
from engine.stage_code import StageCode

__all__ = ["STATE_BYTES", "TrainingHeader", "float_header", "int8_header"]

STATE_BYTES = 8  # the state of the random generator, and whether the weights are initialized


@dataclass(frozen=True)
class TrainingHeader(CHeader):
    """A planned header. Network, codes and arena are those of the body, followed by those of the head.

    Attributes
    ----------
    timetable : Timetable
        The steps of the head: calls in floats, forward and backward.
    body : Body or None
        The int8 stages before the head.
    image : int
        Offset of an image for the body in the arena, in bytes.
    """

    timetable: Timetable
    body: Body | None = None
    image: int = 0

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {**super().arrays, self.context.symbol("start"): self.timetable.weights}

    @property
    def ram_bytes(self) -> int:
        return self.arena.size + self.timetable.weights.nbytes + STATE_BYTES

    @property
    def before(self) -> int:
        """The number of stages before those in floats."""
        return len(self.body.codes) if self.body else 0

    @property
    def steps(self) -> Iterator[tuple[int, TrainedStep]]:
        """The calls in floats, with their numbers."""
        return enumerate(self.timetable.steps, start=self.before + 1)

    def offset(self, buffer: int) -> int:
        """Return the offset of a buffer of the timetable in the arena, in elements."""
        shift = len(self.body.network.sizes) if self.body else 0
        return self.arena.buffers[shift + buffer] // WORD


def float_header(model: Model, options: ExportOptions) -> TrainingHeader:
    """Return the header of a network in floats; `options` say how many of its layers learn."""
    found = timetable(model, options.train_layers)
    arena = Arena(tuple(WORD * offset for offset in found.plan.offsets), (), WORD * found.plan.size)
    header = TrainingHeader(
        model, Context(options.name), *_float_stages(found), arena, options.preprocess, found
    )
    return _checked(header, options)


def int8_header(model: Model, options: ExportOptions) -> TrainingHeader:
    """Return the header of a network in which the layers that do not learn are in int8."""
    head = timetable(model, options.train_layers, head_only=True)
    body = int8_body(model, head, options.fast)
    floats, codes = _float_stages(head)
    network = Network((*body.network.stages, *floats.stages), (*body.network.sizes, *floats.sizes))
    arena, image = plan_together(body, head, model.spec.input_shape)
    header = TrainingHeader(
        model,
        Context(options.name),
        network,
        (*body.codes, *codes),
        arena,
        options.preprocess,
        head,
        body,
        image,
    )
    return _checked(header, options)


def _float_stages(found: Timetable) -> tuple[Network[Any], tuple[StageCode, ...]]:
    stages = tuple(Stage(step.layers, step.call, step.places.x, step.places.y) for step in found.steps)
    network: Network[Any] = Network(stages, tuple(buffer.size for buffer in found.buffers))
    return network, tuple(_forward_code(step) for step in found.steps)


def _checked(header: TrainingHeader, options: ExportOptions) -> TrainingHeader:
    if options.preprocess:
        c_header.check_preprocessed(header.model)
    if options.section and header.body is None:
        raise ExportError(
            "The section does not apply to float code that learns, whose weights are in RAM; leave it empty."
        )
    if options.ram_limit and header.ram_bytes > options.ram_limit:
        raise ExportError(
            f"Learning needs {header.ram_bytes:,} bytes of RAM, above the limit of {options.ram_limit:,}; "
            "let fewer of the last layers learn, make the network smaller or raise the limit."
        )
    return header


def _forward_code(step: TrainedStep) -> StageCode:
    kernel = step.training.forward
    function = (step.call.function or LINEAR).name
    functions = {"function": function} if "function" in kernel_files.parameters(kernel) else {}
    constant = {n: a.flat for n, a in step.call.arrays.items() if n not in step.learned}
    return StageCode(kernel, step.call.sizes, constant, functions=functions)
