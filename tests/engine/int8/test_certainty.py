"""A calibration gives verdicts, belongs to parameters and classes, and comes back from a file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from engine.errors import FieldError, ProjectError, SpecError
from engine.int8.arithmetic import Affine
from engine.int8.certainty import REJECTED, Certainty, verdicts
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.storage.test_model_file import entries_of, zipped

PLAIN = Model.new(ModelSpec((Flatten(), Dense(3)), (2, 2, 1)), ("a", "b", "c"), np.random.default_rng(0))
CERTAINTY = Certainty((0.5, -1.25, 3.0), 1.5, "mnist", 100, 0.95)
MODEL = PLAIN.replace(certainty=CERTAINTY)


def test_a_winner_needs_the_least_output_of_its_class() -> None:
    outputs = np.array([[0.5, 0, 0], [0.49, 0, 0], [-3, -1.25, -2], [0, 0, 2.9], [np.nan, 9, 9]], np.float32)
    assert verdicts(outputs, CERTAINTY.float_least).tolist() == [0, REJECTED, 1, REJECTED, REJECTED]


def test_in_int8_the_least_output_is_rounded_up_and_stays_reachable() -> None:
    least = CERTAINTY.int8_least(Affine(0.02, -10))
    assert least.dtype == np.int8
    assert least.tolist() == [15, -72, 127]  # 0.5 is 25 steps, -1.25 is -62.5, and 3 is beyond int8


def test_other_parameters_or_classes_drop_it() -> None:
    assert MODEL.replace(name="other").certainty == CERTAINTY
    assert MODEL.replace(params=2 * MODEL.params).certainty is None
    assert MODEL.replace(classes=("x", "y", "z")).certainty is None


def test_it_fits_the_classes_and_changes_the_fingerprint() -> None:
    assert MODEL.fingerprint != PLAIN.fingerprint
    with pytest.raises(SpecError, match="3 classes but its calibration 2"):
        PLAIN.replace(certainty=Certainty((0.0, 1.0)))


def test_it_comes_back_from_a_file() -> None:
    found = model_file.from_bytes(model_file.to_bytes(MODEL), "m")
    assert found.certainty == CERTAINTY
    assert found.fingerprint == MODEL.fingerprint


def test_a_file_without_it_does_not_mention_it() -> None:
    assert model_file.to_bytes(MODEL.replace(certainty=None)) == model_file.to_bytes(PLAIN)
    assert b"certainty" not in entries_of(model_file.to_bytes(PLAIN))["model.json"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "update the application"),
        ({"version": None}, "with a version"),
        ({"least": "many"}, "must be a list"),
        ({"least": [1.0, "x", 2.0]}, "finite numbers"),
        ({"least": [1.0, 2.0]}, "3 classes but its calibration 2"),
        ({"least": [1.0, 2.0, 1e39]}, "finite numbers"),
        ({"temperature": 0}, "from 0.01 to 100"),
        ({"temperature": None}, "from 0.01 to 100"),
        ({"data": 3}, "must name its data"),
        ({"images": -1}, "must name its data"),
        ({"accepted": 1.5}, "must name its data"),
    ],
)
def test_a_damaged_one_gives_one_sentence(changes: dict[str, Any], reason: str) -> None:
    entries = entries_of(model_file.to_bytes(MODEL))
    description = json.loads(entries["model.json"])
    description["certainty"] |= changes
    data = zipped(entries | {"model.json": json.dumps(description).encode()})
    with pytest.raises(ProjectError, match=reason) as caught:
        model_file.from_bytes(data, "m.tinyml")
    assert str(caught.value).startswith("m.tinyml")
    assert "\n" not in str(caught.value)


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(FieldError, match="JSON object"):
        Certainty.from_json([1, 2])
