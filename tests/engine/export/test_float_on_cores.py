"""Float kernels give on every core, in assembly language or not, the bits of plain C on this computer."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.boards.compilers import find_compiler, find_cross_compiler
from engine.boards.targets import TARGETS
from engine.errors import SpecError
from engine.export.vectors import agree
from engine.nn.layers import Activation, AvgPool2D, Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.specs import LayerSpec, ModelSpec
from engine.shapes import Shape, size
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Linker
from tests.engine.export.programs import C99, CAMPAIGN, CPP, STRICT, compiler, float_headers, random_model
from tests.engine.verify.emulation import need

FLAGS = (*C99, *STRICT, "-O2")

BENCH = """
static float scaled[{most}];
void bench(const uint8_t *image, float *output);
void bench(const uint8_t *image, float *output)
{{
    int i;
    (void)i;
{calls}}}
"""

CALL = """    for (i = 0; i < {inputs}; i++) {{
        scaled[i] = (float)image[i] * M0_PIXEL_SCALE;
    }}
    {name}_run_float(scaled, output);
    {name}_predict(image, output + {classes});
    image += {inputs};
    output += 2 * {classes};
"""


def convolutions() -> list[tuple[Shape, tuple[LayerSpec, ...]]]:
    """Return convolutions whose rows of taps make blocks of each size, with tails, for each way to pool."""
    rng = np.random.default_rng(4)
    found: list[tuple[Shape, tuple[LayerSpec, ...]]] = []
    while len(found) < 16:
        kernel, channels = int(rng.integers(1, 8)), int(rng.integers(1, 9))
        shape = (int(rng.integers(1, 12)), int(rng.integers(1, 12)), channels)
        padding, activation = str(rng.choice(["same", "valid"])), str(rng.choice(["relu", "linear", "tanh"]))
        filters, stride, pool = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
        convolution = Conv2D(filters, kernel, stride, padding, activation)
        layers = (convolution, MaxPool2D(pool)) if pool > 1 else (convolution,)
        if _fits(shape, layers):
            found.append((shape, layers))
    return found


def _fits(shape: Shape, layers: Sequence[LayerSpec]) -> bool:
    try:
        ModelSpec((*layers, Flatten()), shape).rows()
    except SpecError:
        return False
    return True


GRAY = [
    ((9, 8, 1), (Conv2D(3, kernel, 1, padding, "relu"), MaxPool2D(pool)))
    for kernel, padding, pool in (
        (5, "same", 2),
        (3, "valid", 2),
        (2, "same", 4),
        (4, "same", 3),
        (5, "same", 1),
    )
]
DEPTHWISE = [
    ((8, 7, channels), (DepthwiseConv2D(kernel, stride, padding, "relu"), Conv2D(3, 1)))
    for kernel, stride, padding in (
        (3, 1, "same"),
        (3, 2, "same"),
        (5, 1, "valid"),
        (4, 1, "same"),
    )
    for channels in (1, 6)
]
DENSE = [
    ((1, width, 1), (Flatten(), Dense(hidden, activation), Dense(outputs)))
    for width, hidden, outputs, activation in (
        (784, 32, 10, "relu"),
        (65, 19, 3, "sigmoid"),
        (1, 1, 1, "relu"),
        (2, 4, 2, "tanh"),
        (130, 8, 5, "relu"),
    )
]
AFTER_CONVOLUTION = [
    ((6, 6, 2), (Conv2D(5, 3, activation="linear"), AvgPool2D(2), Flatten(), Dense(units, "relu"), Dense(3)))
    for units in (4, 7, 130)
]
IN_PLACE = [
    ((8, 8, 3), (Conv2D(8, 3), Conv2D(8, 3), DepthwiseConv2D(3), Conv2D(4, 1), AvgPool2D(2), MaxPool2D(2))),
    ((9, 9, 2), (Conv2D(3, 3), Activation("sigmoid"), MaxPool2D(2), Conv2D(9, 2, 2), AvgPool2D(2))),
]


@cache
def models() -> tuple[Model, ...]:
    chosen = [*convolutions(), *GRAY, *DEPTHWISE, *DENSE, *AFTER_CONVOLUTION, *IN_PLACE]
    specs = [ModelSpec((*layers, *[Flatten()] * (layers[0] != Flatten())), shape) for shape, layers in chosen]
    return tuple(random_model(spec, seed) for seed, spec in enumerate(specs))


def every(step: int = 1, start: int = 0) -> range:
    """Return the numbers of all models, or of every `step`-th: compiling is what costs time."""
    return range(start, len(models()), step)


def source(numbers: range, command: Sequence[str]) -> str:
    """Return models in one C file with a function that runs them."""
    chosen = [models()[i] for i in numbers]
    calls = [
        CALL.format(name=f"m{i}", inputs=size(model.spec.input_shape), classes=model.spec.classes)
        for i, model in enumerate(chosen)
    ]
    most = max(size(model.spec.input_shape) for model in chosen)
    return float_headers(chosen, command) + BENCH.format(most=most, calls="".join(calls))


@cache
def images(numbers: range) -> bytes:
    """Return one image of each model, the same one whichever others are asked for."""
    shapes = [models()[i].spec.input_shape for i in numbers]
    seeds = zip(numbers, shapes, strict=True)
    drawn = [np.random.default_rng(9 + i).integers(0, 256, size(s), dtype=np.uint8) for i, s in seeds]
    return b"".join(image.tobytes() for image in drawn)


def count(numbers: range) -> int:
    """Return how many numbers the function writes."""
    return 2 * sum(models()[i].spec.classes for i in numbers)


MAIN = """
#include <stdio.h>
static uint8_t images[{inputs}];
static float outputs[{count}];
int main(int argc, char **argv)
{{
    FILE *file = fopen(argv[1], "rb");
    if (argc != 3 || !file || fread(images, 1, sizeof images, file) != sizeof images) {{
        return 1;
    }}
    fclose(file);
    bench(images, outputs);
    file = fopen(argv[2], "wb");
    return !file || fwrite(outputs, sizeof outputs, 1, file) != 1 || fclose(file);
}}
"""


def host(folder: Path, command: Sequence[str], numbers: range) -> bytes:
    """Return what the models give on this computer."""
    main = MAIN.format(inputs=len(images(numbers)), count=count(numbers))
    program, text = folder / "all", source(numbers, command) + main
    (folder / "all.c").write_text(text, encoding="utf-8")
    (folder / "in").write_bytes(images(numbers))
    subprocess.run([*command, folder / "all.c", "-o", program], check=True)
    subprocess.run([program, folder / "in", folder / "out"], check=True)
    return (folder / "out").read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bits that plain C gives, compiled without optimization."""
    return host(tmp_path_factory.mktemp("host"), (*find_compiler().command, *C99, *STRICT, "-O0"), every())


def emulated(target: str, name: str, flags: Sequence[str], folder: Path, numbers: range) -> bytes:
    """Return what the models give on an emulated core."""
    need(target, name)
    found = TARGETS[target]
    assert found.machine is not None
    compiler_name, cross = find_cross_compiler([name])
    linker = Linker(cross, found.toolchain(compiler_name), tuple(flags), folder)
    core = Emulator(
        linker.image(linker.compile(source(numbers, flags), "all", None), "bench", None),
        found.machine,
        Limits(1 << 40),
    )
    given, made = core.buffer(len(images(numbers))), core.buffer(4 * count(numbers))
    core.write(given, images(numbers))
    core.call("bench", (given, made))
    return core.read(made, 4 * count(numbers))


def taken_apart(outputs: bytes, numbers: range) -> dict[int, np.ndarray]:
    """Return the outputs and scores of each model by its number."""
    stops = np.cumsum([2 * models()[i].spec.classes for i in numbers])
    parts = np.split(np.frombuffer(outputs, np.float32), stops)
    assert not len(parts[-1])
    return dict(zip(numbers, parts[:-1], strict=True))


def differing(found: bytes, expected: bytes, numbers: range) -> list[str]:
    """Return which networks give other bits; `expected` is of all of them."""
    wanted = taken_apart(expected, every())
    return [
        repr(models()[i].spec)
        for i, part in taken_apart(found, numbers).items()
        if part.tobytes() != wanted[i].tobytes()
    ]


def test_the_engine_agrees(expected: bytes) -> None:
    found, given = np.frombuffer(expected, np.float32), np.frombuffer(images(every()), np.uint8)
    for model in models():
        inputs, classes = size(model.spec.input_shape), model.spec.classes
        predictor = Predictor(model)
        image, given = given[:inputs].reshape(1, *model.spec.input_shape), given[inputs:]
        (outputs, scores), found = found[: 2 * classes].reshape(2, classes), found[2 * classes :]
        assert agree(outputs, predictor.logits(image)[0]).all(), model.spec
        assert agree(scores, predictor.probabilities(image)[0]).all(), model.spec


@pytest.mark.parametrize(
    ("target", "name", "start", "step"),
    [
        ("cortex-m4", "arm-none-eabi-gcc", 0, 3),  # zig and -Os take the others
        ("cortex-m4", "zig", 1, 3),
        ("cortex-m0plus", "arm-none-eabi-gcc", 0, 5),
        ("rv32imc", "zig", 2, 5),
    ],
)
def test_cores_give_the_bits_of_this_computer(
    target: str, name: str, start: int, step: int, expected: bytes, tmp_path: Path
) -> None:
    numbers = every(step, start)
    assert differing(emulated(target, name, FLAGS, tmp_path, numbers), expected, numbers) == []


@pytest.mark.parametrize(("start", "level"), [(2, "-Os"), pytest.param(0, "-O3", marks=CAMPAIGN)])
def test_levels_give_the_same_bits(start: int, level: str, expected: bytes, tmp_path: Path) -> None:
    numbers = every(3, start)
    found = emulated("cortex-m4", "arm-none-eabi-gcc", (*C99, *STRICT, level), tmp_path, numbers)
    assert differing(found, expected, numbers) == []


@pytest.mark.parametrize(
    ("start", "command"), [(2, ("g++", *CPP, "-O3")), (1, ("clang", *C99, "-O2"))], ids=str
)
def test_compilers_of_this_computer_give_the_same_bits(
    start: int, command: Sequence[str], expected: bytes, tmp_path: Path
) -> None:
    compiler(command[0])
    numbers = every(5, start)
    assert differing(host(tmp_path, (*command, *STRICT), numbers), expected, numbers) == []


def test_fused_arithmetic_agrees(expected: bytes, tmp_path: Path) -> None:
    numbers = every(5)
    fused = [f"-DM{i}_FUSED" for i in range(len(numbers))]
    found = emulated("cortex-m4", "arm-none-eabi-gcc", (*FLAGS, *fused), tmp_path, numbers)
    wanted = taken_apart(expected, every())
    a, b = np.frombuffer(found, np.float32), np.concatenate([wanted[i] for i in numbers])
    assert np.all(np.abs(a - b) <= 1e-5 * np.maximum(1, np.abs(b)))
