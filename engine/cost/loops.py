"""How often each part of a kernel runs, and which parts the compiler writes, by the kernel's loops.

A kernel's instructions are a sum over its parts: how often a part runs follows exactly from shapes and sizes
(`Loops.steps`), how many instructions one round of it takes is measured (`engine.cost.instruction_rates`).
Its code is a sum in the same way: each stage is compiled for its own sizes, so parts are left out, or written
several times (`Loops.code`).

The parts are those of the C files under ``export/kernels``; `engine.cost.loops_int8` and
`engine.cost.loops_float` count them. A kernel that is not listed there has the few parts that any kernel has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.export.facts import KernelWorkload
from engine.shapes import Shape, size

__all__ = ["ANY", "Counter", "Loops", "Parts", "any_kernel", "image", "looked_up", "occurring", "rescaling"]

Parts = Mapping[str, float]
"""How often each part occurs, by its name."""

ANY = "any"
"""Stands for the name of a kernel whose loops are not known."""


@dataclass(frozen=True)
class Loops:
    """The parts of one call of a kernel.

    Attributes
    ----------
    steps : mapping of str to float
        How often each part runs.
    code : mapping of str to float
        How often each part is written into the code of the stage.
    functions : mapping of str to (float, float)
        How often each function that the kernel applies runs, and how often it is written.
    shared : frozenset of str
        What the stage calls: a program has one copy of each for all of its stages.
    """

    steps: Parts
    code: Parts = field(default_factory=lambda: {"call": 1.0})
    functions: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()


Counter = Callable[[KernelWorkload], Loops]


def any_kernel(workload: KernelWorkload) -> Loops:
    """Return the parts that any kernel has: it reads numbers, multiplies, writes numbers."""
    outputs = size(workload.out_shape)
    products = outputs * workload.taps
    steps = {"call": 1, "inputs": size(workload.in_shape), "outputs": outputs, "products": products}
    return Loops(occurring(steps), functions=dict.fromkeys(workload.functions, (outputs, 1)))


def occurring(parts: Parts) -> dict[str, float]:
    """Return the parts that occur at all."""
    return {name: float(count) for name, count in parts.items() if count}


def image(shape: Shape) -> tuple[int, int, int]:
    """Return `shape`, that of a vector as one pixel."""
    height, width, channels = shape if len(shape) == 3 else (1, 1, shape[0])
    return height, width, channels


def rescaling(sizes: Mapping[str, int]) -> str:
    """Return how int8 kernels turn sums into bytes, see kernels/requantize_s8.c."""
    if sizes["low"] <= 0 and sizes["high"] >= 255:
        return "rectified" if sizes["zero"] == 0 else "free"
    return "clamped"


def looked_up(workload: KernelWorkload) -> bool:
    """Tell whether an int8 kernel looks its outputs up in a table."""
    return "table" in workload.functions
