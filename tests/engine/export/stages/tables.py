"""Networks as tables of numbers, and the C around kernels that runs such tables.

All kernels are compiled once, with sizes that are not constant, and then run any number of networks:
compiling is what costs time. ``table.h`` reads the tables, and ``main.h`` goes through them. ``run.c`` runs
whole networks in their arenas; ``trace.c`` watches every byte that is read and written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from engine.export import ExportOptions, kernel_files
from engine.export.arena_plan import Arena, plan_arena
from engine.export.float_stages import stage_codes
from engine.export.writers.c_header import shape_sizes
from engine.export.writers.training_header import int8_header
from engine.nn.activations import ACTIVATIONS
from engine.nn.call_chain import Network, Stage, build_network
from engine.nn.model import Model
from engine.quantize.network import integer_network
from engine.shapes import size
from engine.stage_code import FLOAT_BYTES, StageCode, Variant

FOLDER = Path(__file__).parent
NOWHERE = -1
VARIANTS = {"fast": Variant(), "compact": Variant(compact=True), "small": Variant(fast=False)}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a kernel: its type in C and its name."""

    type: str
    name: str

    @property
    def is_array(self) -> bool:
        return self.type.endswith("*")


@cache
def signature(kernel: str) -> Sequence[Parameter]:
    """Return the parameters of a kernel, or of none if the file has no function of its name."""
    found = re.search(rf"TM_KERNEL void tm_{kernel}\(([^)]*)\)", kernel_files.body(f"{kernel}.c"))
    parts = found[1].split(",") if found else []
    split = (re.fullmatch(r"\s*(.*?)(\w+)\s*", part) for part in parts)
    return [Parameter(part[1].strip(), part[2]) for part in split if part is not None]


def _is_stage(kernel: str) -> bool:
    """Whether a file under ``kernels`` is the kernel of a stage: from x to y."""
    return [p.name for p in signature(kernel)][:2] == ["x", "y"] and not kernel.startswith("train_")


@dataclass(frozen=True, eq=False)
class Numbers:
    """The kernels for one kind of numbers, and how they are compiled together.

    Attributes
    ----------
    bytes : int
        Of one number.
    base : tuple of str
        The headers that the kernels need.
    kernels, functions : list of str
        All kernels, and the functions that can be passed to them.
    """

    bytes: int
    base: tuple[str, ...]
    kernels: list[str]
    functions: list[str]

    def source(self) -> str:
        """Return the kernels, and the table of their wrappers."""
        kind, functions = ("tm_function", self.functions) if self.functions else ("int", [])
        return (
            '#include "table.h"\n#define TM_PIXEL_SCALE 0.00392156886f\n'
            + kernel_files.collect([*self.kernels, *functions], self.base)
            + f"static const {kind} functions[] = {{{', '.join(f'tm_{f}' for f in functions) or 0}}};\n"
            "const void *const functions_start = functions;\n"
            "const unsigned long functions_bytes = sizeof functions;\n"
            + "".join(map(_wrapper, self.kernels))
            + f"const kernel kernels[] = {{{', '.join(f'run_{name}' for name in self.kernels)}}};\n"
        )


_STAGES = [
    k for k in sorted(p.stem for p in Path(kernel_files.__file__).parent.glob("kernels/*.c")) if _is_stage(k)
]
INT8 = Numbers(1, ("tm.h", "tm_s8.h"), [k for k in _STAGES if k.endswith("_s8")], [])
FLOATS = Numbers(
    FLOAT_BYTES,
    ("tm.h", "tm_function.h", "tm_float.h"),
    [k for k in _STAGES if not k.endswith("_s8")],
    sorted(name for name, function in ACTIVATIONS.items() if function.pointwise),
)


@dataclass(frozen=True, eq=False)
class Planned:
    """A network with the C of its stages and its place in memory.

    Attributes
    ----------
    numbers : Numbers
    network : Network
    codes : sequence of StageCode
    arena : Arena
    flip : int
        128 if the input is int8 and not bytes.
    of_bytes : bool
        Whether the first kernel, a float one, reads an image of bytes.
    """

    numbers: Numbers
    network: Network[Any]
    codes: Sequence[StageCode]
    arena: Arena
    flip: int = 0
    of_bytes: bool = False

    @property
    def in_bytes(self) -> int:
        return self.network.sizes[0] * (1 if self.of_bytes else self.numbers.bytes)

    @property
    def out_bytes(self) -> int:
        return self.network.sizes[-1] * self.numbers.bytes

    def stages(self) -> Iterator[tuple[Stage[Any], StageCode, int]]:
        """Yield each stage with its code and the place of its scratch memory."""
        return zip(self.network.stages, self.codes, self.arena.scratch, strict=True)


def planned_int8(model: Model) -> list[Planned]:
    """Return `model` as ``c-int8`` plans it, in every variant."""
    network = integer_network(model)
    found = []
    for variant in VARIANTS.values():
        codes = [stage.call.code(variant) for stage in network.stages]
        found.append(Planned(INT8, network, codes, plan_arena(network, 1, codes, with_input=False)))
    return found


def planned_floats(model: Model) -> list[Planned]:
    """Return `model` as ``c-float32`` plans it, in fast and in small code."""
    network = build_network(model)
    found = []
    for fast in (True, False):
        codes = stage_codes([stage.call for stage in network.stages], fast)
        of_bytes = "bytes" in kernel_files.parameters(codes[0].kernel)
        arena = plan_arena(network, FLOAT_BYTES, codes, with_input=not of_bytes)
        found.append(Planned(FLOATS, network, codes, arena, of_bytes=of_bytes))
    return found


def planned_learning(model: Model) -> Planned:
    """Return the int8 stages of `model` as they are planned together with a last layer that learns."""
    header = int8_header(model, ExportOptions("net", training=True, train_layers=1))
    assert header.body is not None
    network, codes = header.body.network, header.body.codes
    buffers = (header.image, *header.arena.buffers[1 : len(network.sizes)])
    return Planned(
        INT8, network, codes, Arena(buffers, header.arena.scratch[: len(codes)], header.arena.size)
    )


def alone(call: Any, code: StageCode, numbers: Numbers, given: bool) -> Planned:
    """Return a network of one stage, whose input, output and scratch memory are apart in the arena.

    `given` says that the input is the caller's; otherwise it is in the arena.
    """
    sizes = (size(call.in_shape), size(call.out_shape))
    target = 0 if given else _whole(sizes[0] * numbers.bytes)
    scratch = target + _whole(sizes[1] * numbers.bytes)
    places = Arena((NOWHERE if given else 0, target), (scratch,), scratch + _whole(code.scratch))
    return Planned(numbers, Network((Stage((), call, 0, 1),), sizes), [code], places, 128 * given)


def _whole(count: int) -> int:
    return -(-count // 4) * 4


def table(networks: Sequence[Planned], images: Iterable[np.ndarray] = ()) -> bytes:
    """Return the table of `networks`; `images` has for each network its inputs, uint8 (n, …)."""
    given = list(images) or [np.empty((0, 1), np.uint8)] * len(networks)
    parts = [_numbers(len(networks))]
    for one, inputs in zip(networks, given, strict=True):
        parts += _Rows(one).network(inputs)
    return b"".join(parts)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The part of a table for one network."""

    one: Planned

    @cached_property
    def _places(self) -> tuple[int, ...]:
        return self.one.arena.buffers

    def network(self, inputs: np.ndarray) -> Iterator[bytes]:
        network, arena = self.one.network, self.one.arena
        yield _numbers(len(network.stages), len(network.sizes), arena.size)
        yield _numbers(self._places[0], self.one.in_bytes, self._places[-1], self.one.out_bytes, len(inputs))
        for number, (stage, code, scratch) in enumerate(self.one.stages()):
            yield _numbers(self.one.numbers.kernels.index(code.kernel), stage.source, stage.target)
            yield _numbers(self._places[stage.source], self._places[stage.target], scratch)
            yield _numbers(self._bytes(stage.source), self._bytes(stage.target), code.scratch)
            yield from self._arguments(stage, code, is_first=number == 0)
        for image in inputs:
            yield _padded(image.tobytes())

    def _bytes(self, buffer: int) -> int:
        return self.one.network.sizes[buffer] * self.one.numbers.bytes if buffer else self.one.in_bytes

    def _arguments(self, stage: Stage[Any], code: StageCode, is_first: bool) -> Iterator[bytes]:
        values = {
            "in_flip": self.one.flip * is_first,
            "bytes": int(self.one.of_bytes and is_first),
            "in_given": int(self._places[stage.source] == NOWHERE),
            **shape_sizes(stage.call),
            **code.sizes,
            **{name: self.one.numbers.functions.index(f) for name, f in code.functions.items()},
        }
        asked = [p for p in signature(code.kernel)[2:] if p.name != "scratch"]
        sizes = [values[p.name] for p in asked if not p.is_array]
        arrays = [p.name for p in asked if p.is_array]
        yield _numbers(len(sizes), *sizes, len(arrays))
        for name in arrays:
            data = code.arrays[name].tobytes() if name in code.arrays else b""
            assert data or name == "table"
            yield _numbers(len(data)) + _padded(data)


def _wrapper(kernel: str) -> str:
    """Return the function that calls a kernel with sizes and arrays from a table."""
    arguments, sizes, arrays = ["x", "y"], 0, 0
    for parameter in signature(kernel)[2:]:
        if parameter.name == "scratch":
            arguments.append(f"({parameter.type})scratch")
        elif parameter.is_array:
            arguments.append(f"({parameter.type})arrays[{arrays}]")
            arrays += 1
        else:
            value = f"sizes[{sizes}]"
            arguments.append(f"functions[{value}]" if parameter.type == "tm_function" else value)
            sizes += 1
    unused = "    (void)scratch;\n    (void)sizes;\n    (void)arrays;\n"
    return (
        f"static void run_{kernel}(const void *x, void *y, void *scratch, const int32_t *sizes, "
        f"const void *const *arrays)\n{{\n{unused}    tm_{kernel}({', '.join(arguments)});\n}}\n"
    )


def _numbers(*values: int) -> bytes:
    return np.array(values, np.int32).tobytes()


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
