"""Networks that go out give LiteRT's answers in floats, and in int8 ours within LiteRT's single rounding.

TensorFlow Lite Micro rounds twice, as the engine does: it differs only where a scale of 32 bits does.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.boards.boards import BOARDS
from engine.cost.estimate import estimate
from engine.errors import ExportError
from engine.export import ExportOptions, prepare_export
from engine.formats.reader import ReadOptions
from engine.formats.tflite_files.read import READER
from engine.nn.layers import LAYERS, Activation, Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.network import IntegerPredictor
from engine.shapes import Shape
from tests.engine.export.int8_programs import quantized
from tests.engine.formats.peers import needed
from tests.engine.formats.tflite_files import peers
from tests.engine.helpers import CASES, network_around

for package in ("flatbuffers", "tflite"):
    needed(package)

COUNT = 12
BY_KIND = {kind: [(layer, shape) for layer, shape in CASES if layer.kind == kind][:40:8] for kind in LAYERS}
POOLED = ModelSpec((Conv2D(3, 3, padding="same"), MaxPool2D(2), Flatten(), Dense(4, "softmax")), (9, 7, 2))
CLIPPED = ModelSpec((Flatten(), Activation("relu6"), Dense(3)), (5, 5, 1))


def images(model: Model) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (COUNT, *model.spec.input_shape)).astype(np.uint8)


def exported(model: Model, name: str) -> bytes:
    return prepare_export(model, name, ExportOptions("net")).files["net.tflite"]


def check_float(model: Model) -> None:
    x = images(model)
    theirs = peers.litert(exported(model, "tflite"), (x / np.float32(255)).astype(np.float32))
    ours = Predictor(model, COUNT).logits(x)
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(ours).max())))


def check_int8(model: Model) -> None:
    x, predictor = images(model), IntegerPredictor(model)
    data, inputs, ours = exported(model, "tflite-int8"), (x ^ 128).view(np.int8), predictor.run(x)
    scalings = [getattr(stage.call, "requantization", None) for stage in predictor.network.stages]
    looked_up = any(scaling is not None and scaling.table is not None for scaling in scalings)
    for run, most in ((peers.litert, 1 + looked_up), (peers.micro, 1)):  # a step of tanh's input may be two
        off = np.abs(run(data, inputs).astype(int) - ours)
        assert off.max() <= most
        assert off.mean() < 0.1


def check_case(layer: LayerSpec, shape: Shape) -> None:
    """Check a layer in floats and in int8, where it goes out or is refused because of its slopes."""
    model = quantized(network_around(layer, shape, probe=False))
    check_float(model)
    try:
        exported(model, "tflite-int8")
    except ExportError as error:
        refused = str(error)
    else:
        check_int8(model)
        return
    assert re.fullmatch(r"TensorFlow Lite: layer \d \(PReLU\) .*\.", refused)


@pytest.mark.parametrize("kind", LAYERS)
def test_each_layer_goes_out(kind: str) -> None:
    for layer, shape in BY_KIND[kind]:
        check_case(layer, shape)


@pytest.mark.campaign
@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_case_goes_out(number: int) -> None:
    layer, shape = CASES[number]
    check_case(layer, shape)


@pytest.mark.parametrize("spec", [POOLED, CLIPPED], ids=["pool that leaves rows out", "limit by saturation"])
def test_networks_whose_operators_are_not_one_to_one(spec: ModelSpec) -> None:
    check_float(quantized(spec))
    check_int8(quantized(spec))


@pytest.mark.parametrize("name", ["lenet", "mlp-32-32"])
def test_a_network_that_goes_out_and_comes_back_is_the_same_on_a_board(name: str, tmp_path: Path) -> None:
    model = quantized(PRESETS[name].build())
    path = tmp_path / "net.tflite"
    path.write_bytes(exported(model, "tflite-int8"))
    back = READER.read(path, ReadOptions()).model
    x = images(model)
    assert np.array_equal(
        peers.micro(path.read_bytes(), (x ^ 128).view(np.int8)), IntegerPredictor(back).run(x)
    )
    first, second = (estimate(m, "c-int8", BOARDS["nano-33-ble"], ExportOptions()) for m in (model, back))
    assert second.instructions.value == pytest.approx(first.instructions.value, rel=0.01)
    assert second.ram.value == first.ram.value


def test_the_classes_are_in_the_label_file_and_come_back(tmp_path: Path) -> None:
    model = quantized(POOLED).replace(classes=("a b", "ü", "c", "d"))
    path = tmp_path / "net.tflite"
    path.write_bytes(exported(model, "tflite"))
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(model.classes)
    assert READER.read(path, ReadOptions()).model.classes == model.classes
    assert READER.recognizes(path.read_bytes()[:4096])
