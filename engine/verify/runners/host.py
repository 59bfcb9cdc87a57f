"""Run exported code on this computer: one program that reads all inputs from a file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.boards.programs import run_program
from engine.errors import VerifyError
from engine.export.kernel_files import body
from engine.verify.reference import Answers
from engine.verify.runners.trial import Runner, RunResult, StageOutput, Trial

__all__ = ["RUNNER"]

_TRACE_RECORD = struct.Struct("=ii")


def _run(trial: Trial) -> RunResult:
    trial.report("Compiling", 0.0)
    program = _build(trial, traced=False)
    trial.report("Running", 0.5)
    data = _started(trial, program, slice(None))
    trial.report("Comparing", 0.9)
    count, classes = trial.reference.outputs.shape
    value = trial.reference.value
    record = np.dtype([("best", "=i4"), ("scores", "=f4", (classes,)), ("outputs", value, (classes,))])
    if len(data) != count * record.itemsize:
        raise VerifyError(f"The compiled program answered {len(data) // record.itemsize} of {count} inputs.")
    rows = np.frombuffer(data, record)
    return RunResult(Answers(rows["best"], rows["scores"], rows["outputs"]), "this computer")


def _trace(trial: Trial, vector: int) -> Sequence[StageOutput]:
    program = _build(trial, traced=True)
    _started(trial, program, slice(vector, vector + 1))
    data = program.with_suffix(".trace").read_bytes()
    records, place = [], 0
    while place < len(data):
        stage, length = _TRACE_RECORD.unpack_from(data, place)
        place += _TRACE_RECORD.size
        records.append((stage, data[place : place + length]))
        place += length
    return records


RUNNER = Runner(lambda: None, _run, _trace)


def _build(trial: Trial, traced: bool) -> Path:
    c, reference = trial.context, trial.reference
    name = "traced" if traced else "plain"
    source, program = trial.folder / f"{name}.c", trial.folder / f"{name}.exe"
    head = (
        f"#define {c.macro('TRIED_VALUE')} {reference.c_value}\n"
        f"#define {c.macro('TRIED')} {c.symbol(reference.run)}\n"
    )
    traces = f"#define {c.macro('TRACED')}\n" if traced else ""
    runner = c.renamed(body("host_runner.c"))
    source.write_text(head + traces + trial.source(traced) + "\n" + runner, encoding="utf-8")
    flags = (*trial.toolchain.flags, *trial.flags)
    trial.compiler.compile([*flags, "-o", str(program), str(source)], trial.cancel)
    return program


def _started(trial: Trial, program: Path, part: slice) -> bytes:
    """Run the inputs of `part` and return the bytes that the program wrote."""
    given, answers, trace = (program.with_suffix(s) for s in (".in", ".out", ".trace"))
    images = trial.reference.vectors.images[part]
    inputs = trial.reference.inputs[part]
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    both = np.concatenate([flat, np.ascontiguousarray(inputs).view(np.uint8)], axis=1)
    given.write_bytes(both.tobytes())
    ended = run_program([str(program), str(given), str(answers), str(trace)], trial.cancel)
    if ended.returncode:
        raise VerifyError(f"The compiled program ended with code {ended.returncode} instead of an answer.")
    return answers.read_bytes()
