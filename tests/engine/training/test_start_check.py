"""Whether data fit a model: one rule for training, testing, fine-tuning and the window."""

from __future__ import annotations

import numpy as np

from engine.data.dataset import Dataset
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.training.start_check import misfit


def model_of(classes: str, side: int = 4) -> Model:
    spec = ModelSpec((Flatten(), Dense(len(classes))), (side, side, 1))
    return Model.new(spec, tuple(classes), np.random.default_rng(0))


def data_of(classes: str, side: int = 4) -> Dataset:
    labels = np.arange(len(classes), dtype=np.uint8)
    return Dataset("things", np.zeros((len(classes), side, side, 1), np.uint8), labels, tuple(classes))


def test_what_fits_has_no_words() -> None:
    assert misfit(model_of("abc"), data_of("abc")) == ""


def test_images_of_another_size_are_told_with_both_sizes() -> None:
    wrong = misfit(model_of("abc"), data_of("abc", side=5))
    assert wrong.startswith("The images of things are 5×5×1, but the network reads 4×4×1;")


def test_other_classes_are_told_with_both_lists() -> None:
    wrong = misfit(model_of("abc"), data_of("abcd"), title="My things")
    assert wrong.startswith("My things has 4 classes (a b c d), but the model knows 3 (a b c);")
    assert "has 3 classes (x y z), but the model knows 3 (a b c)" in misfit(model_of("abc"), data_of("xyz"))
