"""Proof that exported code does what the engine does: compile it, run it, compare.

The code is compiled strictly (every warning is a fault) in a temporary folder and runs all test vectors in
one process. What it answers is compared with the engine's answer number by number.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.compilers import Cancel, Compiler, find_compiler, run_program
from engine.errors import ExportError, VerifyError
from engine.export.context import Context
from engine.export.formats import export_with_vectors
from engine.export.kernel_files import body
from engine.export.options import ExportOptions
from engine.export.vectors import TOLERANCE, Vectors, agree, relative_error
from engine.files import file_faults
from engine.model import Model

__all__ = ["FLAGS", "Progress", "Verification", "compare", "verify_host"]

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-ffp-contract=off")
"""What the code is compiled with."""

Progress = Callable[[str, float], None]
"""Receives what is being done and the share that is done, 0 … 1."""

_CONTEXT = Context("verified")  # independent of the model's own name, which may hold anything


@dataclass(frozen=True)
class Verification:
    """The outcome.

    Attributes
    ----------
    target, compiler, flags : str
        What ran, compiled by what and how.
    vectors : int
        Number of inputs that ran.
    origin : str
        Where the inputs are from.
    class_mismatches : int
        Inputs for which the class differs, where it is not a tie.
    mismatches : int
        Inputs for which any number differs by more than the tolerance.
    worst_error : float
        Largest difference, relative to the expected number or to 1 where that is smaller.
    fault : str
        One sentence about the first input that differs; empty when none does.
    """

    target: str
    compiler: str
    flags: str
    vectors: int
    origin: str
    class_mismatches: int
    mismatches: int
    worst_error: float
    fault: str

    @property
    def passed(self) -> bool:
        """Whether the exported code agrees on every input."""
        return not self.fault

    def summary(self) -> str:
        """Return the outcome as one sentence."""
        if not self.passed:
            return self.fault
        return (
            f"The exported C agrees with the engine on all {self.vectors:,} inputs ({self.origin}); "
            f"largest relative difference {self.worst_error:.1e}, compiled by {self.compiler}."
        )


@dataclass(frozen=True)
class _Answers:
    """What exported code gave for each vector."""

    best: NDArray[np.int32]
    scores: NDArray[np.float32]
    outputs: NDArray[np.float32]


def verify_host(
    model: Model,
    vectors: Vectors,
    compiler: str | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Verification:
    """Compile `model`'s ``c-float32`` export on this computer, run `vectors` through it and compare.

    Parameters
    ----------
    model : Model
    vectors : Vectors
        See `engine.export.make_vectors`.
    compiler : str or None
        Command of a C compiler; None looks for one.
    progress : callable or None
    cancel : callable or None

    Raises
    ------
    MissingToolError
        When no compiler is found.
    VerifyError
        When the code does not compile or run, or on cancelling.
    """
    if not len(vectors):
        raise ExportError("There are no test vectors; choose at least one.")
    report = progress or (lambda what, share: None)
    found = find_compiler(compiler)
    report("Compiling", 0.0)
    with file_faults(tempfile.gettempdir()), tempfile.TemporaryDirectory(prefix="tinyml-") as folder:
        program = _build(model, Path(folder), found, cancel)
        report("Running", 0.5)
        answers = _run(program, vectors, len(model.classes), cancel)
    report("Comparing", 0.9)
    result = compare(model, vectors, answers.best, answers.scores, answers.outputs, found.version(cancel))
    report("Done", 1.0)
    return result


def _build(model: Model, folder: Path, compiler: Compiler, cancel: Cancel | None) -> Path:
    options = ExportOptions(_CONTEXT.name, test_vectors=0)
    for name, text in export_with_vectors(model, "c-float32", options, None).items():
        (folder / name).write_text(text, encoding="utf-8")
    source, program = folder / "runner.c", folder / "runner.exe"
    define = f'#define {_CONTEXT.macro("IMPLEMENTATION")}\n#include "{_CONTEXT.name}.h"\n'
    source.write_text(define + _CONTEXT.renamed(body("host_runner.c")), encoding="utf-8")
    compiler.compile([*FLAGS, "-o", str(program), str(source)], cancel)
    return program


def _run(program: Path, vectors: Vectors, classes: int, cancel: Cancel | None) -> _Answers:
    images, answers = program.with_suffix(".in"), program.with_suffix(".out")
    images.write_bytes(np.ascontiguousarray(vectors.images).tobytes())
    ended = run_program([str(program), str(images), str(answers)], cancel)
    if ended.returncode:
        raise VerifyError(f"The compiled program ended with code {ended.returncode} instead of an answer.")
    record = np.dtype([("best", "=i4"), ("scores", "=f4", (classes,)), ("outputs", "=f4", (classes,))])
    data = np.frombuffer(answers.read_bytes(), record)
    if len(data) != len(vectors):
        raise VerifyError(f"The compiled program answered {len(data)} of {len(vectors)} inputs.")
    return _Answers(data["best"], data["scores"], data["outputs"])


def compare(
    model: Model,
    vectors: Vectors,
    best: NDArray[np.int32],
    scores: NDArray[np.float32],
    outputs: NDArray[np.float32],
    compiler: str = "",
) -> Verification:
    """Return how the answers of exported code differ from those of `vectors`.

    Parameters
    ----------
    model : Model
    vectors : Vectors
    best : ndarray of int32, shape (n,)
        Classes.
    scores, outputs : ndarray of float32, shape (n, classes)
    compiler : str
        What compiled it.
    """
    differences = (relative_error(outputs, vectors.outputs), relative_error(scores, vectors.probabilities))
    errors = np.maximum(*differences).max(axis=1)
    wrong_class = _wrong_class(best, vectors.outputs)
    differs = (errors > TOLERANCE) | wrong_class
    return Verification(
        target="host",
        compiler=compiler,
        flags=shlex.join(FLAGS),
        vectors=len(vectors),
        origin=vectors.origin,
        class_mismatches=int(wrong_class.sum()),
        mismatches=int(differs.sum()),
        worst_error=float(errors.max()),
        fault=_fault(model, vectors, best, errors, differs) if differs.any() else "",
    )


def _wrong_class(best: NDArray[np.int32], expected: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where another class than the best is named, unless both are equal within the tolerance."""
    valid = (best >= 0) & (best < expected.shape[1])
    named = expected[np.arange(len(best)), np.where(valid, best, 0)]
    wrong: NDArray[np.bool_] = ~(valid & agree(named, expected.max(axis=1)))
    return wrong


def _fault(
    model: Model,
    vectors: Vectors,
    best: NDArray[np.int32],
    errors: NDArray[np.float64],
    differs: NDArray[np.bool_],
) -> str:
    first = int(differs.argmax())
    expected = model.classes[int(vectors.outputs[first].argmax())]
    found = model.classes[best[first]] if 0 <= best[first] < len(model.classes) else f"number {best[first]}"
    return (
        f"The exported C differs on {differs.sum():,} of {len(vectors):,} inputs, first on input {first + 1} "
        f"(class {found} where the engine says {expected}, relative difference {errors[first]:.1e}); please "
        "report this with the model."
    )
