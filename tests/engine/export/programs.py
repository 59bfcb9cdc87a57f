"""Many exported models in one C program, run once: what the contract tests share."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.export import ExportOptions, Vectors, export_model, make_vectors, prepare_export
from engine.export.facts import Facts
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.shapes import size
from engine.verify.differences import compare_answers
from engine.verify.reference import Answers, FloatReference
from tests.engine.export.joined import definitions

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffp-contract=off")
C99, CPP = ("-std=c99",), ("-x", "c++", "-std=c++11")
SANITIZED = ("-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CAMPAIGN = (pytest.mark.campaign, pytest.mark.slow)  # many random networks, run by hand

DRIVER = """
#include <stdio.h>
static uint8_t image[1 << 20];
static float scaled[1 << 20], outputs[1 << 16], scores[1 << 16];
int main(int argc, char **argv)
{
    FILE *source = fopen(argv[1], "rb"), *target = fopen(argv[2], "wb");
    int n, i, repeat;
    if (argc != 3 || !source || !target) {
        return 2;
    }
    for (n = 0; n < (int)(sizeof models / sizeof *models); n++) {
        for (repeat = 0; repeat < COUNT; repeat++) {
            int32_t best, silent;
            if (fread(image, 1, (size_t)models[n].inputs, source) != (size_t)models[n].inputs) {
                return 3;
            }
            for (i = 0; i < models[n].inputs; i++) {
                scaled[i] = (float)image[i] * (1.0f / 255.0f);
            }
            best = models[n].predict(image, scores);
            silent = models[n].predict(image, 0);
            models[n].run(scaled, outputs);
            if (silent != best) {
                return 4;
            }
            fwrite(&best, 4, 1, target);
            fwrite(scores, 4, (size_t)models[n].classes, target);
            fwrite(outputs, 4, (size_t)models[n].classes, target);
        }
    }
    fclose(source);
    return fclose(target) ? 5 : 0;
}
"""


def random_model(spec: ModelSpec, seed: int = 0, classes: Sequence[str] | None = None) -> Model:
    """Return a model whose every parameter, state too, is random, at a scale that keeps outputs around 1."""
    rng = np.random.default_rng(seed)
    layout = ParamLayout(spec)
    params = layout.init(rng) + np.float32(0.1) * rng.standard_normal(layout.size, np.float32)
    state = params[layout.state]
    state[...] = np.abs(state) + np.float32(0.5)
    return Model(spec, params, tuple(classes or (str(i) for i in range(spec.classes))))


@dataclass(frozen=True)
class Answer:
    """What exported code gave for each vector of one model."""

    best: np.ndarray
    scores: np.ndarray
    outputs: np.ndarray


def fault_of(model: Model, vectors: Vectors, answer: Answer) -> str:
    """Return how the answers of float code differ from the engine's, empty when they do not."""
    answers = Answers(answer.best, answer.scores, answer.outputs)
    return compare_answers(FloatReference(model, vectors), answers).sentence(len(vectors))


def compiler(name: str) -> str:
    """Return the compiler `name`, or skip the test."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def build(command: Sequence[str], sources: Sequence[Path], program: Path) -> None:
    """Compile; show the complaints when that fails."""
    done = subprocess.run(
        [*command, "-o", str(program), *map(str, sources)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:4000]


def vectors_of(models: Sequence[Model], count: int) -> list[Vectors]:
    """Return random test vectors of each model."""
    return [make_vectors(model, count) for model in models]


def run_models(
    models: Sequence[Model], vectors: Sequence[Vectors], command: Sequence[str], folder: Path
) -> list[Answer]:
    """Export `models` into one program, compile it with `command`, run `vectors` through it."""
    (folder / "all.c").write_text(_source(models, len(vectors[0]), command), encoding="utf-8")
    build(command, [folder / "all.c"], folder / "all")
    (folder / "in").write_bytes(b"".join(v.images.tobytes() for v in vectors))
    done = subprocess.run(
        [folder / "all", folder / "in", folder / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[:2000])
    return list(_answers((folder / "out").read_bytes(), models, len(vectors[0])))


def header_of(model: Model, name: str, options: ExportOptions) -> str:
    """Return the header of `model` in the format `name`, without test vectors."""
    (header,) = export_model(model, name, dataclasses.replace(options, test_vectors=0)).values()
    return header


def float_headers(models: Sequence[Model], command: Sequence[str]) -> str:
    """Return the exported `models`, called m0, m1 …, with their definitions."""
    return definitions(
        models, lambda model, name: header_of(model, "c-float32", ExportOptions(name)), command
    )


def _source(models: Sequence[Model], count: int, command: Sequence[str]) -> str:
    rows = [
        f"    {{{size(model.spec.input_shape)}, {model.spec.classes}, m{i}_predict, m{i}_run_float}},\n"
        for i, model in enumerate(models)
    ]
    table = (
        "static const struct {\n    int inputs, classes;\n    int (*predict)(const uint8_t *, float *);\n"
        "    void (*run)(const float *, float *);\n} models[] = {\n" + "".join(rows) + "};\n"
    )
    return float_headers(models, command) + table + f"#define COUNT {count}\n" + DRIVER


def _answers(data: bytes, models: Sequence[Model], count: int) -> list[Answer]:
    answers, start = [], 0
    for model in models:
        row = np.dtype(
            [("best", "=i4"), ("s", "=f4", (model.spec.classes,)), ("o", "=f4", (model.spec.classes,))]
        )
        rows = np.frombuffer(data, row, count, start)
        start += rows.nbytes
        answers.append(Answer(rows["best"], rows["s"], rows["o"]))
    assert start == len(data)
    return answers


def facts_of(model: Model, name: str, options: ExportOptions | None = None) -> Facts:
    """Return the figures of `model` in the format `name`, which must have some."""
    facts = prepare_export(model, name, options or ExportOptions()).facts
    assert facts is not None
    return facts
