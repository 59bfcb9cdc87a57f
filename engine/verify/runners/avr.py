"""Run exported code on a simulated AVR, in programs that send their results over the serial port.

As many inputs as fit stand in flash after a program; the next program gets the rest. Three timers count every
cycle, every 64th and every 1,024th cycle; together they give the time of a call to the cycle. The simulator
shows the serial port with colour codes, and dots for line ends, so each record stands between marks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.boards.programs import find_program, run_program
from engine.boards.targets import Machine
from engine.errors import MissingToolError, VerifyError
from engine.verify.certificate import Figures
from engine.verify.extra import require
from engine.verify.firmware import Image, Linker, support_text
from engine.verify.reference import Answers
from engine.verify.runners.trial import Runner, RunResult, StageOutput, Trial

__all__ = ["CLOCK", "RUNNER", "STACK", "cycles_of", "records_in", "simulator"]

RUNNER_BYTES = 3_500  # flash for support/avr_runner.c, without the model
CLOCK = 16_000_000
_SIMULATOR = "simavr"
RUN, PREDICT = 0, 1

_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
_RECORD = re.compile(rb"<([A-Z])([0-9a-f]*)>")
_CYCLES = struct.Struct("<BBBBH")
STACK = struct.Struct("<BBH")
_INPUTS = """\
.section .fini1,"ax",@progbits
.global {name}
{name}:
.incbin "{path}"
.balign 2
"""

Records = Mapping[str, Sequence[bytes]]
"""The records that programs have sent, by their letter (see ``support/avr_runner.c``)."""


def _check() -> None:
    require("elftools")
    simulator()


def simulator() -> str:
    """Return the simulator's path, or raise `MissingToolError`."""
    path = find_program(_SIMULATOR)
    if path is None:
        raise MissingToolError(
            f"AVR is simulated by {_SIMULATOR}, which is not installed; on Debian and Ubuntu: "
            "sudo apt install gcc-avr avr-libc simavr."
        )
    return path


def _run(trial: Trial) -> RunResult:
    trial.report("Compiling", 0.0)
    bench = _Bench(trial, Linker(trial.compiler, trial.toolchain, trial.flags, trial.folder))
    made = bench.linker.compile(trial.source(), "model", trial.cancel)
    run, predict = trial.reference.run, "predict"
    images = {f: bench.linker.image(made, trial.context.symbol(f), trial.cancel) for f in (run, predict)}
    records = bench.all_records(max(image.code_bytes + image.constant_bytes for image in images.values()))
    figures = (
        bench.figures(run, RUN, images[run], records),
        bench.figures(predict, PREDICT, images[predict], records),
    )
    return RunResult(bench.answers(records), f"{_SIMULATOR}, {bench.machine.model}", figures)


def _trace(trial: Trial, vector: int) -> Sequence[StageOutput]:
    bench = _Bench(trial, Linker(trial.compiler, trial.toolchain, trial.flags, trial.folder), traced=True)
    records = bench.batch(range(vector, vector + 1))
    return [(int.from_bytes(data[:2], "little"), data[2:]) for data in records.get("T", ())]


RUNNER = Runner(_check, _run, _trace)


@dataclass(frozen=True)
class _Bench:
    """Builds and simulates programs."""

    trial: Trial
    linker: Linker
    traced: bool = False

    @property
    def machine(self) -> Machine:
        """The chip."""
        assert self.trial.target.machine is not None
        return self.trial.target.machine

    def all_records(self, model_bytes: int) -> Records:
        """Return the records of all inputs; the model takes `model_bytes` of each program's flash."""
        count = len(self.trial.reference.outputs)
        free_bytes = self.machine.flash_bytes - model_bytes - RUNNER_BYTES
        together = max(1, free_bytes // self.trial.reference.vectors.images[0].nbytes)
        records: dict[str, list[bytes]] = {}
        for start in range(0, count, together):
            self.trial.report("Running", 0.1 + 0.9 * start / count)
            for letter, found in self.batch(range(start, min(start + together, count))).items():
                records.setdefault(letter, []).extend(found)
        return records

    def batch(self, vectors: range) -> Records:
        """Return the records of some inputs, from one program."""
        program = self._program(vectors)
        command = [simulator(), "-m", self.machine.model, "-f", str(CLOCK), str(program)]
        ended = run_program(command, self.trial.cancel)
        found = records_in(ended.stdout + ended.stderr)  # versions write to one or the other
        if not len(found.get("P", ())) == len(found.get("R", ())) == len(vectors):
            raise VerifyError(
                f"The simulated program answered {len(found.get('R', ()))} of {len(vectors)} inputs; the "
                "network may need more RAM than the chip has."
            )
        return found

    def answers(self, records: Records) -> Answers:
        """Return the answers in the records."""
        reference = self.trial.reference
        classes = reference.outputs.shape[1]
        pairs = np.frombuffer(b"".join(records["P"]), [("best", "<i2"), ("scores", "<f4", (classes,))])
        outputs = np.frombuffer(b"".join(records["R"]), reference.value).reshape(-1, classes)
        return Answers(pairs["best"].astype(np.int32), pairs["scores"], outputs)

    def figures(self, function: str, number: int, image: Image, records: Records) -> Figures:
        """Return the figures of a function."""
        counts = [c for c in cycles_of(records, number) if c is not None]
        stack = [size for which, _, size in map(STACK.unpack, records["S"]) if which == number]
        return Figures(
            function=function,
            code_bytes=image.code_bytes,
            constant_bytes=image.constant_bytes,
            static_bytes=image.static_bytes,
            stack_bytes=max(stack),
            unit=self.trial.target.unit,
            counted=len(counts),
            least=min(counts, default=0),
            mean=sum(counts) / max(1, len(counts)),
            most=max(counts, default=0),
            clock_hz=CLOCK,
        )

    def _program(self, vectors: range) -> Path:
        c, reference, folder = self.trial.context, self.trial.reference, self.trial.folder
        images = reference.vectors.images[vectors.start : vectors.stop]
        (folder / "inputs.bin").write_bytes(np.ascontiguousarray(images).tobytes())
        inputs = folder / "inputs.S"
        name = c.symbol("tried_inputs")
        inputs.write_text(_INPUTS.format(name=name, path=(folder / "inputs.bin").as_posix()), "utf-8")
        macros = {
            "TRIED": c.symbol(reference.run),
            "TRIED_VALUE": reference.c_value,
            "TRIED_FROM(byte)": f"({reference.c_from_byte})",
            "TRIED_COUNT": len(vectors),
            "TRIED_COUNTED": min(self.trial.counted, len(vectors)) if vectors.start == 0 else 0,
            **({"TRACED": 1} if self.traced else {}),
        }
        head = "".join(f"#define {c.macro(name)} {value}\n" for name, value in macros.items())
        runner = head + self.trial.source(self.traced) + c.renamed(support_text("avr_runner.c"))
        source, program = folder / "runner.c", folder / "runner.elf"
        source.write_text(runner, encoding="utf-8")
        toolchain = self.trial.toolchain
        flags = (*toolchain.flags, *self.trial.flags, "-Wno-unused-function")
        files = (str(source), str(inputs), *toolchain.libraries)
        self.trial.compiler.compile([*flags, *files, "-o", str(program)], self.trial.cancel)
        return program


def records_in(shown: str) -> Records:
    """Return the records in what the simulator has shown."""
    text = _COLOURS.sub(b"", shown.encode("ascii", "ignore")).replace(b"\n", b"").replace(b".", b"")
    found: dict[str, list[bytes]] = {}
    for letter, digits in _RECORD.findall(text):
        found.setdefault(letter.decode(), []).append(bytes.fromhex(digits.decode()))
    return found


def cycles_of(records: Records, number: int) -> Iterator[int | None]:
    """Yield the cycles of each timed call; None where even the slowest timer has overflowed."""
    for which, overflowed, fast, middle, slow in map(_CYCLES.unpack, records.get("C", ())):
        if which == number:
            near = _nearest(64 * middle, 1 << 14, 1024 * slow)
            yield None if overflowed else _nearest(fast, 1 << 8, near)


def _nearest(value: int, period: int, to: int) -> int:
    """Return the number nearest to `to` that differs from `value` by a multiple of `period`."""
    return value + period * round((to - value) / period)
