"""Many int8 models in one C program, run once: what the contract tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.export import ExportOptions
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.calibrate import calibrate
from engine.quantize.network import IntegerPredictor
from engine.shapes import size
from tests.engine.export.joined import definitions
from tests.engine.export.programs import build, header_of, random_model

PREDICTED = 1000  # class and scores follow from the outputs, which are compared for every image

DRIVER = """
#include <stdio.h>
static uint8_t image[1 << 20];
static int8_t outputs[1 << 16];
static float scores[1 << 16];
int main(int argc, char **argv)
{
    FILE *source = fopen(argv[1], "rb"), *target = fopen(argv[2], "wb");
    int n, i, repeat;
    if (argc != 3 || !source || !target) {
        return 2;
    }
    for (n = 0; n < (int)(sizeof models / sizeof *models); n++) {
        for (repeat = 0; repeat < COUNT; repeat++) {
            int32_t best = 0;
            uint8_t *const x = image + repeat % 4; /* callers' memory may stand anywhere */
            if (fread(x, 1, (size_t)models[n].inputs, source) != (size_t)models[n].inputs) {
                return 3;
            }
            if (repeat < PREDICTED) {
                best = models[n].predict(x, scores);
                if (models[n].predict(x, 0) != best) {
                    return 4;
                }
            }
            for (i = 0; i < models[n].inputs; i++) {
                x[i] ^= 128;
            }
            models[n].run((const int8_t *)x, outputs);
            fwrite(&best, 4, 1, target);
            fwrite(scores, 4, (size_t)models[n].classes, target);
            fwrite(outputs, 1, (size_t)models[n].classes, target);
        }
    }
    fclose(source);
    return fclose(target) ? 5 : 0;
}
"""


@dataclass(frozen=True)
class Case:
    """A quantized model with images, and what the engine answers."""

    model: Model
    images: np.ndarray
    outputs: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of(cls, model: Model, images: np.ndarray) -> Case:
        predictor = IntegerPredictor(model)
        outputs = predictor.run(images).reshape(len(images), -1)
        return cls(model, images, outputs, predictor.probabilities(images).reshape(outputs.shape))


def quantized(spec: ModelSpec, seed: int = 0) -> Model:
    """Return a model with random parameters, calibrated on random images."""
    model = random_model(spec, seed)
    images = np.random.default_rng(seed).integers(0, 256, (8, *spec.input_shape), dtype=np.uint8)
    return model.replace(quantization=calibrate(model, images, "min-max"))


def cases_of(specs: Iterable[ModelSpec], count: int) -> list[Case]:
    """Return each of `specs` quantized, with `count` images: plain paper, all ink, and random ones."""
    cases = []
    for seed, spec in enumerate(specs):
        images = np.random.default_rng(seed + 1000).integers(0, 256, (count, *spec.input_shape), np.uint8)
        images[1:2], images[2:3] = 0, 255
        cases.append(Case.of(quantized(spec, seed), images))
    return cases


def run_cases(cases: Sequence[Case], command: Sequence[str], folder: Path, **options: Any) -> None:
    """Export `cases` into one program, compile it with `command`, run it and compare to the bit."""
    models, count = [case.model for case in cases], len(cases[0].images)
    (folder / "all.c").write_text(source_of(models, count, command, **options))
    build(command, [folder / "all.c"], folder / "all")
    (folder / "in").write_bytes(b"".join(case.images.tobytes() for case in cases))
    done = subprocess.run(
        [folder / "all", folder / "in", folder / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[:3000])
    check((folder / "out").read_bytes(), cases)


def headers_of(models: Sequence[Model], command: Sequence[str], **options: Any) -> str:
    """Return the exported `models`, called m0, m1 …, with their definitions."""
    return definitions(
        models, lambda model, name: header_of(model, "c-int8", ExportOptions(name, **options)), command
    )


def source_of(models: Sequence[Model], count: int, command: Sequence[str], **options: Any) -> str:
    """Return one C program that holds all `models` and runs `count` images through each."""
    rows = [
        f"    {{{size(model.spec.input_shape)}, {model.spec.classes}, m{i}_predict, m{i}_run_int8}},\n"
        for i, model in enumerate(models)
    ]
    table = (
        "static const struct {\n    int inputs, classes;\n    int (*predict)(const uint8_t *, float *);\n"
        "    void (*run)(const int8_t *, int8_t *);\n} models[] = {\n" + "".join(rows) + "};\n"
    )
    counts = f"#define COUNT {count}\n#define PREDICTED {PREDICTED}\n"
    return headers_of(models, command, **options) + table + counts + DRIVER


def check(data: bytes, cases: Sequence[Case]) -> None:
    """Compare what the program wrote with what the engine answers."""
    faults, start = [], 0
    for case in cases:
        classes = case.model.spec.classes
        row = np.dtype([("best", "=i4"), ("scores", "=f4", (classes,)), ("outputs", "i1", (classes,))])
        rows = np.frombuffer(data, row, len(case.images), start)
        start += rows.nbytes
        predicted = rows[:PREDICTED]
        same = (
            np.array_equal(rows["outputs"], case.outputs)
            and np.array_equal(predicted["best"], case.outputs[:PREDICTED].argmax(axis=1))
            and np.allclose(predicted["scores"], case.probabilities[:PREDICTED], rtol=1e-5, atol=1e-6)
        )
        if not same:
            gave, wanted = rows["outputs"].tolist(), case.outputs.tolist()
            faults.append(f"{case.model.spec}\n  gave {gave}\n  not {wanted}")
    assert start == len(data)
    assert not faults, f"{len(faults)} of {len(cases)} networks differ:\n" + "\n".join(faults[:5])
