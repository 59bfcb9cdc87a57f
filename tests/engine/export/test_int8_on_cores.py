"""Whole int8 networks give the engine's bits on emulated cores too, where other instructions are used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.boards.compilers import find_cross_compiler
from engine.boards.targets import TARGETS
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.specs import ModelSpec
from engine.shapes import size
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Linker
from tests.engine.export.int8_programs import Case, cases_of, headers_of
from tests.engine.export.programs import C99, STRICT
from tests.engine.export.test_c_float32 import chain
from tests.engine.verify.emulation import need

IMAGES = 3
DEPTHWISE = [
    ModelSpec((DepthwiseConv2D(kernel, stride, padding, activation), Flatten()), (9, 7, channels))
    for channels in (1, 4, 6, 9)
    for kernel, stride, padding, activation in (
        (3, 1, "same", "relu"),
        (3, 2, "same", "tanh"),
        (5, 1, "valid", "relu6"),
        (1, 1, "same", "linear"),
    )
]
POOLS = [
    ModelSpec((MaxPool2D(2), AvgPool2D(2), GlobalAvgPool2D()), (9, 12, 7)),
    ModelSpec((AvgPool2D(3), MaxPool2D(3), Flatten()), (9, 9, 4)),
    ModelSpec(
        (GlobalAvgPool2D(), BatchNorm(), Activation("softmax")), (17, 16, 5)
    ),  # more than 257 bytes a sum
    ModelSpec((Conv2D(6, 3, activation="tanh"), MaxPool2D(2), Flatten(), Dense(4, "sigmoid")), (8, 8, 3)),
    ModelSpec(
        (Conv2D(8, 3), DepthwiseConv2D(3), Conv2D(12, 1), MaxPool2D(2), GlobalAvgPool2D()), (10, 10, 1)
    ),
]

BENCH = """
void bench(const uint8_t *image, int8_t *output);
void bench(const uint8_t *image, int8_t *output)
{{
{calls}}}
"""
CALL = """    output[{classes}] = (int8_t){name}_predict(image, 0);
    {name}_run_int8((const int8_t *)(image + {inputs}), output);
    image += 2 * {inputs};
    output += {classes} + 1;
"""


@cache
def cases() -> tuple[Case, ...]:
    rng = np.random.default_rng(7)
    return tuple(cases_of([*DEPTHWISE, *POOLS, *(chain(rng) for _ in range(12))], IMAGES))


def chosen(turn: int) -> tuple[Case, ...]:
    """Return a half of the networks, by turn 1 or 2: compiling is what costs time."""
    return cases()[turn - 1 :: 2]


@cache
def source(variant: str, turn: int, flags: Sequence[str]) -> str:
    """Return the networks in one C file, with a function that runs each of them on an image."""
    calls = "".join(
        CALL.format(name=f"m{i}", classes=case.model.spec.classes, inputs=size(case.model.spec.input_shape))
        for i, case in enumerate(chosen(turn))
    )
    models = [case.model for case in chosen(turn)]
    return headers_of(models, flags, variant=variant) + BENCH.format(calls=calls)


def images(number: int, turn: int) -> bytes:
    """Return image `number` of every network, as bytes and then as int8."""
    found = [case.images[number] for case in chosen(turn)]
    return b"".join(image.tobytes() + (image ^ 128).tobytes() for image in found)


def expected(number: int, turn: int) -> list[bytes]:
    outputs = [case.outputs[number] for case in chosen(turn)]
    return [output.tobytes() + output.argmax().astype(np.int8).tobytes() for output in outputs]


@pytest.mark.parametrize(
    ("target", "name", "flags", "variant", "turn"),
    [
        ("cortex-m4", "arm-none-eabi-gcc", ("-O2",), "fast", 1),
        ("cortex-m4", "arm-none-eabi-gcc", ("-Os",), "compact", 2),
        ("cortex-m4", "arm-none-eabi-gcc", ("-O0",), "fast", 2),
        ("cortex-m33", "zig", ("-O2",), "fast", 1),
        ("cortex-m0plus", "arm-none-eabi-gcc", ("-O2",), "fast", 2),
        ("rv32imc", "zig", ("-O2",), "small", 1),
    ],
)
def test_networks_give_the_engines_bits(
    target: str, name: str, flags: Sequence[str], variant: str, turn: int, tmp_path: Path
) -> None:
    need(target, name)
    found = TARGETS[target]
    assert found.machine is not None
    compiler_name, cross = find_cross_compiler([name])
    linker = Linker(cross, found.toolchain(compiler_name), (*C99, *STRICT, *flags), tmp_path)
    image = linker.image(linker.compile(source(variant, turn, flags), "all", None), "bench", None)
    core = Emulator(image, found.machine, Limits(1 << 40))
    given, made = core.buffer(len(images(0, turn))), core.buffer(sum(map(len, expected(0, turn))))
    for number in range(IMAGES):
        core.write(given, images(number, turn))
        core.call("bench", (given, made))
        check(core.read(made, sum(map(len, expected(0, turn)))), number, turn)


def check(answers: bytes, number: int, turn: int) -> None:
    faults = []
    for case, wanted in zip(chosen(turn), expected(number, turn), strict=True):
        answer, answers = answers[: len(wanted)], answers[len(wanted) :]
        if answer != wanted:
            faults.append(f"{case.model.spec}\n  gave {list(answer)}\n  not {list(wanted)}")
    assert not faults, f"{len(faults)} networks differ on image {number}:\n" + "\n".join(faults[:3])
