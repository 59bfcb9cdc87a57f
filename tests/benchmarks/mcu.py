"""What exported networks take on microcontrollers: instructions, flash and RAM of an inference, with bars.

    python -m tests.benchmarks.mcu [--vectors N] [--only WORD ...]

Networks with random weights are exported, compiled at -O2 by each compiler that is installed, linked around
the bare network alone, run in an emulator and compared with the engine, to the bit (int8) or 1e-5 (float).
Instructions are counted, not estimated; flash is all that was linked; RAM is variables and stack without the
caller's input and output. Ends with 1 where a bar is missed or an output differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import MissingToolError
from engine.export import make_vectors
from engine.export.vectors import Vectors
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from engine.verify.certificate import Figures
from engine.verify.session import Setup, verify

GCC, ZIG = "arm-none-eabi-gcc", "zig"
TITLES = ("instructions", "flash", "RAM")


class Plain(Setup):
    """Without whole loops in assembly: what the compiler makes of single instructions and C."""

    @property
    def flags(self) -> tuple[str, ...]:
        return (*super().flags, "-DVERIFIED_NO_ASM")


@dataclass(frozen=True)
class Row:
    """One network on one target; a bar of 0 means that the figure is only told."""

    preset: str
    format: str
    target: str
    compiler: str = GCC
    bars: tuple[int, int, int] = (0, 0, 0)
    plain: bool = False

    @property
    def name(self) -> str:
        plain = ", no assembly" if self.plain else ""
        return (
            f"{self.preset} {self.format} {self.target} {self.compiler.removeprefix('arm-none-eabi-')}{plain}"
        )

    def setup(self) -> Setup:
        return (Plain if self.plain else Setup)(compiler=self.compiler, counted=1)


ROWS = (
    Row("lenet", "c-int8", "cortex-m4", GCC, (750_000, 116_000, 3_400)),
    Row("lenet", "c-int8", "cortex-m4", GCC, (861_000, 116_000, 3_400), plain=True),
    Row("lenet", "c-int8", "cortex-m4", ZIG, (1_000_000, 0, 0)),
    Row("lenet", "c-int8", "cortex-m4", ZIG, plain=True),
    Row("lenet", "c-int8", "cortex-m7"),
    Row("lenet", "c-int8", "cortex-m33"),
    Row("lenet", "c-int8", "cortex-m3", GCC, (2_330_000, 0, 0)),
    Row("lenet", "c-int8", "cortex-m3", GCC, plain=True),
    Row("lenet", "c-int8", "cortex-m0plus", GCC, (5_500_000, 0, 0)),
    Row("lenet", "c-int8", "cortex-m0plus", ZIG, (4_250_000, 0, 0)),
    Row("lenet", "c-int8", "rv32imc", ZIG),
    Row("mlp-32-32", "c-int8", "cortex-m4", GCC, (42_900, 28_200, 136)),
    Row("mlp-32-32", "c-int8", "cortex-m4", GCC, plain=True),
    Row("tinyml-cnn", "c-int8", "cortex-m4"),
    Row("separable-cnn", "c-int8", "cortex-m4"),
    Row("lenet", "c-float32", "cortex-m4", GCC, (1_460_000, 434_000, 10_600)),
    Row("lenet", "c-float32", "cortex-m4", ZIG),
    Row("mlp-32-32", "c-float32", "cortex-m4", GCC, (68_700, 106_400, 284)),
)


def random_model(preset: str) -> Model:
    """Return a network with random weights, quantized for random images."""
    rng = np.random.default_rng(1)
    spec = PRESETS[preset].build(10)
    model = Model.new(spec, tuple("0123456789"), rng, preset)
    return model.replace(quantization=calibrate(model, make_vectors(model, 50).images))


@dataclass(frozen=True)
class Measured:
    """What a row gave: figures, and a sentence where outputs differ."""

    row: Row
    figures: Figures
    macs: int
    fault: str

    @property
    def values(self) -> tuple[float, int, int]:
        return self.figures.most, self.figures.flash_bytes, self.figures.ram_bytes

    @property
    def missed(self) -> list[str]:
        pairs = zip(TITLES, self.values, self.row.bars, strict=True)
        return [title for title, value, bar in pairs if bar and value > bar]

    def line(self, width: int) -> str:
        cells = [
            f"{value:>9,.0f} {f'<= {bar:,}' if bar else '':<12}"
            for value, bar in zip(self.values, self.row.bars, strict=True)
        ]
        verdict = f"MISSED: {', '.join(self.missed)}" if self.missed else "met" if any(self.row.bars) else ""
        each = f"{self.figures.most / self.macs:5.2f}"
        return f"{self.row.name:{width}}  {''.join(cells)} {each}  {verdict} {self.fault}".rstrip()


def measure(row: Row, model: Model, vectors: Vectors) -> Measured:
    """Compile, run and compare one row."""
    (result,) = verify(model, row.format, [row.target], vectors, row.setup()).results
    return Measured(row, result.figures[0], model.spec.macs, result.fault)


def rows_with(words: Sequence[str]) -> Iterator[Row]:
    """Yield the rows whose name has all `words`."""
    return (row for row in ROWS if all(word in row.name for word in words))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vectors", type=int, default=20, help="inputs to compare; one is counted")
    parser.add_argument("--only", nargs="*", default=[], metavar="WORD", help="rows that have these words")
    options = parser.parse_args()
    rows = list(rows_with(options.only))
    models = {preset: random_model(preset) for preset in {row.preset for row in rows}}
    width = max((len(row.name) for row in rows), default=0)
    print(f"{'':{width}}  {'instructions':<22}{'flash, bytes':<22}{'RAM, bytes':<22}each MAC")
    bad = 0
    for row in rows:
        model = models[row.preset]
        try:
            measured = measure(row, model, make_vectors(model, options.vectors))
        except MissingToolError as error:
            print(f"{row.name:{width}}  left out: {error}")
            continue
        print(measured.line(width), flush=True)
        bad += bool(measured.missed or measured.fault)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
