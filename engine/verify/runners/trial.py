"""A trial: exported code on one target, with its inputs, compiler and folder; and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.boards.compilers import Compiler
from engine.boards.programs import Cancel
from engine.boards.targets import Target, Toolchain
from engine.export.context import Context
from engine.verify.certificate import Figures
from engine.verify.reference import Answers, Reference

__all__ = ["Progress", "RunResult", "Runner", "StageOutput", "Trial"]

Progress = Callable[[str, float], None]
"""Called with what is being done, in words, and the share that is done, 0 … 1."""

StageOutput = tuple[int, bytes]
"""A stage's number, from 1, and the memory that it wrote."""

_TRACED = """#define {upper}TRACE(stage, output, n) {lower}trace(stage, output, (n) * sizeof *(output));
static void {lower}trace(int stage, const void *output, unsigned long size);
"""


@dataclass(frozen=True)
class Trial:
    """Everything that a runner needs to know.

    Attributes
    ----------
    context : Context
        Names in the exported header.
    reference : Reference
        The inputs and the expected outputs.
    target : Target
    compiler : Compiler
    toolchain : Toolchain
    flags : tuple of str
        Compiler options for language, warnings and optimization.
    folder : Path
        Holds the header; all other files are written there.
    limit : int
        More instructions than any inference needs.
    counted : int
        The most inputs to count instructions for.
    report : callable
        See `Progress`.
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
    """The result of a trial.

    Attributes
    ----------
    answers : Answers
    emulator : str
        The program that ran the code.
    figures : tuple of Figures
    """

    answers: Answers
    emulator: str
    figures: tuple[Figures, ...] = ()


@dataclass(frozen=True)
class Runner:
    """A way to run exported code.

    Attributes
    ----------
    check : callable
        Raises `MissingToolError` when a tool is missing.
    run : callable
        Runs all inputs.
    trace : callable
        ``trace(trial, vector)`` gives the output of each stage for one input, in the order of execution.
    """

    check: Callable[[], None]
    run: Callable[[Trial], RunResult]
    trace: Callable[[Trial, int], Sequence[StageOutput]]
