"""The preset for an Arduino Uno: with the image it fits the board, and answers there as the engine does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.boards.boards import BOARDS
from engine.data import Catalogue
from engine.export import Vectors, make_vectors
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from engine.quantize.network import IntegerPredictor
from engine.shapes import size
from engine.training.config import TrainConfig
from engine.training.events import Finished
from engine.training.trainer import Trainer
from engine.verify.certificate import Certificate
from engine.verify.session import Setup, verify
from tests.engine.export.programs import random_model
from tests.engine.verify.emulation import need

UNO = BOARDS["arduino-uno"]
SPEC = PRESETS["uno-digits"].build(10)
SPARE = 64  # bytes of RAM that a program has for the rest, and for interrupts


def on_the_board(model: Model, vectors: Vectors) -> Certificate:
    """Run int8 code, compiled for size, in the simulator."""
    need("avr")
    return verify(model, "c-int8", ["avr"], vectors, Setup(optimization="s", counted=1))


def test_it_fits_with_the_image() -> None:
    model = random_model(SPEC)
    images = make_vectors(model, 40).images
    model = model.replace(quantization=calibrate(model, images))
    (result,) = on_the_board(model, make_vectors(model, 3)).results
    assert result.passed
    (predict,) = (figures for figures in result.figures if figures.function == "predict")
    ram = size(SPEC.input_shape) + predict.ram_bytes
    assert ram + SPARE <= UNO.ram_bytes
    assert predict.flash_bytes <= UNO.flash_bytes // 2


def test_it_learns_digits_and_tells_them_apart_on_the_board(data_dir: Path) -> None:
    catalogue = Catalogue([data_dir])
    train, test = (catalogue.load("mnist", part) for part in ("train", "test"))
    config = TrainConfig(epochs=1, batch_size=32, seed=1)
    model = Model.new(SPEC, train.classes, np.random.default_rng(1))
    *_, last = Trainer(model, train, config).run()
    assert isinstance(last, Finished)
    model = last.model.replace(quantization=calibrate(last.model, train.images[:500]))
    assert np.mean(IntegerPredictor(model).logits(test.images).argmax(1) == test.labels) >= 0.96
    certificate = on_the_board(model, make_vectors(model, 20, test))
    assert certificate.passed
