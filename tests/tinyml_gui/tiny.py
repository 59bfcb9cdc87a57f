"""A data set that is learned in a moment: bright spots, a class for each place."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import Catalogue, Dataset
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from tinyml_gui.background import quantize_jobs
from tinyml_gui.viewmodels.accuracy import Accuracies

PATIENCE = 60_000  # ms that a busy machine may need
SHAPE = (4, 4, 1)


def spots(
    count: int = 320, classes: int = 4, name: str = "starter", shape: tuple[int, int, int] = SHAPE
) -> Dataset:
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % classes).astype(np.uint8)
    images = rng.integers(0, 60, (count, *shape), dtype=np.uint8)
    images.reshape(count, -1)[np.arange(count), labels] = 255
    return Dataset(name, images, labels, tuple("abcdefghij"[:classes]))


def spot_model(classes: int = 4, units: int = 6, activation: str = "relu") -> Model:
    spec = ModelSpec((Flatten(), Dense(units, activation), Dense(classes)), SHAPE)
    return Model.new(spec, tuple("abcdefghij"[:classes]), np.random.default_rng(1), "spots")


class TinyCatalogue(Catalogue):
    """Gives spots under the starter's name, and whatever else a test puts in."""

    def __init__(self, **others: Dataset) -> None:
        super().__init__()
        self.sets = {"starter": spots(), **others}
        self.loaded_on: set[int] = set()

    def present(self) -> tuple[str, ...]:
        return ("starter",)

    def load(self, name_or_path: str, part: str) -> Dataset:
        self.loaded_on.add(threading.get_ident())
        key = Path(name_or_path).name
        return self.sets[key] if key in self.sets else super().load(name_or_path, part)


def metrics_of(in_float: float, in_int8: float, images: int, flips: int = 0) -> dict[str, float]:
    """Return what was measured as a quantization keeps it."""
    return {"float_accuracy": in_float, "accuracy": in_int8, "images": images, "flips": flips}


def pretend_before(monkeypatch: pytest.MonkeyPatch, in_int8: float) -> None:
    """Let each fine-tuning find that the model before it had this accuracy in int8."""
    real = quantize_jobs.tune

    def tune(order: quantize_jobs.QuantizeOrder) -> Generator[Any, None, quantize_jobs.Compared]:
        found = yield from real(order)
        return replace(found, before=Accuracies(1.0, in_int8))

    monkeypatch.setattr(quantize_jobs, "tune", tune)
