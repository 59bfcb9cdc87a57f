"""Estimate flash, RAM, instructions and time of a model on a board, before it is trained.

Weights and the arena are counted: the exporter plans them the same way for an untrained network. Code, stack
and executed instructions are predicted: how often each part of a kernel runs follows from its loops
(`engine.cost.loops`), and what one round takes was fitted to stages that were compiled and emulated
(`engine.cost.instruction_rates`, made by ``python -m tests.benchmarks.cost``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.boards.boards import Board
from engine.cost.figures import Figure, counted, estimated
from engine.cost.instruction_rates import RATES, TargetRates
from engine.cost.stage import Prediction, around, predict
from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport
from engine.export.facts import Facts
from engine.nn.model import Model

__all__ = [
    "Cost",
    "StageCost",
    "code_bytes",
    "cost_on",
    "estimate",
    "format_with_facts",
    "instructions",
]


@dataclass(frozen=True)
class StageCost:
    """The cost of one stage of a network.

    Attributes
    ----------
    layers : tuple of int
        Indices of the layers that it computes.
    weights : Figure
        Bytes.
    instructions : Figure
    """

    layers: tuple[int, ...]
    weights: Figure
    instructions: Figure


@dataclass(frozen=True)
class Cost:
    """The cost of a model on a board.

    Attributes
    ----------
    board : Board
    flash, ram : Figure
        In bytes, without the caller's image and scores.
    arena : Figure
        The part of the RAM for feature maps and scratch memory, in bytes.
    instructions : Figure
        Executed for one image; on AVR, cycles.
    milliseconds : Figure
        For one image at the board's clock.
    stages : tuple of StageCost
    """

    board: Board
    flash: Figure
    ram: Figure
    arena: Figure
    instructions: Figure
    milliseconds: Figure
    stages: tuple[StageCost, ...]

    @property
    def fits_flash(self) -> bool:
        """Whether the board has the flash."""
        return self.flash.value <= self.board.flash_bytes

    @property
    def fits_ram(self) -> bool:
        """Whether the board has the RAM."""
        return self.ram.value <= self.board.ram_bytes

    @property
    def fits(self) -> bool:
        """Whether the board has both."""
        return self.fits_flash and self.fits_ram


def estimate(model: Model, format_name: str, board: Board, options: ExportOptions | None = None) -> Cost:
    """Return the cost on `board` of `model`, trained or not, exported as `format_name`.

    Raises
    ------
    ExportError
        When the format cannot express the model; and as from `cost_on`.
    """
    return cost_on(format_with_facts(format_name).prepare(model, options or ExportOptions()), board)


def format_with_facts(format_name: str) -> Format:
    """Return the format `format_name`; raise `ExportError` if its exports have no facts."""
    found = FORMATS[format_name]
    if not found.has_facts:
        known = ", ".join(form.name for form in FORMATS.values() if form.has_facts)
        raise ExportError(
            f"What {format_name} takes on a board is not known; choose one of the formats {known}."
        )
    return found


def cost_on(prepared: PreparedExport, board: Board) -> Cost:
    """Return the cost on `board` of an export that has facts.

    Raises
    ------
    ExportError
        When the board's memory is large enough, but its core cannot address the weights.
    """
    facts = prepared.facts
    assert facts is not None
    rates = RATES[board.core.rates]
    predicted = [predict(workload, rates) for workload in facts.workloads]
    stages = tuple(
        StageCost(workload.layers, counted(workload.weight_bytes), stage.instructions)
        for workload, stage in zip(facts.workloads, predicted, strict=True)
    )
    total = instructions(facts, rates, predicted)
    milliseconds = total.times(1000 * board.core.cycles / board.clock_hz)
    arena = counted(facts.arena_bytes)
    flash = counted(facts.weight_bytes) + code_bytes(facts, rates, predicted)
    cost = Cost(board, flash, arena + estimated(rates.stack), arena, total, milliseconds, stages)
    if cost.fits:  # otherwise the figures explain more than an error
        _check_constants(facts, board)
    return cost


def _check_constants(facts: Facts, board: Board) -> None:
    core, largest = board.core, max(facts.workloads, key=lambda workload: workload.array_bytes)
    if core.largest_array is not None and largest.array_bytes > core.largest_array:
        layers = " and ".join(str(i + 1) for i in largest.layers)
        raise ExportError(
            f"The weights of layer {layers} have {largest.array_bytes:,} bytes; {board.title} takes "
            f"{core.largest_array:,} in one array: make that layer smaller or choose another board."
        )
    if core.constants is not None and facts.weight_bytes > core.constants:
        raise ExportError(
            f"The weights have {facts.weight_bytes:,} bytes; {board.title} reads {core.constants:,}: make "
            "the network smaller or choose another board."
        )


def instructions(facts: Facts, rates: TargetRates, stages: Sequence[Prediction]) -> Figure:
    """Return the predicted instructions of one inference; `stages` are those of its stages."""
    outside = sum(rates.around.steps.get(part, 0.0) * n for part, n in around(facts).items())
    return sum((stage.instructions for stage in stages), estimated(outside))


def code_bytes(facts: Facts, rates: TargetRates, stages: Sequence[Prediction]) -> Figure:
    """Return the predicted bytes of code."""
    outside = sum(rates.around.code.get(part, 0.0) * n for part, n in around(facts).items())
    names = frozenset().union(*(stage.shared for stage in stages))
    shared = sum(rates.shared.get(name, 0.0) for name in sorted(names))  # in one order in every process
    return sum((stage.code for stage in stages), estimated(outside + shared))
