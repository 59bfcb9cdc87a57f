"""The body: the layers that do not learn, as int8 stages in front of the head, whose layers learn.

The bytes of the last stage are converted to floats in place, in the buffer that is the input of the head; it
is planned large enough for the floats. All buffers share one arena and one plan. The moments of the head
follow those of the body, so the memory of the body is free again by then.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from engine.errors import ExportError
from engine.export.arena_plan import WORD, Arena, Buffer, arena_needs, plan
from engine.export.training.timetable import Timetable
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerCall
from engine.nn.call_chain import Network
from engine.nn.model import Model
from engine.quantize.network import integer_network
from engine.shapes import size
from engine.stage_code import StageCode, Variant

__all__ = ["Body", "int8_body", "plan_together"]


@dataclass(frozen=True, eq=False)
class Body:
    """The int8 stages.

    Attributes
    ----------
    network : Network
        The stages; their input is the caller's image.
    codes : tuple of StageCode
        The C of each stage.
    """

    network: Network[IntegerCall]
    codes: tuple[StageCode, ...]

    @property
    def output(self) -> Affine:
        """Scale and zero point of the last stage's output."""
        return self.network.stages[-1].call.target


def int8_body(model: Model, head: Timetable, fast: bool) -> Body:
    """Return the stages of `model` that come before those of `head`.

    Raises
    ------
    QuantizationError
        When the model has no quantization.
    ExportError
        When there are no layers before, or an int8 stage has layers on both sides.
    """
    begin = min(head.steps[0].layers)
    network = integer_network(model)
    stages = tuple(stage for stage in network.stages if stage.layers and min(stage.layers) < begin)
    if not stages:
        raise ExportError(
            "All layers learn, and layers that learn need floats: let fewer of the last layers learn "
            '("Layers that learn", --train-layers), for instance 1, or choose c-float32.'
        )
    if max(stages[-1].layers) >= begin:
        raise ExportError(
            f"Layer {begin + 1} is part of the one before it in int8; let one more or one less of the last "
            "layers learn."
        )
    body = Network(stages, network.sizes[: stages[-1].target + 1])
    return Body(body, tuple(stage.call.code(Variant(fast)) for stage in stages))


def plan_together(body: Body, head: Timetable, input_shape: tuple[int, ...]) -> tuple[Arena, int]:
    """Return the arena of the buffers of `body` and then of `head`, and the offset of an image in it.

    Only callers whose input is floats need a place for an image; it is in use before all other buffers.
    """
    needs, links = arena_needs(body.network, 1, body.codes, with_input=False)
    maps, moved = len(body.network.sizes) - 1, len(body.network.stages) + 1
    first, *others = (Buffer(b.size, b.first + moved, b.last + moved) for b in head.buffers)
    shared = needs[maps - 1]
    needs[maps - 1] = dataclasses.replace(shared, size=max(shared.size, first.size), last=first.last)
    image = Buffer(-(-size(input_shape) // WORD), 0, 1)
    planned = plan([*needs, *others, image], links)
    offsets = [WORD * offset for offset in planned.offsets]
    scratch = iter(offsets[maps : len(needs)])
    buffers = (-1, *offsets[:maps], offsets[maps - 1], *offsets[len(needs) : -1])
    places = tuple(next(scratch) if code.scratch else -1 for code in body.codes)
    return Arena(buffers, places, WORD * planned.size), offsets[-1]
