"""Run tables of networks: trace what their stages read and write, or compute their outputs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.engine.export.programs import C99, SANITIZED, STRICT, build, compiler
from tests.engine.export.stages.tables import FOLDER, Numbers, Planned, table

WORDS = (
    "",
    "reads byte {} after it was overwritten",
    "reads byte {}, outside",
    "writes byte {}, outside",
    "writes byte {} of its input",
    "reads byte {} of its output before it wrote it",
    "uses memory that it was not given",
    "does not write byte {} of its output",
)
FLAGS = (*C99, *STRICT, f"-I{FOLDER}", "-Wno-unused-function", "-O1")


@dataclass(frozen=True)
class Traced:
    """What a stage was seen to do.

    Attributes
    ----------
    needed : int
        How many bytes before its input its output must begin at least, where both overlap.
    fault : str
        What it does that it must not, in words; empty if all is well.
    """

    needed: int
    fault: str


def build_tracer(numbers: Numbers, folder: Path) -> Path:
    """Return a program for `trace`: kernels that report what they access, linked with what watches them."""
    kernels, watched, program = folder / "kernels.c", folder / "kernels.o", folder / "trace"
    kernels.write_text(numbers.source())
    build((compiler("gcc"), *FLAGS, "-fsanitize=thread", "-c"), [kernels], watched)
    build((compiler("gcc"), *FLAGS), [FOLDER / "trace.c", watched], program)
    listed = subprocess.run(["nm", "-u", watched], capture_output=True, text=True, check=True)
    called = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert all(name.startswith("__tsan_") for name in called), f"{called} might access memory unseen"
    return program


def build_runner(numbers: Numbers, folder: Path) -> Path:
    """Return a program for `run`, compiled with sanitizers."""
    kernels, program = folder / "kernels.c", folder / "run"
    kernels.write_text(numbers.source())
    build((compiler("gcc"), *FLAGS, *SANITIZED), [kernels, FOLDER / "run.c"], program)
    return program


def trace(program: Path, folder: Path, networks: Sequence[Planned]) -> list[list[Traced]]:
    """Return what each stage of each network did; the last item of a network is who reads its output."""
    _run(program, table(networks), folder)
    rows = np.fromfile(folder / "out", np.int32).reshape(-1, 3).tolist()
    found = iter([Traced(needed, WORDS[kind].format(at)) for needed, kind, at in rows])
    traced = [[next(found) for _ in range(len(one.codes) + 1)] for one in networks]
    assert next(found, None) is None
    return traced


def run(
    program: Path, networks: Sequence[Planned], images: Sequence[np.ndarray], folder: Path
) -> Iterator[np.ndarray]:
    """Yield the outputs of each int8 network for its images, int8 (n, numbers)."""
    _run(program, table(networks, images), folder)
    data, start = np.fromfile(folder / "out", np.uint8), 0
    for one, inputs in zip(networks, images, strict=True):
        stop = start + one.out_bytes * len(inputs)
        yield (data[start:stop] ^ 0x80).view(np.int8).reshape(len(inputs), -1)
        start = stop
    assert start == len(data)


def _run(program: Path, rows: bytes, folder: Path) -> None:
    (folder / "table").write_bytes(rows)
    command = [program, folder / "table", folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr[:3000])
