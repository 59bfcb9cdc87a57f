"""Models: parameters that cannot be changed behind anyone's back, and faults at birth."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from engine.errors import SpecError
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord

SPEC = ModelSpec((Flatten(), Dense(3)), (2, 2, 1))
CLASSES = ("a", "b", "c")


def fresh(seed: int = 0) -> Model:
    return Model.new(SPEC, CLASSES, np.random.default_rng(seed))


def test_parameters_are_a_copy_that_cannot_be_written() -> None:
    params = np.arange(15, dtype=np.float32)
    model = Model(SPEC, params, CLASSES)
    params[...] = 0
    assert model.params[1] == 1
    with pytest.raises(ValueError, match="read-only"):
        model.params[0] = 1
    with pytest.raises(FrozenInstanceError):
        model.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("size", [0, 14, 16])
def test_wrong_number_of_parameters(size: int) -> None:
    with pytest.raises(SpecError, match="15 parameters"):
        Model(SPEC, np.zeros(size, np.float32), CLASSES)


@pytest.mark.parametrize("classes", [(), ("a", "b"), ("a", "b", "c", "d")])
def test_wrong_number_of_classes(classes: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match="3 outputs"):
        Model.new(SPEC, classes, np.random.default_rng(0))


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(SpecError, match="Layer 1"):
        Model.new(ModelSpec((Dense(3),), (2, 2, 1)), CLASSES, np.random.default_rng(0))


def test_fingerprint_is_of_what_computes() -> None:
    model = fresh()
    assert model.fingerprint == fresh().fingerprint == model.replace(name="other").fingerprint
    changed = model.params.copy()
    changed[3] = np.nextafter(changed[3], np.float32(9))
    others = [
        fresh(1),
        model.replace(params=changed),
        model.replace(classes=("a", "b", "d")),
        model.replace(classes=("b", "a", "c")),
    ]
    assert len({model.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_trained_models_have_a_record() -> None:
    assert not fresh().trained
    assert fresh().replace(record=TrainingRecord(data="x")).trained


def test_models_share_parameters_that_nobody_can_write() -> None:
    spec = ModelSpec((Flatten(), Dense(3)), (2, 2, 1))
    model = Model.new(spec, ("a", "b", "c"), np.random.default_rng(0))
    assert model.replace(name="other").params is model.params
    mine = model.params.copy()
    seen = mine[:]
    seen.setflags(write=False)
    other = model.replace(params=seen)
    mine[0] += 1  # still possible: what was given is only a view
    assert other.params[0] == model.params[0]
