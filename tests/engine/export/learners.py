"""Exported models that learn, many in one C program: what the tests of training on a device share."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from engine.export import ExportOptions
from engine.export.training import timetable
from engine.nn.kernel_calls import Array, Call
from engine.nn.layers import BatchNorm, Conv2D, Dense, DepthwiseConv2D, Dropout
from engine.nn.layers.norm import EPSILON, ScaleShift
from engine.nn.losses import suitable_loss
from engine.nn.model import Model
from engine.nn.ops import Arrays, Bound, Op, channel_rows
from engine.nn.param import FloatArray, Param, constant
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import LayerSpec, ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images
from engine.shapes import Shape, size
from tests.engine.export.joined import definitions
from tests.engine.export.programs import build, facts_of, header_of

DRIVER = """
#include <stdio.h>
static uint8_t image[1 << 20];
static float scaled[1 << 20], outputs[1 << 16], scores[1 << 16];
static int learn(int n, FILE *source, FILE *target)
{
    int step;
    for (step = 0; step < STEPS; step++) {
        int32_t label;
        float rate, loss;
        if (fread(image, 1, (size_t)models[n].inputs, source) != (size_t)models[n].inputs
                || fread(&label, 4, 1, source) != 1 || fread(&rate, 4, 1, source) != 1) {
            return 1;
        }
        loss = models[n].train_step(image, (int)label, rate);
        fwrite(&loss, 4, 1, target);
        if (step == 0) {
            fwrite(models[n].weights, 4, (size_t)models[n].count, target);
        }
    }
    return 0;
}
int main(int argc, char **argv)
{
    FILE *source = fopen(argv[1], "rb"), *target = fopen(argv[2], "wb");
    int n, i;
    if (argc != 3 || !source || !target) {
        return 2;
    }
    for (n = 0; n < (int)(sizeof models / sizeof *models); n++) {
        int32_t best;
        if (learn(n, source, target)) {
            return 3;
        }
        for (i = 0; i < models[n].inputs; i++) {
            scaled[i] = (float)image[i] * (1.0f / 255.0f);
        }
        best = models[n].predict(image, scores);
        models[n].run(scaled, outputs);
        fwrite(models[n].weights, 4, (size_t)models[n].count, target);
        fwrite(&best, 4, 1, target);
        fwrite(scores, 4, (size_t)models[n].classes, target);
        fwrite(outputs, 4, (size_t)models[n].classes, target);
    }
    fclose(source);
    return fclose(target) ? 5 : 0;
}
"""


@dataclass(frozen=True)
class Lessons:
    """What a model learns from: images, labels and learning rates, one a step."""

    images: np.ndarray
    labels: np.ndarray
    rates: np.ndarray

    @classmethod
    def random(cls, spec: ModelSpec, count: int, rate: float, seed: int = 0) -> Lessons:
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (count, *spec.input_shape), dtype=np.uint8)
        labels = rng.integers(0, spec.classes, count).astype(np.int32)
        return cls(images, labels, np.full(count, rate, np.float32))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def data(self) -> bytes:
        parts = zip(self.images, self.labels, self.rates, strict=True)
        return b"".join(i.tobytes() + label.tobytes() + rate.tobytes() for i, label, rate in parts)


@dataclass(frozen=True)
class Learned:
    """What became of a model: each step's loss, the weights after the first and the last step, its answer."""

    losses: np.ndarray
    first: np.ndarray
    last: np.ndarray
    best: int
    scores: np.ndarray
    outputs: np.ndarray


def learn_in_c(
    models: Sequence[Model],
    lessons: Sequence[Lessons],
    command: Sequence[str],
    folder: Path,
    trained: int = 0,
    form: str = "c-float32",
) -> list[Learned]:
    """Export `models` into one program, compile it with `command`, and give each its lessons."""
    headers = definitions(models, lambda model, name: _header(model, name, trained, form), command)
    (folder / "all.c").write_text(headers + _driver(models, len(lessons[0])), encoding="utf-8")
    build(command, [folder / "all.c"], folder / "all")
    (folder / "in").write_bytes(b"".join(lesson.data for lesson in lessons))
    done = subprocess.run(
        [folder / "all", folder / "in", folder / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[:2000])
    return _learned((folder / "out").read_bytes(), models, len(lessons[0]), trained)


def _header(model: Model, name: str, trained: int, form: str) -> str:
    return header_of(model, form, ExportOptions(name, training=True, train_layers=trained))


def _driver(models: Sequence[Model], steps: int) -> str:
    rows = []
    for i, model in enumerate(models):
        functions = ", ".join(f"m{i}_{f}" for f in ("train_step", "predict", "run_float", "weights"))
        inputs = size(model.spec.input_shape)
        rows.append(f"    {{{inputs}, {model.spec.classes}, M{i}_WEIGHT_COUNT, {functions}}},\n")
    table = (
        "static const struct {\n    int inputs, classes, count;\n"
        "    float (*train_step)(const uint8_t *, int, float);\n"
        "    int (*predict)(const uint8_t *, float *);\n    void (*run)(const float *, float *);\n"
        "    const float *weights;\n} models[] = {\n" + "".join(rows) + "};\n"
    )
    return table + f"#define STEPS {steps}\n" + DRIVER


def _learned(data: bytes, models: Sequence[Model], steps: int, trained: int) -> list[Learned]:
    found, numbers, place = [], np.frombuffer(data, "=f4"), 0
    for model in models:
        count, classes = timetable(model, trained).weights.size, model.spec.classes
        parts = []
        for length in (1, count, steps - 1, count, 1, classes, classes):
            parts.append(numbers[place : place + length])
            place += length
        loss, first, losses, last, best, scores, outputs = parts
        whole = np.concatenate([loss, losses])
        found.append(Learned(whole, first, last, int(best.view("=i4")[0]), scores, outputs))
    assert place == len(numbers)
    return found


def learn_in_engine(
    model: Model, lessons: Lessons, frozen: int = 0, inputs: np.ndarray | None = None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the losses of plain SGD on one image at a time; the parameters before, after one step, and last.

    The first `frozen` layers stay as they are. With `inputs`, (height, channels, width, n), it learns from
    these instead of from images.
    """
    layout, params = ParamLayout(model.spec), model.params.copy()
    changes = np.zeros(layout.size, np.float32)
    for view in layout.views:
        view.of(changes)[...] = view.param.trainable and view.layer >= frozen
    loss = suitable_loss(model.spec, model.record.loss)
    space = Workspace(model.spec, params, 1, Mode(train=True, absorbed=loss.absorbs))
    losses, states = [], [params.copy()]
    for step, (label, rate) in enumerate(zip(lessons.labels, lessons.rates, strict=True)):
        if inputs is None:
            load_images(lessons.images[step : step + 1], space.x)
        else:
            space.x[...] = inputs[..., step : step + 1]
        space.forward()
        losses.append(loss.compute(space.y, np.array([label]), space.dy, 1.0))
        space.backward()
        params -= rate * space.grad * changes
        if len(states) == 1:
            states.append(params.copy())
    return np.array(losses), [*states, params]


def in_order_of_c(model: Model, params: np.ndarray, trained: int = 0) -> np.ndarray:
    """Return the parameters that learn, in the order of exported code."""
    return timetable(model.replace(params=params), trained).weights


@dataclass(frozen=True)
class FrozenNorm(LayerSpec):
    """Batch norm on a device: one factor and one offset a channel, both learn, no statistics."""

    kind: ClassVar[str] = "frozen_norm"
    title: ClassVar[str] = "Frozen norm"

    def out_shape(self, x: Shape) -> Shape:
        return x

    def params(self, x: Shape) -> Mapping[str, Param]:
        return {"scale": Param((x[-1],), constant(1)), "shift": Param((x[-1],), constant(0))}

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (ScaleAndShift(x, x),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        features = 0 if len(x) == 1 else None
        return (ScaleShift("scale_shift", x, x, {}, {n: Array(a, features) for n, a in p.items()}),)


@dataclass(frozen=True)
class ScaleAndShift(Op):
    def bind(self, a: Arrays) -> Bound:
        x, y, p, g = channel_rows(a.x), channel_rows(a.y), a.p, a.g

        def forward() -> None:
            y[...] = x * p["scale"][:, None] + p["shift"][:, None]

        def backward() -> None:
            assert a.dy is not None
            dy = channel_rows(a.dy)
            g["scale"][...] = (dy * x).sum((0, 2))
            g["shift"][...] = dy.sum((0, 2))
            if a.dx is not None:
                channel_rows(a.dx)[...] = dy * p["scale"][:, None]

        return Bound(forward, backward)


def as_on_a_device(model: Model) -> Model:
    """Return `model` without batch norm and dropout: the network that its export trains, for the engine.

    Behind a linear weighted sum batch norm becomes part of it, elsewhere a `FrozenNorm`.
    """
    layout = ParamLayout(model.spec)
    layers: list[LayerSpec] = []
    params: list[dict[str, np.ndarray]] = []
    for index, layer in enumerate(model.spec.layers):
        own = layout.layer(index, model.params)
        if isinstance(layer, Dropout):
            continue
        if not isinstance(layer, BatchNorm):
            layers.append(layer)
            params.append(own)
            continue
        factor = own["scale"] / np.sqrt(own["variance"].astype(np.float64) + EPSILON)
        offset = own["shift"] - own["mean"] * factor
        before = layers[-1] if layers else None
        if isinstance(before, (Conv2D, Dense, DepthwiseConv2D)) and before.activation == "linear":
            weight, bias = params[-1]["weight"], params[-1].get("bias", 0)
            outer = (
                factor
                if isinstance(before, DepthwiseConv2D)
                else factor.reshape(-1, *[1] * (weight.ndim - 1))
            )
            params[-1] = {"weight": weight * outer, "bias": bias * factor + offset}
            layers[-1] = dataclasses.replace(before, bias=True)
        else:
            layers.append(FrozenNorm())
            params.append({"scale": factor, "shift": offset})
    spec = ModelSpec(tuple(layers), model.spec.input_shape)
    layout = ParamLayout(spec)
    flat = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(flat)[...] = params[view.layer][view.name]
    return Model(spec, flat, model.classes, model.name, model.record)


def training_memory(model: Model, options: ExportOptions, body_in_int8: bool = False) -> int:
    """Return the bytes of static RAM that learning takes: feature maps, gradients, weights and state."""
    return facts_of(model, "c-int8" if body_in_int8 else "c-float32", options).arena_bytes
