"""Exported code learns real digits, as well as the engine does."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue, Dataset
from engine.export import ExportOptions, export_model, write_files
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from tests.engine.export.learners import Lessons, in_order_of_c, learn_in_c, learn_in_engine
from tests.engine.export.programs import C99, CAMPAIGN, STRICT, build, compiler

pytestmark = pytest.mark.slow

COMMAND = ("gcc", *C99, *STRICT, "-O2")
STEPS, TESTED = 8000, 5000
SCHOOL = """
#define NET_IMPLEMENTATION
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
static uint8_t image[NET_INPUT_SIZE + 1];
int main(int argc, char **argv)
{
    FILE *lessons = fopen(argv[1], "rb"), *test = fopen(argv[2], "rb");
    const float rate = (float)atof(argv[3]);
    int correct = 0;
    if (argc != 5 || !lessons || !test) {
        return 2;
    }
    if (atoi(argv[4])) {
        net_init_random((uint32_t)atoi(argv[4]));
    }
    while (fread(image, 1, sizeof image, lessons) == sizeof image) {
        net_train_step(image, image[NET_INPUT_SIZE], rate);
    }
    while (fread(image, 1, sizeof image, test) == sizeof image) {
        correct += net_predict(image, 0) == image[NET_INPUT_SIZE];
    }
    printf("%d", correct);
    return 0;
}
"""


@pytest.fixture(scope="module")
def mnist(data_dir: Path) -> tuple[Dataset, Dataset]:
    found = Catalogue([data_dir])
    test = found.load("mnist", "test")
    return found.load("mnist", "train"), test.subset(np.arange(TESTED))


def lessons_from(data: Dataset, count: int, rate: float) -> Lessons:
    chosen = np.random.default_rng(1).permutation(len(data))[:count]
    labels = data.labels[chosen].astype(np.int32)
    return Lessons(data.images[chosen], labels, np.full(count, rate, np.float32))


def new_model(name: str) -> Model:
    return Model.new(PRESETS[name].build(), tuple("0123456789"), np.random.default_rng(0))


@cache
def trained(name: str, rate: float, data: Dataset) -> Model:
    """Return a new model after `STEPS` steps of the engine."""
    model = new_model(name)
    return model.replace(params=learn_in_engine(model, lessons_from(data, STEPS, rate))[1][-1])


def accuracy(model: Model, test: Dataset) -> float:
    return float((Predictor(model, 100).logits(test.images).argmax(1) == test.labels).mean())


def accuracy_in_c(model: Model, lessons: Lessons, test: Dataset, seed: int, folder: Path) -> float:
    """Return the accuracy after `lessons`, that began with the model's weights, or random ones of a seed."""
    write_files(folder, export_model(model, "c-float32", ExportOptions("net", test_vectors=0, training=True)))
    (folder / "main.c").write_text(SCHOOL, encoding="utf-8")
    build([compiler(COMMAND[0]), *COMMAND[1:]], [folder / "main.c"], folder / "main")
    for name, images, labels in (
        ("lessons", lessons.images, lessons.labels),
        ("test", test.images, test.labels),
    ):
        pairs = zip(images, labels, strict=True)
        (folder / name).write_bytes(b"".join(image.tobytes() + bytes([label]) for image, label in pairs))
    words = [folder / "main", folder / "lessons", folder / "test", str(lessons.rates[0]), str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(done.stdout) / len(test)


@pytest.mark.parametrize("steps", [3000, pytest.param(10_000, marks=CAMPAIGN)])
def test_many_steps_give_the_engines_weights(
    steps: int, mnist: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    model = new_model("mlp-32-32")
    lessons = lessons_from(mnist[0], steps, 0.02)
    (learned,) = learn_in_c([model], [lessons], (compiler(COMMAND[0]), *COMMAND[1:]), tmp_path)
    losses, states = learn_in_engine(model, lessons)
    np.testing.assert_allclose(learned.losses, losses, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(learned.last, in_order_of_c(model, states[-1]), atol=1e-5)
    assert accuracy(model.replace(params=states[-1]), mnist[1]) > 0.8


@pytest.mark.parametrize(
    ("name", "rate", "least", "seeds"),  # 0 is the same start, others are random ones
    [("lenet", 0.005, 0.93, (1,)), ("mlp-32-32", 0.02, 0.86, (0, 1))],
)
def test_learns_as_well_as_the_engine(
    name: str,
    rate: float,
    least: float,
    seeds: tuple[int, ...],
    mnist: tuple[Dataset, Dataset],
    tmp_path: Path,
) -> None:
    """Near ties of maxima let single weights part after a few hundred steps, as they do with float64."""
    model = new_model(name)
    lessons = lessons_from(mnist[0], STEPS, rate)
    expected = accuracy(trained(name, rate, mnist[0]), mnist[1])
    assert expected > least
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        reached = accuracy_in_c(model, lessons, mnist[1], seed, folder)
        assert reached == pytest.approx(expected, abs=0.02), seed


def test_a_shipped_network_adapts_with_its_last_layer_alone(
    mnist: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    """Digits whose labels all moved by one are learned again without touching the layers before."""
    lessons, model = lessons_from(mnist[0], STEPS, 0.005), trained("lenet", 0.005, mnist[0])
    moved = Lessons(lessons.images[:2000], (lessons.labels[:2000] + 1) % 10, lessons.rates[:2000] * 4)
    (learned,) = learn_in_c([model], [moved], (compiler(COMMAND[0]), *COMMAND[1:]), tmp_path, trained=1)
    assert learned.losses[:10].mean() > 3
    assert learned.losses[-200:].mean() < 0.7
