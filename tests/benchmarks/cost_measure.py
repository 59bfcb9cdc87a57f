"""What exported networks take, stage by stage: instructions and code, kept in a folder between runs.

One function of a network, the bare one, is compiled, linked and run once. A stage is a function of its own,
so both what it executes and its code are known; the rest is what lies around the stages, and what they call.
Emulated cores tell which function executes a block; on AVR a program calls the stages one by one and reads
the timers.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.boards.compilers import Compiler, find_cross_compiler
from engine.boards.programs import run_program
from engine.boards.targets import TARGETS, Target, Toolchain
from engine.errors import TinyMLError
from engine.export import ExportOptions, export_model, make_vectors
from engine.export.context import Context
from engine.export.facts import Facts
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.network import untrained_quantization
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Image, Linker, support_text
from engine.verify.reference import Reference, reference_for
from engine.verify.runners import avr
from engine.verify.session import STRICT
from tests.engine.export.programs import facts_of

__all__ = ["GCC", "Measured", "Network", "Store", "facts", "measured", "model_of"]

GCC = "arm-none-eabi-gcc"
NAME = "net"
LIMIT = 2_000_000_000
_STAGE = re.compile(rf"{NAME}_stage_(\d+)(_int8|_bytes)?(\..*)?")
_AROUND = re.compile(rf"{NAME}_(network|network_of_bytes|other_stages|run_float|run_int8)(\..*)?")


@dataclass(frozen=True)
class Network:
    """A network as it is exported: in a format and a variant."""

    spec: ModelSpec
    format: str
    variant: str

    @property
    def options(self) -> ExportOptions:
        return ExportOptions(name=NAME, test_vectors=0, variant=self.variant)

    @cached_property
    def key(self) -> str:
        return json.dumps([self.spec.to_json(), self.format, self.variant], sort_keys=True)


@dataclass(frozen=True)
class Measured:
    """What a network takes on a target.

    Attributes
    ----------
    steps, code : tuple of float
        Instructions (cycles on AVR) and bytes of code of each stage.
    total : float
        Instructions of the whole inference.
    code_bytes, constant_bytes, stack : int
        Of the whole image.
    """

    steps: tuple[float, ...]
    code: tuple[float, ...]
    total: float
    code_bytes: int
    constant_bytes: int
    stack: int


def model_of(spec: ModelSpec, seed: int = 0) -> Model:
    """Return an untrained model, ready for both formats."""
    classes = tuple(str(i) for i in range(spec.classes))
    model = Model.new(spec, classes, np.random.default_rng(seed))
    return model.replace(quantization=untrained_quantization(spec))


def facts(network: Network) -> Facts:
    """Return what is known of `network` before it is compiled."""
    return facts_of(model_of(network.spec), network.format, network.options)


@dataclass(frozen=True)
class Store:
    """Keeps what was measured in a file of a folder, one line a network; measures what is not there yet."""

    folder: Path
    target: str

    @cached_property
    def _kept(self) -> dict[str, Measured | None]:
        if not self._path.exists():
            return {}
        lines = map(json.loads, self._path.read_text("utf-8").splitlines())
        return {key: _from_json(value) for key, value in lines}

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.target}.jsonl"

    def measured(self, network: Network, only_kept: bool = False) -> Measured | None:
        """Return what `network` takes; None where it cannot run there."""
        if network.key not in self._kept and not only_kept:
            found = measured(network, self.target)
            self._kept[network.key] = found
            with self._path.open("a", encoding="utf-8") as file:
                plain = None if found is None else dataclasses.asdict(found)
                file.write(json.dumps([network.key, plain]) + "\n")
        return self._kept.get(network.key)


def _from_json(value: Mapping[str, Any] | None) -> Measured | None:
    return (
        None
        if value is None
        else Measured(**{**value, "steps": tuple(value["steps"]), "code": tuple(value["code"])})
    )


def measured(network: Network, target: str) -> Measured | None:
    """Compile, run once and count; None where the network cannot run on that target."""
    try:
        bench = _Bench.of(network, TARGETS[target])
        with tempfile.TemporaryDirectory(prefix="tinyml-cost-") as folder:
            return bench.measured(Path(folder))
    except TinyMLError as error:
        print(f"  left out: {error}", flush=True)
        return None


@dataclass(frozen=True)
class _Bench:
    network: Network
    target: Target
    toolchain: Toolchain
    compiler: Compiler
    reference: Reference
    header: str

    @classmethod
    def of(cls, network: Network, target: Target) -> _Bench:
        model = model_of(network.spec)
        header = export_model(model, network.format, network.options)[f"{NAME}.h"]
        has_gcc = any(t.name == GCC for t in target.toolchains) and shutil.which(GCC)
        names = [GCC] if has_gcc else [t.name for t in target.toolchains]
        name, compiler = find_cross_compiler(names)
        reference = reference_for(network.format, model, make_vectors(model, 1))
        return cls(network, target, target.toolchain(name), compiler, reference, header)

    @property
    def source(self) -> str:
        return f'#define {NAME.upper()}_IMPLEMENTATION\n#include "{NAME}.h"\n'

    @property
    def entry(self) -> str:
        return f"{NAME}_{self.reference.run}"

    @property
    def stages(self) -> int:
        return len(self.reference.stages)

    def measured(self, folder: Path) -> Measured:
        (folder / f"{NAME}.h").write_text(self.header, "utf-8")
        linker = Linker(self.compiler, self.toolchain, (*STRICT, "-O2"), folder)
        image = linker.image(linker.compile(self.source, "model", None), self.entry, None)
        counts, stack = self._timed(folder) if self.target.runner == "simavr" else self._counted(image)
        sizes = dict.fromkeys(range(1, self.stages + 1), 0)
        for function in image.functions:
            found = _STAGE.fullmatch(function.name)
            if found:
                sizes[int(found[1])] += function.size
        steps = tuple(float(counts.get(n, 0)) for n in sizes)
        code = tuple(float(n) for n in sizes.values())
        return Measured(steps, code, float(counts[-1]), image.code_bytes, image.constant_bytes, stack)

    def _counted(self, image: Image) -> tuple[Mapping[int, int], int]:
        assert self.target.machine is not None
        core = Emulator(image, self.target.machine, Limits(LIMIT))
        given = self.reference.inputs[0]
        places = core.buffer(given.nbytes), core.buffer(self.reference.outputs[0].nbytes)
        core.write(places[0], given.tobytes())
        core.paint_stack()
        _, counts = core.counted(self.entry, places, _owner)
        assert core.read(places[1], self.reference.outputs[0].nbytes)
        return {**counts, -1: sum(counts.values())}, core.stack_used()

    def _timed(self, folder: Path) -> tuple[Mapping[int, int], int]:
        program = folder / "timed.elf"
        (folder / "timed.c").write_text(self._timed_source(), "utf-8")
        flags = (*self.toolchain.flags, *STRICT, "-O2", "-Wno-unused-function", "-ffunction-sections")
        files = (str(folder / "timed.c"), *self.toolchain.libraries, "-Wl,--gc-sections")
        self.compiler.compile([*flags, *files, "-o", str(program)], None)
        assert self.target.machine is not None
        command = [avr.simulator(), "-m", self.target.machine.model, "-f", str(avr.CLOCK), str(program)]
        ended = run_program(command, None)
        records = avr.records_in(ended.stdout + ended.stderr)
        (stack,) = (size for which, _, size in map(avr.STACK.unpack, records["S"]))
        found = {n: next(avr.cycles_of(records, n)) for n in range(self.stages + 1)}
        if None in found.values():
            raise TinyMLError("it takes more cycles than the timers can count.")
        return {**found, -1: found[0]}, stack  # type: ignore[dict-item]

    def _timed_source(self) -> str:
        c, reference = Context(NAME), self.reference
        macros = {
            "TRIED(x, y)": f"{self.entry}(x, y)",
            "TRIED_VALUE": reference.c_value,
            "TRIED_FROM(byte)": f"({reference.c_from_byte})",
            "TRIED_COUNT": 1,
            "TRIED_COUNTED": 1,
        }
        head = "".join(f"#define {c.macro(name)} {value}\n" for name, value in macros.items())
        runner = c.renamed(support_text("avr_runner.c")).replace("int main(void)", "int unused_main(void)")
        return head + self.source + "int unused_main(void);\n" + runner + self._timed_main()

    def _timed_main(self) -> str:
        integer = self.network.format == "c-int8"
        calls = []
        for number in range(1, self.stages + 1):
            asked = [f"(const void *){NAME}_tried_given.numbers"] * (number == 1)
            asked += [f"{NAME}_tried_outputs"] * (number == self.stages and not integer)
            name = f"{NAME}_stage_{number}" + "_int8" * (number == 1 and integer)
            calls.append((number, f"{name}({', '.join(asked)});"))
        calls.append(
            (
                0,
                f"{NAME}_TRIED({NAME}_tried_given.numbers, {NAME}_tried_outputs);".replace(
                    "net_TRIED", "NET_TRIED"
                ),
            )
        )
        lines = "".join(
            f"    {NAME}_tried_start();\n    {call}\n    {NAME}_tried_stop({number});\n"
            for number, call in calls
        )
        return (
            "int main(void)\n{\n    int16_t i;\n    UCSR0B = 1 << TXEN0;\n"
            f"    for (i = 0; i < {NAME.upper()}_INPUT_SIZE; i++) {{\n"
            f"        uint8_t byte = (uint8_t)(i * 77 + (i >> 3) * 29);\n"
            f"        {NAME}_tried_given.numbers[i] = {NAME.upper()}_TRIED_FROM(byte);\n    }}\n"
            f"    {NAME}_tried_paint();\n{lines}    {NAME}_tried_tell_stack(0);\n"
            "    cli();\n    sleep_enable();\n    sleep_cpu();\n    return 0;\n}\n"
        )


def _owner(name: str) -> int | None:
    found = _STAGE.fullmatch(name)
    if found:
        return int(found[1])
    return 0 if _AROUND.fullmatch(name) else None
