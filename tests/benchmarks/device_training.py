"""What learning takes on microcontrollers: RAM, flash and instructions of one step, in an emulator.

    python -m tests.benchmarks.device_training [--target CORE ...] [--compiler CC]

Networks with random weights are exported, compiled at -O2 and taught twice; the second step is counted, with
the stack that it needs. Instructions are counted, not estimated. Ends with 1 where the weights differ in a
single bit from those that the same code finds on this computer.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.boards.compilers import find_compiler, find_cross_compiler
from engine.boards.targets import TARGETS
from engine.export import ExportOptions, export_model, make_vectors, write_files
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Linker
from tests.engine.export.programs import facts_of

FLAGS = ("-std=c99", "-O2", "-ffp-contract=off")
ROWS = (  # preset, format, how many layers learn
    ("lenet", "c-int8", 1),
    ("lenet", "c-int8", 2),
    ("lenet", "c-float32", 0),
    ("mlp-32-32", "c-int8", 1),
    ("mlp-32-32", "c-float32", 0),
    ("tinyml-cnn", "c-int8", 1),
    ("tinyml-cnn", "c-float32", 0),
)
CODE = """
#define NET_IMPLEMENTATION
#include "net.h"
__attribute__((noinline)) int32_t teach(const uint8_t *image, float *told);
int32_t teach(const uint8_t *image, float *told)
{
    *told = net_train_step(image, 3, 0.02f);
    return 0;
}
int32_t finish(const uint8_t *image, float *told);
int32_t finish(const uint8_t *image, float *told)
{
    int32_t i;
    for (i = 0; i < NET_WEIGHT_COUNT; i++) {
        told[i] = net_weights[i];
    }
    return image ? 0 : teach(image, told);
}
"""
MAIN = """
#include <stdio.h>
int main(void)
{
    static uint8_t image[NET_INPUT_SIZE];
    static float told[NET_WEIGHT_COUNT];
    if (fread(image, 1, sizeof image, stdin) != sizeof image) {
        return 1;
    }
    teach(image, told);
    teach(image, told);
    finish(image, told);
    return fwrite(told, sizeof told, 1, stdout) != 1;
}
"""


@dataclass(frozen=True)
class Taught:
    """What one network's step takes on one core."""

    static_bytes: int
    stack_bytes: int
    code_bytes: int
    constant_bytes: int
    instructions: int
    weights: bytes


def network(preset: str) -> Model:
    """Return a network with random weights, quantized too."""
    spec = PRESETS[preset].build()
    model = Model.new(spec, tuple("0123456789"), np.random.default_rng(0), preset)
    return model.replace(quantization=calibrate(model, make_vectors(model, 50).images))


def on_this_computer(image: bytes, folder: Path) -> bytes:
    """Return the weights after two steps."""
    (folder / "host.c").write_text(CODE + MAIN, encoding="utf-8")
    find_compiler().compile([*FLAGS, str(folder / "host.c"), "-o", str(folder / "host")])
    return subprocess.run([folder / "host"], input=image, capture_output=True, check=True).stdout


def on_a_core(name: str, compiler: str, image: bytes, size: int, folder: Path) -> Taught:
    """Return what the second step takes on the core `name`, and `size` bytes of weights after it."""
    target = TARGETS[name]
    _, cross = find_cross_compiler([compiler])
    place = folder / name
    place.mkdir()
    linker = Linker(cross, target.toolchain(compiler), (*FLAGS, f"-I{folder}"), place)
    linked = linker.image(linker.compile(CODE, "code", None), "finish", None)
    assert target.machine is not None
    emulator = Emulator(linked, target.machine, Limits(10**10))
    arguments = (emulator.buffer(len(image)), emulator.buffer(size))
    emulator.write(arguments[0], image)
    emulator.call("teach", arguments)
    emulator.paint_stack()
    _, counts = emulator.counted("teach", arguments, lambda function: 0)
    stack = emulator.stack_used()
    emulator.call("finish", arguments)
    weights = emulator.read(arguments[1], size)
    instructions = sum(counts.values())
    return Taught(linked.static_bytes, stack, linked.code_bytes, linked.constant_bytes, instructions, weights)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", nargs="+", default=["cortex-m4", "cortex-m0plus"])
    parser.add_argument("--compiler", default="arm-none-eabi-gcc")
    given = parser.parse_args(arguments)
    differing = 0
    print(f"{'network, format, what learns':36}{'core':16}{'RAM':>9}{'stack':>7}{'flash':>9}{'a step':>14}")
    for preset, form, trained in ROWS:
        model, options = network(preset), ExportOptions("net", 0, training=True, train_layers=trained)
        image = np.random.default_rng(1).integers(0, 256, 784, np.uint8).tobytes()
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            write_files(folder, export_model(model, form, options))
            expected = on_this_computer(image, folder)
            for name in given.target:
                found = on_a_core(name, given.compiler, image, len(expected), folder)
                same = found.weights == expected
                differing += not same
                ram = facts_of(model, form, options).arena_bytes
                flash = found.code_bytes + found.constant_bytes
                label = f"{preset} {form} {trained or 'all'}"
                print(
                    f"{label:36}{name:16}{ram:9,}{found.stack_bytes:7,}{flash:9,}"
                    f"{found.instructions:14,}{'' if same else '  WEIGHTS DIFFER'}",
                    flush=True,
                )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
