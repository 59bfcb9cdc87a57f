"""The header that learns as a user meets it: what it promises, what it refuses, what memory it takes."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError
from engine.export import ExportOptions, export_model, write_files
from engine.export.training import timetable
from engine.export.writers.training_header import STATE_BYTES
from engine.nn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.storage import model_file
from tests.engine.conftest import Run
from tests.engine.export.learners import (
    Lessons,
    as_on_a_device,
    in_order_of_c,
    learn_in_c,
    learn_in_engine,
    training_memory,
)
from tests.engine.export.programs import (
    C99,
    CAMPAIGN,
    SANITIZED,
    STRICT,
    build,
    compiler,
    facts_of,
    random_model,
)

SPEC = ModelSpec((Conv2D(4, 3), MaxPool2D(2), Flatten(), Dense(6, "relu"), Dense(3)), (6, 8, 2))
MODEL = random_model(SPEC, 1, ("a", "b", "c"))
LEARNING = ExportOptions("net", test_vectors=0, training=True)

MAIN = """
#define NET_IMPLEMENTATION
#include "net.h"
#include <string.h>
static uint8_t image[NET_INPUT_SIZE];
static float kept[NET_WEIGHT_COUNT], other[NET_WEIGHT_COUNT];
#define SAME(a) (memcmp(net_weights, a, sizeof net_weights) == 0)
#define REQUIRE(what) if (!(what)) return __LINE__ - START
static int is_finite(float v) /* -Ofast would take it for granted */
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 23 & 255) != 255;
}
int main(void)
{
    float scores[NET_CLASS_COUNT], before[NET_CLASS_COUNT], infinite = 1e30f;
    volatile float zero = 0.0f;
    int i, best;
    infinite *= infinite;
    for (i = 0; i < NET_INPUT_SIZE; i++) image[i] = (uint8_t)(i * 37);
enum { START = __LINE__ };
    best = net_predict(image, before); /* the weights are there at once */
    memcpy(kept, net_weights, sizeof kept);
    REQUIRE(best >= 0 && best < NET_CLASS_COUNT && before[0] > 0.0f);
    REQUIRE(net_train_step(image, -1, 0.1f) == -1.0f && SAME(kept));
    REQUIRE(net_train_step(image, NET_CLASS_COUNT, 0.1f) == -1.0f && SAME(kept));
    REQUIRE(net_train_step(image, 0, -0.1f) == -1.0f && SAME(kept));
    REQUIRE(net_train_step(image, 0, zero / zero) == -1.0f && SAME(kept));
    REQUIRE(net_train_step(image, 0, infinite) == -1.0f && SAME(kept));
    REQUIRE(net_train_step(image, 0, 0.0f) > 0.0f && SAME(kept));
    for (i = 0; i < 50; i++) net_train_step(image, (best + 1) % NET_CLASS_COUNT, 0.05f);
    REQUIRE(net_predict(image, scores) == (best + 1) % NET_CLASS_COUNT && scores[best] < 0.2f);
    memcpy(other, net_weights, sizeof other);
    net_reset();
    REQUIRE(SAME(kept) && net_predict(image, scores) == best && memcmp(scores, before, sizeof scores) == 0);
    memcpy(net_weights, other, sizeof other); /* what was learned, brought back */
    REQUIRE(net_predict(image, scores) == (best + 1) % NET_CLASS_COUNT);
    net_init_random(7);
    memcpy(other, net_weights, sizeof other);
    REQUIRE(!SAME(kept));
    net_init_random(8);
    REQUIRE(!SAME(other));
    net_init_random(7);
    REQUIRE(SAME(other));
    net_init_random(0);
    REQUIRE(!SAME(other));
    net_weights[NET_WEIGHT_COUNT - 1] = infinite;
    memcpy(other, net_weights, sizeof other);
    REQUIRE(!is_finite(net_train_step(image, 0, 0.1f)) && SAME(other));
    return 0;
}
"""


def compiled(model: Model, main: str, folder: Path, *flags: str) -> Path:
    write_files(folder, export_model(model, "c-float32", LEARNING))
    (folder / "main.c").write_text(main, encoding="utf-8")
    build([compiler("gcc"), *C99, *STRICT, *flags], [folder / "main.c"], folder / "main")
    return folder / "main"


@pytest.mark.parametrize("flags", [SANITIZED, ("-O2",), ("-Ofast",)], ids=["-O0", "-O2", "-Ofast"])
def test_the_interface_keeps_its_promises(flags: tuple[str, ...], tmp_path: Path) -> None:
    assert subprocess.run([compiled(MODEL, MAIN, tmp_path, *flags)], check=False).returncode == 0


@pytest.mark.parametrize("name", PRESETS)
def test_the_memory_is_known_beforehand_to_the_byte(name: str, tmp_path: Path) -> None:
    model = random_model(PRESETS[name].build())
    write_files(tmp_path, export_model(model, "c-float32", LEARNING))
    source = tmp_path / "net.c"
    source.write_text('#define NET_IMPLEMENTATION\n#include "net.h"\n', encoding="utf-8")
    build([compiler("gcc"), *C99, *STRICT, "-c", "-O2", "-fno-pie"], [source], tmp_path / "net.o")
    listed = subprocess.run(["nm", "-S", tmp_path / "net.o"], capture_output=True, text=True, check=True)
    sizes = [int(size, 16) for size in re.findall(r"^\w+ (\w+) [bBdD] ", listed.stdout, re.MULTILINE)]
    assert sum(sizes) == training_memory(model, LEARNING)
    assert f"#define NET_RAM_BYTES {sum(sizes)} " in (tmp_path / "net.h").read_text(encoding="utf-8")
    assert facts_of(model, "c-float32", LEARNING).arena_bytes == sum(sizes)


def test_the_arena_is_hardly_larger_than_what_lives_together() -> None:
    for preset in PRESETS.values():
        found = timetable(random_model(preset.build()))
        moments = range(max(b.last for b in found.buffers) + 1)
        together = max(sum(b.size for b in found.buffers if b.first <= m <= b.last) for m in moments)
        assert together <= found.plan.size <= 1.08 * together


@pytest.mark.parametrize("name", [pytest.param("separable-cnn", marks=CAMPAIGN), "tinyml-cnn"])
def test_learning_is_the_same_to_the_bit_at_every_level(name: str, tmp_path: Path) -> None:
    """Without ``noipa`` gcc 12 leaves out calls at -O1 and -O2, see kernels/train_base.h."""
    model = random_model(PRESETS[name].build(10))
    lessons = [Lessons.random(model.spec, 3, 0.01)]
    results = []
    for program, levels in (("gcc", ("-O0", "-O1", "-O2")), ("clang", ("-O3",))):
        for level in levels:
            command = (compiler(program), *C99, *STRICT, level)
            (learned,) = learn_in_c([model], lessons, command, tmp_path)
            results.append(learned.losses.tobytes() + learned.last.tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("trained", [1, 2, 3, 9])
def test_only_the_last_layers_learn(trained: int, tmp_path: Path) -> None:
    layers: tuple[LayerSpec, ...] = (
        Conv2D(4, 3, activation="linear", bias=False),
        BatchNorm(),
        MaxPool2D(2),
        Conv2D(5, 3),
        MaxPool2D(2),
        Dropout(0.5),  # is off where nothing learns
        Flatten(),
        Dense(6, "relu"),
        Dense(3),
    )
    if trained > 2:
        layers = tuple(layer for layer in layers if not isinstance(layer, Dropout))
    model = random_model(ModelSpec(layers, (9, 8, 2)), 3)
    lessons = Lessons.random(model.spec, 4, 0.1)
    (learned,) = learn_in_c([model], [lessons], (compiler("gcc"), *C99, *STRICT), tmp_path, trained)
    twin = as_on_a_device(model)
    weighted = [row.index for row in twin.spec.rows() if row.parameters]
    losses, states = learn_in_engine(twin, lessons, frozen=weighted[max(0, len(weighted) - trained)])
    np.testing.assert_allclose(learned.losses, losses, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(learned.last, in_order_of_c(twin, states[-1], trained), atol=1e-5)


def test_fewer_layers_that_learn_take_less_memory() -> None:
    model = random_model(PRESETS["lenet"].build())
    sizes = [training_memory(model, ExportOptions(training=True, train_layers=n)) for n in (1, 2, 3, 0)]
    assert sizes == sorted(set(sizes))
    assert sizes[0] < 20_000


def test_dropout_drops_its_share_alike_in_every_run(tmp_path: Path) -> None:
    shape = (20, 20, 1)
    spec, plain = (ModelSpec((Flatten(), *drop, Dense(3)), shape) for drop in ((Dropout(0.25),), ()))
    model = random_model(spec)
    lesson = Lessons(np.full((1, *shape), 255, np.uint8), np.array([1], np.int32), np.ones(1, np.float32))
    runs = [learn_in_c([model], [lesson], (compiler("gcc"), *C99), tmp_path)[0] for _ in range(2)]
    assert np.array_equal(runs[0].first, runs[1].first)
    change = (runs[0].first - in_order_of_c(model, model.params))[: 3 * 400].reshape(3, 400)
    dropped = change[0] == 0
    assert dropped.mean() == pytest.approx(0.25, abs=0.08)
    assert (change[:, dropped] == 0).all()
    assert np.ptp(change[:, ~dropped], axis=1).max() < 1e-5
    (answer,) = learn_in_c(
        [Model(plain, model.params, model.classes)], [lesson], (compiler("gcc"), *C99), tmp_path
    )
    assert not np.array_equal(answer.first, runs[0].first)


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_what_was_dropped_gets_no_gradient(level: str, tmp_path: Path) -> None:
    spec = ModelSpec((Flatten(), Dense(200, "sigmoid"), Dropout(0.5), Dense(3)), (5, 5, 1))
    model, lessons = random_model(spec), Lessons.random(spec, 1, 1.0)
    (learned,) = learn_in_c([model], [lessons], (compiler("gcc"), *C99, *STRICT, level), tmp_path)
    change = learned.first - in_order_of_c(model, model.params)
    hidden, weights = change[25 * 200 : 26 * 200], change[26 * 200 : 29 * 200].reshape(3, 200)
    assert (hidden == 0).mean() == pytest.approx(0.5, abs=0.15)
    np.testing.assert_array_equal(hidden == 0, (weights == 0).all(axis=0))


def test_random_weights_are_spread_as_the_engine_spreads_them() -> None:
    model = Model.new(PRESETS["lenet"].build(), tuple("0123456789"), np.random.default_rng(0))
    found, place = timetable(model), 0
    for count, start in found.starts:
        part = found.weights[place : place + count]
        place += count
        assert part.mean() == pytest.approx(start.mean, abs=5 * start.spread / math.sqrt(count) + 1e-9)
        assert part.std() == pytest.approx(start.spread, rel=5 / math.sqrt(count))
    assert place == found.weights.size


def test_the_header_needs_nothing_but_stdint_and_says_what_it_does() -> None:
    model = random_model(PRESETS["tinyml-cnn"].build())
    (header,) = export_model(model, "c-float32", LEARNING).values()
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    assert re.findall(r"#include (\S+)", code) == ["<stdint.h>", "<avr/pgmspace.h>"]  # the second on AVR
    assert not re.search(r"\b(malloc|printf|expf|logf|memcpy|tm_\w+|TM_\w+)\b", code)
    head = re.sub(r"\s*\n \* ", " ", header[: header.index("*/")])
    ram = training_memory(model, LEARNING)
    for fact in ("loss: cross-entropy", "statistics of a single image", f"RAM: {ram:,} bytes of static"):
        assert fact in head
    assert header.isascii()
    assert (
        training_memory(model, LEARNING)
        == 4 * (timetable(model).weights.size + timetable(model).plan.size) + STATE_BYTES
    )


def test_a_network_without_weights_is_refused() -> None:
    model = Model(ModelSpec((Flatten(),), (1, 2, 3)), np.empty(0, np.float32), tuple("abcdef"))
    with pytest.raises(ExportError, match="no weights to train"):
        export_model(model, "c-float32", LEARNING)


def test_the_command_line_exports_code_that_learns(run: Run, saved: Path) -> None:
    code, out, _ = run(
        "export", saved, "--no-check", "--out", "c", "--name", "net", "--training", "--train-layers", 2
    )
    options = ExportOptions("net", training=True, train_layers=2)
    assert code == 0
    assert f"{training_memory(model_file.load(saved), options):,} bytes of static RAM" in out
    text = Path("c/net.h").read_text(encoding="utf-8")
    assert "float net_train_step(const uint8_t *image, int label, float learning_rate);" in text
    assert f"#define NET_WEIGHT_COUNT {32 * 33 + 10 * 33} " in text
