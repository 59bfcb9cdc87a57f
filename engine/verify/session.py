"""Proof that exported code does what the engine does: compile it, run it, compare.

The code is compiled strictly (every warning is an error) in a temporary folder and runs all test vectors on
each target. Its outputs are compared with the engine's number by number. If anything differs, it runs once
more and records the output of every stage, to find the first layer that differs.
"""

from __future__ import annotations

import dataclasses
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from engine import __version__
from engine.boards.compilers import Compiler, find_compiler, find_cross_compiler
from engine.boards.programs import Cancel
from engine.boards.targets import CROSS_COMPILERS, Target, Toolchain, find_target
from engine.errors import ExportError, FitError, MissingToolError, VerifyError
from engine.export.context import Context
from engine.export.facts import accuracy_words
from engine.export.options import ExportOptions
from engine.export.prepare import export_model
from engine.export.vectors import Vectors
from engine.files import file_faults
from engine.nn.model import Model
from engine.temporary import work_folder
from engine.verify.certificate import Certificate, Result, Skipped, code_options
from engine.verify.differences import compare_answers
from engine.verify.reference import Reference, reference_for
from engine.verify.runners import RUNNERS, Trial
from engine.verify.runners.trial import Progress

__all__ = ["OPTIMIZATIONS", "Progress", "Setup", "verify"]

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffp-contract=off")
OPTIMIZATIONS = ("0", "1", "2", "3", "s")

_CONTEXT = Context("verified")  # independent of the model's own name, which may hold anything
_MOST = 1e30  # the largest error that a certificate holds; stands for nan too


@dataclass(frozen=True)
class Setup:
    """Settings of a verification.

    Attributes
    ----------
    compiler : str or None
        Command of a compiler, or ``zig``; None takes the first that is installed for each target.
    optimization : str
        One of `OPTIMIZATIONS`.
    options : ExportOptions
        Options of the export; its name and number of test vectors are ignored.
    skip_missing : bool
        Whether targets whose tools are missing, and chips that are too small, are skipped instead of refused.
    counted : int
        The most inputs to count instructions for, on each target.
    """

    compiler: str | None = None
    optimization: str = "2"
    options: ExportOptions = field(default_factory=ExportOptions)
    skip_missing: bool = False
    counted: int = 10

    @property
    def flags(self) -> tuple[str, ...]:
        """Compiler options for language, warnings and optimization."""
        return (*STRICT, f"-O{self.optimization}")


def verify(
    model: Model,
    format_name: str,
    targets: Sequence[str],
    vectors: Vectors,
    setup: Setup | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Certificate:
    """Export `model`, run `vectors` through the code on each target and compare.

    Parameters
    ----------
    model : Model
        A quantized one for ``c-int8``.
    format_name : str
        A key of `engine.verify.reference.REFERENCES`.
    targets : sequence of str
        Keys of `engine.boards.targets.TARGETS`.
    vectors : Vectors
        See `engine.export.make_vectors`.
    setup : Setup or None
    progress : callable or None
        Called on this thread with what is being done, in words, and the share that is done, 0 … 1.
    cancel : callable or None
        Called several times a second; if it returns true, the verification ends with an error.

    Returns
    -------
    Certificate
        For each target whether the code agrees, and its figures; see `Certificate.passed`.

    Raises
    ------
    MissingToolError, FitError
        When a compiler or the emulator is missing, or the chip is too small (unless that is to be skipped).
    VerifyError
        When the code does not compile, crashes or does not end, or when the user cancels.
    ExportError
        When the format cannot express the model, or there are no test vectors.
    """
    if not len(vectors):
        raise ExportError("There are no test vectors; choose at least one.")
    session = _Session(model, format_name, vectors, setup or Setup(), cancel)
    report = progress or (lambda what, share: None)
    results: list[Result] = []
    skipped: list[Skipped] = []
    for number, target in enumerate(map(find_target, targets)):
        here = _part(report, target, number, len(targets))
        try:
            results.append(session.result(target, here))
        except (MissingToolError, FitError) as error:
            if not session.setup.skip_missing:
                raise
            skipped.append(Skipped(target.name, str(error)))
    report("Done", 1.0)
    return session.certificate(results, skipped)


def _part(report: Progress, target: Target, number: int, count: int) -> Progress:
    prefix = f"{target.title}: " if count > 1 else ""
    return lambda what, share: report(prefix + what, (number + share) / count)


class _Session:
    """One export, tried on one target after the other."""

    def __init__(
        self, model: Model, format_name: str, vectors: Vectors, setup: Setup, cancel: Cancel | None
    ) -> None:
        self.setup = setup
        self._model = model
        self._format = format_name
        self._vectors = vectors
        self._cancel = cancel
        self._reference = reference_for(format_name, model, vectors)
        if setup.options.training and not self._reference.learns:
            raise VerifyError(
                f"Exports as {format_name} that learn on the device cannot be verified; switch training off "
                "to verify the same network without it, or export without verifying."
            )
        options = dataclasses.replace(setup.options, name=_CONTEXT.name, test_vectors=0)
        self._header = export_model(model, format_name, options)[f"{_CONTEXT.name}.h"]

    def result(self, target: Target, report: Progress) -> Result:
        """Return the result on a target."""
        toolchain, compiler = _tools(target, self.setup.compiler)
        RUNNERS[target.runner].check()
        with file_faults(tempfile.gettempdir()), work_folder() as folder:
            (folder / f"{_CONTEXT.name}.h").write_text(self._header, encoding="utf-8")
            trial = Trial(
                _CONTEXT,
                self._reference,
                target,
                compiler,
                toolchain,
                self.setup.flags,
                folder,
                _instruction_limit(self._model, self._reference),
                self.setup.counted,
                report,
                self._cancel,
            )
            return _result(trial)

    def certificate(self, results: Sequence[Result], skipped: Sequence[Skipped]) -> Certificate:
        """Return the certificate over all results."""
        options = self.setup.options
        return Certificate(
            model_name=self._model.name,
            model_hash=self._model.fingerprint,
            format=self._format,
            vectors=len(self._vectors),
            origin=self._vectors.origin,
            rule=self._reference.rule,
            accuracy=accuracy_words(self._model),
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            program=f"TinyML Studio {__version__}",
            results=tuple(results),
            skipped=tuple(skipped),
            options=code_options(options),
        )


def _tools(target: Target, wanted: str | None) -> tuple[Toolchain, Compiler]:
    """Return the compiler for a target: the one that is `wanted`, or the first that is installed."""
    if not target.toolchains:
        if wanted in CROSS_COMPILERS:
            raise MissingToolError(f"{wanted} does not compile for this computer; choose another compiler.")
        compiler = find_compiler(wanted)
        return Toolchain(compiler.command[0], ()), compiler
    names = [target.toolchain(wanted).name] if wanted else [t.name for t in target.toolchains]
    name, compiler = find_cross_compiler(names)
    return target.toolchain(name), compiler


def _instruction_limit(model: Model, reference: Reference) -> int:
    """Return more instructions than any inference needs, even if each float operation is a long function."""
    numbers = sum(int(np.prod(stage.call.out_shape)) for stage in reference.stages)
    return 1_000_000 + 1_000 * model.spec.macs + 20_000 * (numbers + int(np.prod(model.spec.input_shape)))


def _result(trial: Trial) -> Result:
    runner = RUNNERS[trial.target.runner]
    result = runner.run(trial)
    found = compare_answers(trial.reference, result.answers)
    layer = "" if found.first is None else _layer(trial, found.first, runner.trace)
    vectors = len(trial.reference.outputs)
    return Result(
        target=trial.target.name,
        title=trial.target.title,
        compiler=trial.compiler.version(trial.cancel),
        flags=shlex.join((*trial.toolchain.flags, *trial.flags)),
        emulator=result.emulator,
        vectors=vectors,
        mismatches=found.mismatches,
        class_mismatches=found.class_mismatches,
        worst_error=min(found.worst_error, _MOST),
        fault=found.sentence(vectors, _place(trial.target), layer),
        figures=result.figures,
    )


def _place(target: Target) -> str:
    return target.title if target.toolchains else ""


def _layer(trial: Trial, vector: int, trace: Callable[..., Sequence[tuple[int, bytes]]]) -> str:
    """Return the title of the first stage that differs; empty when all of them agree."""
    trial.report("Looking for the layer that differs", 0.95)
    reference = trial.reference
    expected, titles = reference.stage_values(vector), reference.titles()
    for number, data in trace(trial, vector):
        values = expected[number - 1]
        found = reference.decoded(data)
        if values is not None and (len(found) != len(values) or not reference.agrees(found, values)):
            return titles[number - 1]
    return ""
