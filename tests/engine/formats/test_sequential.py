"""Sequential text goes both ways with the answers of its own program, which transposes when it pools."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError, FileError
from engine.export import ExportOptions, prepare_export
from engine.formats import READERS
from engine.formats.imports import read_with
from engine.formats.reader import ReadOptions
from engine.formats.sequential_files import read as read_module
from engine.nn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
)
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from tests.engine.conftest import Run
from tests.engine.formats import sequential_program
from tests.engine.formats.samples import random_model, written

SEQUENTIAL = READERS["sequential"]


def conv(filters: int, kernel: int, activation: str = "sigmoid", **fields: object) -> Conv2D:
    return Conv2D(filters, kernel, activation=activation, bias=False, **fields)  # type: ignore[arg-type]


def head(units: int = 3) -> tuple[LayerSpec, ...]:
    return (Flatten(), Dense(units, "sigmoid"))


SPECS = {
    "one-pool": ((conv(2, 3), MaxPool2D(2), *head()), 8, 8),
    "two-pools": ((conv(3, 5), AvgPool2D(2), conv(4, 3), AvgPool2D(2), *head()), 12, 12),
    "three-pools": ((AvgPool2D(2), conv(3, 3), MaxPool2D(2), conv(4, 3), MaxPool2D(2), *head()), 16, 16),
    "pool-then-oblong": ((MaxPool2D(3), conv(2, 2, padding="valid", stride=2), *head(4)), 15, 15),
    "oblong-image": ((conv(2, 3, padding="valid"), *head()), 5, 9),
    "even-kernel": ((conv(2, 4), MaxPool2D(2), conv(2, 2), *head()), 8, 8),
    "stride": ((conv(2, 5, stride=2), MaxPool2D(2), conv(3, 3, stride=3), *head()), 8, 8),
    "tall-stride": ((conv(2, 3, stride=2), conv(2, 4, stride=3), *head()), 9, 14),
    "global-pool": ((conv(3, 3, "linear"), GlobalAvgPool2D(), Dense(2, "sigmoid")), 16, 16),
    "dense-only": ((Flatten(), Dense(5), Activation("sigmoid"), Dropout(), Dense(2, "sigmoid")), 4, 6),
    "batch-norm": ((AvgPool2D(2), Flatten(), Dense(5), BatchNorm(), Activation("sigmoid"), *head()), 6, 6),
    "activation-alone": ((MaxPool2D(2), Activation("sigmoid"), conv(2, 3, "linear"), *head()), 8, 8),
}
NETWORKS = pytest.mark.parametrize("name", SPECS)


def model_of(name: str) -> Model:
    layers, height, width = SPECS[name]
    return random_model(ModelSpec(layers, (height, width, 1)))


def text_of(model: Model) -> str:
    files = prepare_export(model, "sequential", ExportOptions("net")).files
    assert list(files) == ["net.txt"]
    return files["net.txt"].decode()


def images_for(model: Model, count: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, *model.spec.input_shape), np.uint8)


def read(folder: Path, text: str) -> Model:
    return read_with(SEQUENTIAL, written(folder, text.encode(), ".txt"), ReadOptions()).model


def check_same(model: Model, text: str) -> None:
    images = images_for(model)
    theirs = np.array([sequential_program.run(text, image[..., 0]) for image in images])
    np.testing.assert_allclose(Predictor(model).logits(images), theirs, rtol=1e-5, atol=1e-6)


@NETWORKS
def test_the_other_program_finds_the_model_s_answers(name: str) -> None:
    check_same(model_of(name), text_of(model_of(name)))


@NETWORKS
def test_what_is_read_gives_the_other_program_s_answers(name: str, tmp_path: Path) -> None:
    text = text_of(model_of(name))
    check_same(read(tmp_path, text), text)


@pytest.mark.parametrize("name", ["one-pool", "two-pools", "three-pools", "oblong-image", "pool-then-oblong"])
def test_weights_come_back_with_the_same_bits(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    back = read(tmp_path, text_of(model))
    assert (back.spec, back.params.tobytes()) == (model.spec, model.params.tobytes())


def test_the_pool_s_transposition_is_in_the_weights_behind_it() -> None:
    """Without the quirk the file would hold the kernel as it is; a second pool undoes it."""
    model = model_of("three-pools")
    kernels = ParamLayout(model.spec).named(model.params)
    lines = text_of(model).splitlines()
    first = np.array(lines[lines.index("3 3 1") + 1].split(), float)
    second = np.array(lines[lines.index("3 3 3") + 1].split(), float)
    np.testing.assert_array_equal(first.reshape(3, 3), kernels["1.weight"][0, :, :, 0].T)
    np.testing.assert_array_equal(second.reshape(3, 3, 3), kernels["3.weight"][0].transpose(2, 0, 1))


OBLONG = """\
9 7 4
2
9 7 1 4 3 2 1 1 2
4 3 1
0.100000 0.2 -0.3 0.4 0.5 0.6 0.7 0.8 0.9 -1.0 1.1 1.2
4
5 4 1 sigmoid
5
5 4 1
1
20 1 2 3 """ + " ".join(f"{0.01 * (i % 17) - 0.07:.20e}" for i in range(51))


def test_a_file_written_by_hand_with_oblong_kernels_and_hidden_layers(tmp_path: Path) -> None:
    model = read(tmp_path, OBLONG)
    assert [type(layer) for layer in model.spec.layers] == [Conv2D, Flatten, Dense, Dense]
    check_same(model, OBLONG)


def test_six_printed_decimals_are_taken_as_they_are(tmp_path: Path) -> None:
    model = read(tmp_path, OBLONG)
    assert np.float32(0.1) in model.params
    assert np.float32(-0.3) in model.params


def test_what_the_file_says_cannot_be_told_again(tmp_path: Path) -> None:
    path = written(tmp_path, OBLONG.encode(), ".txt")
    with pytest.raises(FileError, match="Sequential text says its network itself; leave that option out"):
        read_with(SEQUENTIAL, path, ReadOptions(PRESETS["lenet"].build()))


def test_a_dense_layer_straight_after_a_pool_is_flattened_first(tmp_path: Path) -> None:
    text = "4 4 2\n3\n0 2 4 1\n1\n4 0 0 1 0.5 1 2 3 4"
    check_same(read(tmp_path, text), text)


def test_the_classic_network_goes_out(run: Run) -> None:
    spec = PRESETS["lenet-tinyml"].build()
    model = Model.new(spec, tuple("0123456789"), np.random.default_rng(0))
    text = text_of(model)
    assert text.startswith("28 28 10\n2\n28 28 1 5 5 2 2 6 1\n5 5 1\n")


def refusal(*layers: LayerSpec, shape: tuple[int, int, int] = (8, 8, 1)) -> str:
    with pytest.raises(ExportError) as caught:
        text_of(random_model(ModelSpec(layers, shape)))
    return str(caught.value)


def test_the_loss_report_names_every_layer_and_what_to_do() -> None:
    found = refusal(
        Conv2D(2, 3, activation="relu"),
        MaxPool2D(3),
        DepthwiseConv2D(3),
        Flatten(),
        Dense(4),
        Dense(3, "tanh"),
    )
    assert found == (
        "Sequential text cannot express this network: "
        "layer 1, Convolution, has a bias (train it without one); "
        "layer 1, Convolution, computes relu (choose sigmoid or linear); "
        "layer 2, Max pool, reads 8×8 (make it a square of a multiple of 3); "
        "layer 3, Depthwise convolution, has no counterpart (leave it out); "
        "layer 5, Dense, does not end in a sigmoid (give it that activation); "
        "layer 6, Dense, computes tanh (choose sigmoid)."
    )


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Flatten(), Dense(2)), "layer 2, Dense, does not end in a sigmoid"),
        ((Flatten(), Dense(2), Activation("relu")), "layer 2, Dense, does not end in a sigmoid"),
        ((Flatten(),), "it ends in a flat feature map (add a dense layer)"),
        ((conv(2, 3), BatchNorm(), *head()), "layer 2, Batch norm, has no counterpart"),
    ],
)
def test_what_is_lost_is_told(layers: tuple[LayerSpec, ...], words: str) -> None:
    assert words in refusal(*layers)


def test_colours_are_refused() -> None:
    assert "its images have 3 channels" in refusal(*head(), shape=(4, 4, 3))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4 4 1\n6\n", "layer 1 has the unknown type 6"),
        ("4 4 101\n1\n", "it has 101 layers; 1 to 100 are supported"),
        ("4 4 1\n2\n5 4 1 1 1 0 0 1 1\n1 1 1\n1", "convolution states an input of 5×4×1, but gets 4×4×1"),
        ("4 4 1\n2\n4 4 1 3 3 0 0 1 1\n3 3 2\n1", "a filter is 3×3×2, but the layer needs 3×3×1"),
        ("4 4 1\n2\n4 4 1 3 3 0 0 1 0\n", "with stride 0"),
        ("4 4 1\n2\n4 4 1 3 3 3 3 1 1\n3 3 1\n" + "1 " * 9, "has no counterpart here; pad so that"),
        ("4 4 1\n2\n4 4 1 3 3 0 0 999999 1\n3 3 1\n1", "more than the file has"),
        ("4 4 1\n3\n2 2 4 1", "pooling has the kind 2"),
        ("4 5 1\n3\n0 2 4 1", "pooling states an input of 4×4×1, but gets 4×5×1"),
        ("4 4 2\n5\n4 4 1\n3\n0 2 4 1" + " " * 40, "layer 2: pooling after the network was flattened"),
        ("4 4 1\n4\n4 4 1 softmax", "its function 'softmax' is unknown; known are linear, relu"),
        ("4 4 2\n5\n4 4 1\n1\n9 0 0 1 " + "1 " * 10, "dense has 9 inputs, but gets 16 numbers"),
        ("4 4 1\n5\n4 4 1" + " " * 40, "it needs a dense layer"),
        ("9 9 1\n5\n9 9 1\n1\n81", "the weights behind it must be 81 numbers, more than the file has"),
        ("900000 900000 1\n5\n900000 900000 1", "the weights behind it must be 810,000,000,000 numbers"),
        (
            "4 4 2\n1\n16 0 0 2 " + "1 " * 34 + "\n1\n3 0 0 1 1 1 1 1",
            "layer 2: dense has 3 inputs, but gets 2",
        ),
        ("4 4 1\n3\n0 2 4 1", "must end in one number for each class"),
        ("4 4 1\n1\n16 0 0 1 1" + " " * 20, "layer 1, its layer 1: the weights must be 17 numbers"),
    ],
)
def test_faults_name_the_layer(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=re.escape(words)):
        read(tmp_path, text)


def test_oblong_kernels_do_not_grow_beyond_all_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_module, "_MOST_WEIGHTS", 24)
    with pytest.raises(FileError, match="layer 1: convolution would have more than 24 weights"):
        read(tmp_path, OBLONG)


def random_spec(rng: np.random.Generator) -> ModelSpec:
    """Return a random network that the format can express."""
    side = int(rng.choice([8, 12, 16]))
    layers: list[LayerSpec] = []
    spec = ModelSpec((), (side, side, 1))
    shape = spec.input_shape
    for _ in range(int(rng.integers(1, 5))):
        size = int(rng.integers(2, 4))
        pools = [
            pool for pool in (MaxPool2D(size), AvgPool2D(size)) if shape[0] % size == 0 and shape[0] > size
        ]
        kernel = int(rng.integers(1, min(6, shape[0] + 1)))
        fields = {"stride": int(rng.integers(1, 4)), "padding": str(rng.choice(["same", "valid"]))}
        choices = [
            conv(int(rng.integers(1, 4)), kernel, str(rng.choice(["sigmoid", "linear"])), **fields),
            *pools,
        ]
        layers.append(choices[int(rng.integers(len(choices)))])
        shape = layers[-1].out_shape(shape)
    return ModelSpec((*layers, *head()), spec.input_shape)


def try_random(count: int, seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    for number in range(count):
        model = random_model(random_spec(rng), number)
        text = text_of(model)
        check_same(model, text)
        check_same(read(folder, text), text)


def test_random_networks_go_both_ways(tmp_path: Path) -> None:
    try_random(12, 0, tmp_path)


@pytest.mark.campaign
def test_many_random_networks_go_both_ways(tmp_path: Path) -> None:
    try_random(2000, int(np.random.SeedSequence().generate_state(1)[0]), tmp_path)
