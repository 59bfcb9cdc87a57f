"""Estimate flash, RAM, instructions and time of a model on a board, before it is trained.

Weights and the arena are counted: the exporter plans them the same way for an untrained network. Code, stack
and executed instructions are predicted. A kernel's instructions are nearly a weighted sum of a few counts
that follow from its shapes (`counts`), and the weights were fitted to networks that were compiled and
emulated (`engine.cost.instruction_rates`, made by ``python -m tests.benchmarks.cost``).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.boards.boards import Board
from engine.cost.figures import Figure, counted, estimated
from engine.cost.instruction_rates import RATES, KernelRates, TargetRates
from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport
from engine.export.facts import Facts, KernelWorkload
from engine.nn.model import Model
from engine.shapes import size

__all__ = [
    "Cost",
    "StageCost",
    "code_bytes",
    "cost_on",
    "counts",
    "estimate",
    "format_with_facts",
    "instructions",
    "path",
    "unrolled",
]

_MOST_UNROLLED = 100
_PATHS = ("phases", "lines", "stride", "pool")  # sizes that decide which loops of a kernel run


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
    stages = tuple(_stage(workload, rates) for workload in facts.workloads)
    rough = any(_is_rough(workload, rates) for workload in facts.workloads)
    total = sum((stage.instructions for stage in stages), estimated(rates.call))
    milliseconds = estimated(1000 * total.value * board.core.cycles / board.clock_hz, rough)
    arena = counted(facts.arena_bytes)
    flash = counted(facts.weight_bytes) + estimated(code_bytes(facts, rates), rough)
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


def _stage(workload: KernelWorkload, rates: TargetRates) -> StageCost:
    predicted = estimated(instructions(workload, rates), _is_rough(workload, rates))
    return StageCost(workload.layers, counted(workload.weight_bytes), predicted)


def _is_rough(workload: KernelWorkload, rates: TargetRates) -> bool:
    """Whether no such kernel was measured, so that the estimate rests on sizes alone."""
    return not rates.knows(path(workload), workload.kernel)


def instructions(workload: KernelWorkload, rates: TargetRates) -> float:
    """Return the predicted instructions of one call of a kernel."""
    kernel = rates.of(path(workload), workload.kernel)
    own = sum(rate * number for rate, number in zip(kernel.instructions, counts(workload), strict=True))
    applied = [rates.functions[name] for name in workload.functions if name in rates.functions]
    return own + size(workload.out_shape) * sum(function.instructions[0] for function in applied)


def code_bytes(facts: Facts, rates: TargetRates) -> float:
    """Return the predicted bytes of code; each stage is compiled for its own shapes."""
    kernels = sum(
        _kernel_code(workload, rates.of(path(workload), workload.kernel)) for workload in facts.workloads
    )
    used = {name for workload in facts.workloads for name in workload.functions} & rates.functions.keys()
    return rates.code + kernels + sum(rates.functions[name].code for name in used)


def _kernel_code(workload: KernelWorkload, kernel: KernelRates) -> float:
    return kernel.code + kernel.code_for_tap * unrolled(workload)


def unrolled(workload: KernelWorkload) -> int:
    """Return how many steps of a kernel's inner loop a compiler may unroll."""
    return min(workload.taps, _MOST_UNROLLED)


def path(workload: KernelWorkload) -> str:
    """Return the key of rates for a call: the kernel's name, and the sizes that decide which loops run."""
    chosen = (f"{name} {min(workload.sizes[name], 2)}" for name in _PATHS if name in workload.sizes)
    return ", ".join((workload.kernel, *chosen))


def counts(workload: KernelWorkload) -> tuple[float, ...]:
    """Return the counts of which a kernel's instructions are a weighted sum.

    Returns
    -------
    tuple of float
        1, numbers read, numbers written, pixels, rows of the kernel window over all outputs, and
        multiplications. Kernels work on pairs of outputs and of inputs: odd counts are rounded up.
    """
    channels = workload.out_shape[-1]
    pixels = size(workload.out_shape) // channels * workload.sizes.get("pool", 1) ** 2
    kernel = workload.sizes.get("kernel", 1)
    taps = kernel * _even(-(-workload.taps // kernel)) if workload.taps > 1 else 1
    sums = pixels * _even(channels)
    return (1.0, size(workload.in_shape), size(workload.out_shape), pixels, sums * kernel, sums * taps)


def _even(count: int) -> int:
    return count + count % 2
