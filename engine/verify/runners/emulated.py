"""Run exported code on an emulated core: all inputs are checked, some are counted stage by stage.

The function of the bare network and ``predict`` are linked and measured separately, each with only the code
that it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.boards.programs import check_cancelled
from engine.errors import VerifyError
from engine.verify.certificate import Figures, LayerCount
from engine.verify.emulator import Emulator, Limits, version
from engine.verify.extra import require
from engine.verify.firmware import Image, Linker
from engine.verify.reference import Answers
from engine.verify.runners.trial import Runner, RunResult, StageOutput, Trial

__all__ = ["RUNNER", "counted_vectors"]

ENOUGH_COUNTED = 200_000_000  # instructions; counting more inputs would take long and tell little
REST = "calls between the layers"

_TRACER = """
static void __attribute__((noinline, used)) {name}_trace(int stage, const void *output, unsigned long size)
{{
    __asm__ volatile("" : : "r"(stage), "r"(output), "r"(size) : "memory");
}}
"""


def _check() -> None:
    require("unicorn")
    require("elftools")


def _run(trial: Trial) -> RunResult:
    trial.report("Compiling", 0.0)
    linker = Linker(trial.compiler, trial.toolchain, trial.flags, trial.folder)
    compiled = linker.compile(trial.source(), "model", trial.cancel)
    bench = _Bench(trial, linker, compiled)
    outputs, network = bench.network()
    best, scores, predict = bench.predict()
    return RunResult(Answers(best, scores, outputs), version(), (network, predict))


def _trace(trial: Trial, vector: int) -> Sequence[StageOutput]:
    linker = Linker(trial.compiler, trial.toolchain, trial.flags, trial.folder)
    tracer = _TRACER.format(name=trial.context.name)
    compiled = linker.compile(trial.source(traced=True) + tracer, "traced", trial.cancel)
    records = []
    for function in (trial.reference.run, "predict"):
        image = linker.image(compiled, trial.context.symbol(function), trial.cancel)
        records += _LoadedFunction(trial, image, function).traced(vector)
    return records


RUNNER = Runner(_check, _run, _trace)


def counted_vectors(vectors: int, most: int) -> list[int]:
    """Return the inputs to count, spread evenly: at most `most` of `vectors`."""
    return sorted({int(i) for i in np.linspace(0, vectors - 1, min(vectors, most))})


class _LoadedFunction:
    """One function of the model, loaded into an emulator, with memory for its input and output."""

    def __init__(self, trial: Trial, image: Image, function: str) -> None:
        assert trial.target.machine is not None
        self._trial = trial
        self._name = trial.context.symbol(function)
        limits = Limits(trial.limit, cancel=trial.cancel)
        self.emulator = Emulator(image, trial.target.machine, limits)
        reference = trial.reference
        classes = reference.outputs.shape[1]
        calls = {
            reference.run: (reference.inputs, reference.value),
            "predict": (reference.vectors.images, np.dtype("<f4")),
        }
        given, self._made = calls[function]
        self._given: NDArray[Any] = given.reshape(len(given), -1)
        self._classes = classes
        self._input = self.emulator.buffer(self._given[0].nbytes)
        self._output = self.emulator.buffer(classes * self._made.itemsize)
        self._owner = _owner(trial)

    def run(self, vector: int) -> tuple[int, NDArray[Any]]:
        """Return the function's result and the output that it writes for an input."""
        self._write(vector)
        best = self.emulator.call(self._name, (self._input, self._output))
        return best, self._written()

    def count(self, vector: int, with_output: bool) -> tuple[int, NDArray[Any], Mapping[int, int]]:
        """Do the same and return the instructions of each stage; without output, pass a null pointer."""
        self._write(vector)
        arguments = (self._input, self._output if with_output else 0)
        best, counts = self.emulator.counted(self._name, arguments, self._owner)
        return best, self._written(), counts

    def traced(self, vector: int) -> list[StageOutput]:
        """Return the output of each stage."""
        self._write(vector)
        records: list[StageOutput] = []

        def seen(arguments: tuple[int, ...]) -> None:
            stage, output, size = arguments[:3]
            records.append((stage, self.emulator.read(output, size)))

        trace = self._trial.context.symbol("trace")
        self.emulator.watched(self._name, (self._input, self._output), trace, seen)
        return records

    def _write(self, vector: int) -> None:
        self.emulator.write(self._input, self._given[vector].tobytes())
        self.emulator.write(self._output, b"\xa5" * (self._classes * self._made.itemsize))

    def _written(self) -> NDArray[Any]:
        data = self.emulator.read(self._output, self._classes * self._made.itemsize)
        return np.frombuffer(data, self._made)


def _owner(trial: Trial) -> Any:
    """Return the `Owner` of the image's functions: stages by their number, 0 for what calls them."""
    prefix = trial.context.name
    stage = re.compile(rf"{prefix}_stage_(\d+)(_int8|_bytes)?(\..*)?")
    between = re.compile(
        rf"{prefix}_(network|network_of_bytes|other_stages|predict|run_float|run_int8)(\..*)?"
    )

    def owner(name: str) -> int | None:
        found = stage.fullmatch(name)
        if found:
            return int(found[1])
        return 0 if between.fullmatch(name) else None

    return owner


@dataclass(frozen=True)
class _Bench:
    """Runs both functions over all inputs."""

    trial: Trial
    linker: Linker
    compiled: Path

    def network(self) -> tuple[NDArray[Any], Figures]:
        """Return the outputs of the bare network and its figures."""
        function = self.trial.reference.run
        image, loaded = self._load(function, 0.2)
        outputs: dict[int, NDArray[Any]] = {}
        counts: list[Mapping[int, int]] = []
        for vector in self._to_count(counts):
            _, outputs[vector], counted = loaded.count(vector, with_output=True)
            counts.append(counted)
        for vector in self._all(function, 0.3, 0.3):
            if vector not in outputs:
                outputs[vector] = loaded.run(vector)[1]
        ordered = np.stack([outputs[i] for i in sorted(outputs)])
        return ordered, self._figures(function, image, loaded, counts)

    def predict(self) -> tuple[NDArray[np.int32], NDArray[np.float32], Figures]:
        """Return the classes, scores and figures of ``predict``; calls without scores are counted."""
        image, loaded = self._load("predict", 0.6)
        counts: list[Mapping[int, int]] = []
        silent = {}
        for vector in self._to_count(counts):
            silent[vector], _, counted = loaded.count(vector, with_output=False)
            counts.append(counted)
        found = [loaded.run(vector) for vector in self._all("predict", 0.7, 0.3)]
        best = np.array([best for best, _ in found], np.int32)
        for vector, alone in silent.items():
            if alone != best[vector]:
                raise VerifyError(f"Without scores predict() gives class {alone} for input {vector + 1}.")
        scores = np.stack([scores for _, scores in found])
        return best, scores, self._figures("predict", image, loaded, counts)

    def _load(self, function: str, share: float) -> tuple[Image, _LoadedFunction]:
        self.trial.report(f"Linking {function}", share)
        image = self.linker.image(self.compiled, self.trial.context.symbol(function), self.trial.cancel)
        loaded = _LoadedFunction(self.trial, image, function)
        loaded.emulator.paint_stack()
        return image, loaded

    def _to_count(self, counts: Sequence[Mapping[int, int]]) -> Iterator[int]:
        """Yield inputs until enough instructions are counted."""
        for vector in counted_vectors(len(self.trial.reference.outputs), self.trial.counted):
            if sum(sum(c.values()) for c in counts) > ENOUGH_COUNTED:
                return
            yield vector

    def _all(self, function: str, start: float, share: float) -> Iterator[int]:
        count = len(self.trial.reference.outputs)
        for vector in range(count):
            check_cancelled(self.trial.cancel)
            if vector % 16 == 0:
                self.trial.report(f"Running {function}", start + share * vector / count)
            yield vector

    def _figures(
        self, function: str, image: Image, loaded: _LoadedFunction, counts: Sequence[Mapping[int, int]]
    ) -> Figures:
        totals = [sum(c.values()) for c in counts]
        return Figures(
            function=function,
            code_bytes=image.code_bytes,
            constant_bytes=image.constant_bytes,
            static_bytes=image.static_bytes,
            stack_bytes=loaded.emulator.stack_used(),
            unit=self.trial.target.unit,
            counted=len(counts),
            least=min(totals),
            mean=sum(totals) / len(totals),
            most=max(totals),
            layers=tuple(self._layers(counts)),
        )

    def _layers(self, counts: Sequence[Mapping[int, int]]) -> Iterator[LayerCount]:
        """Yield the count of each stage; nothing if the code has no functions of single stages."""
        if not any(stage and count for found in counts for stage, count in found.items()):
            return
        reference = self.trial.reference
        for number, (stage, title) in enumerate(zip(reference.stages, reference.titles(), strict=True), 1):
            yield LayerCount(title, stage.layers, _mean(counts, number))
        yield LayerCount(REST, (), _mean(counts, 0))


def _mean(counts: Sequence[Mapping[int, int]], owner: int) -> float:
    return sum(c.get(owner, 0) for c in counts) / len(counts)
