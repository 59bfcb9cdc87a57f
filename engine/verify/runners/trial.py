"""One try: exported code with the inputs to run, the compiler to use, and where the files go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.boards.compilers import Cancel, Compiler
from engine.boards.targets import Target, Toolchain
from engine.export.context import Context
from engine.verify.certificate import Figures
from engine.verify.reference import Answers, Reference

__all__ = ["Progress", "RunResult", "Runner", "StageOutput", "Trial"]

Progress = Callable[[str, float], None]
"""Receives what is being done and the share that is done, 0 … 1."""

StageOutput = tuple[int, bytes]
"""A stage's number, from 1, and the memory that it wrote."""

_TRACED = """#define {upper}TRACE(stage, output, n) {lower}trace(stage, output, (n) * sizeof *(output));
static void {lower}trace(int stage, const void *output, unsigned long size);
"""


@dataclass(frozen=True)
class Trial:
    """What is to be tried.

    Attributes
    ----------
    context : Context
        Names of the exported header, which is in the folder.
    reference : Reference
        Has the inputs.
    target : Target
    compiler : Compiler
    toolchain : Toolchain
    flags : tuple of str
        About language, warnings and optimization.
    folder : Path
        Holds the header, and nothing else that matters.
    limit : int
        Instructions that no inference needs.
    counted : int
        Inputs to count instructions for, at most.
    report : callable
    cancel : callable or None
    """

    context: Context
    reference: Reference
    target: Target
    compiler: Compiler
    toolchain: Toolchain
    flags: tuple[str, ...]
    folder: Path
    limit: int
    counted: int
    report: Progress = field(default=lambda what, share: None)
    cancel: Cancel | None = None

    def source(self, traced: bool = False) -> str:
        """Return the C file that defines the model; `traced` declares a function that every stage calls."""
        c = self.context
        trace = _TRACED.format(upper=f"{c.upper}_", lower=f"{c.name}_") if traced else ""
        return f'{trace}#define {c.macro("IMPLEMENTATION")}\n#include "{c.name}.h"\n'


@dataclass(frozen=True)
class RunResult:
    """What a try gave.

    Attributes
    ----------
    answers : Answers
    emulator : str
        What ran the code.
    figures : tuple of Figures
    """

    answers: Answers
    emulator: str
    figures: tuple[Figures, ...] = ()


@dataclass(frozen=True)
class Runner:
    """A way to run code.

    Attributes
    ----------
    check : callable
        Raises `MissingToolError` when something is missing.
    run : callable
        Runs all inputs.
    trace : callable
        ``trace(trial, vector)`` gives what the stages write for one input, in the order of execution.
    """

    check: Callable[[], None]
    run: Callable[[Trial], RunResult]
    trace: Callable[[Trial, int], Sequence[StageOutput]]
