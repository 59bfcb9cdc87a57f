"""Exported preprocessing gives the same bytes as the engine's for any drawing."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from engine.data import preprocess as rules
from engine.errors import ExportError
from engine.export import ExportOptions, export_model
from engine.export.kernel_files import body
from engine.nn.layers import Dense, Flatten
from engine.nn.specs import ModelSpec
from tests.engine.export.programs import C99, CPP, SANITIZED, STRICT, build, compiler, random_model

MAIN = """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    FILE *source = fopen(argv[1], "rb"), *target = fopen(argv[2], "wb");
    int32_t size[2];
    if (argc != 3 || !source || !target) {
        return 2;
    }
    while (fread(size, 4, 2, source) == 2) {
        const size_t count = (size_t)size[0] * (size_t)size[1];
        uint8_t image[28 * 28] = {0}, *canvas = (uint8_t *)malloc(count + 1);
        if (fread(canvas, 1, count, source) != count) {
            return 3;
        }
        fputc(net_preprocess(canvas, size[1], size[0], image), target);
        fwrite(image, 1, sizeof image, target);
        free(canvas);
    }
    fclose(source);
    return fclose(target) ? 4 : 0;
}
"""
SPEC = ModelSpec((Flatten(), Dense(2)), (28, 28, 1))


def strokes(rng: np.random.Generator) -> np.ndarray:
    """Return a canvas with a few soft strokes of any width, place and brightness."""
    height, width = rng.integers(1, 200, 2)
    rows, columns = np.mgrid[:height, :width]
    ink = np.zeros((height, width))
    radius = rng.uniform(0.3, 20)
    brightness = rng.uniform(10, 255)
    for _ in range(rng.integers(1, 4)):
        start, stop = rng.uniform(0, [height, width], (2, 2))
        for share in np.linspace(0, 1, 25):
            row, column = start + share * (stop - start)
            distance = np.hypot(rows - row, columns - column)
            ink = np.maximum(ink, brightness * np.clip(radius - distance + 0.5, 0, 1))
    return ink.astype(np.uint8)


def canvases() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    shapes = [(0, 0), (1, 1), (1, 300), (300, 1), (28, 28), (700, 500)]
    found = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    found += [np.full((40, 60), level, np.uint8) for level in (0, 31, 32, 255)]
    dust = np.zeros((1600, 900), np.uint8)
    dust[3, 5] = dust[1590, 880] = 255
    return [*found, dust, *(strokes(rng) for _ in range(150))]


@pytest.mark.parametrize(
    ("program", "flags"),
    [("gcc", (*C99, *SANITIZED)), ("clang++", CPP)],
    ids=["gcc", "clang++"],
)
def test_the_same_bytes_for_any_drawing(program: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    options = ExportOptions("net", test_vectors=0, preprocess=True)
    (header,) = export_model(random_model(SPEC), "c-float32", options).values()
    (tmp_path / "main.c").write_text(f"#define NET_IMPLEMENTATION\n{header}{MAIN}", encoding="utf-8")
    build([compiler(program), *flags, *STRICT], [tmp_path / "main.c"], tmp_path / "main")
    drawn = canvases()
    data = b"".join(np.array(c.shape, np.int32).tobytes() + c.tobytes() for c in drawn)
    (tmp_path / "in").write_bytes(data)
    subprocess.run([tmp_path / "main", tmp_path / "in", tmp_path / "out"], check=True)
    rows = np.frombuffer((tmp_path / "out").read_bytes(), np.uint8).reshape(len(drawn), 1 + 28 * 28)
    expected = [rules.preprocess(canvas) for canvas in drawn]
    assert rows[:, 0].tolist() == [int(image is not None) for image in expected]
    assert 0 < rows[:, 0].sum() < len(drawn)
    for row, image in zip(rows, expected, strict=True):
        if image is not None:
            np.testing.assert_array_equal(row[1:].reshape(28, 28), image)


def test_the_constants_are_the_engines() -> None:
    found = dict(re.findall(r"#define TM_(\w+) (\d+)\b", body("preprocess.c")))
    engine = {name.lstrip("_"): value for name, value in vars(rules).items() if isinstance(value, int)}
    shared = found.keys() & engine.keys()
    assert len(shared) >= 10
    assert {name: int(found[name]) for name in shared} == {name: engine[name] for name in shared}


def test_other_inputs_are_refused() -> None:
    model = random_model(ModelSpec((Flatten(), Dense(2)), (8, 8, 1)))
    with pytest.raises(ExportError, match="images of 28×28×1 but the network reads 8×8×1"):
        export_model(model, "c-float32", ExportOptions("net", preprocess=True))


def test_the_function_is_left_out_unless_wanted() -> None:
    assert "preprocess" not in export_model(random_model(SPEC), "c-float32", ExportOptions("net"))["net.h"]


def test_its_names_are_no_kernels_names() -> None:
    kernels = files("engine").joinpath("export", "kernels")
    callers = ("preprocess.c", "web_assembly.c")
    others = [
        name for kernel in kernels.iterdir() if (name := kernel.name).endswith(".c") and name not in callers
    ]
    own = words(body("preprocess.c"))
    shared = {name: own & words(body(name)) for name in others}
    assert own
    assert {name: names for name, names in shared.items() if names} == {}


def words(text: str) -> set[str]:
    """Return the names in C that get the prefix of an export."""
    return set(re.findall(r"\btm_\w+", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))
