from __future__ import annotations

import math

import pytest

from engine.data.catalogue import STARTER
from engine.nn.model import Model
from engine.record import TrainingRecord
from engine.training.optimizers import OPTIMIZERS
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.viewmodels.accuracy import tested_on as words_of_test
from tinyml_gui.viewmodels.starts import (
    CONTINUE,
    FRESH,
    data_title,
    pretrained_on,
    proposed_rate,
    proposed_start,
    trained_on,
)

RATE = OPTIMIZERS["sgd"].default_rate


def learned(data: object, **more: object) -> Model:
    return spot_model().replace(record=TrainingRecord.from_json({"data": data, **more}))


@pytest.mark.parametrize(
    ("model", "data", "shipped", "start"),
    [
        (spot_model(), STARTER, False, CONTINUE),
        (spot_model(), STARTER, True, CONTINUE),
        (learned("mnist"), "mnist", False, CONTINUE),
        (learned("mnist"), "mnist", True, FRESH),
        (learned("mnist"), STARTER, False, FRESH),
        (learned(STARTER, pretrained_on=["mnist"]), STARTER, False, CONTINUE),
        (learned(3), STARTER, False, FRESH),
    ],
)
def test_going_on_is_proposed_only_where_it_cannot_harm(
    model: Model, data: str, shipped: bool, start: str
) -> None:
    assert proposed_start(model, data, shipped) == start


@pytest.mark.parametrize(
    ("start", "model", "rate", "proposed"),
    [
        (CONTINUE, learned("mnist"), RATE, RATE / 10),
        (CONTINUE, spot_model(), RATE, RATE),
        (FRESH, learned("mnist"), RATE / 10, RATE),
        ("lenet", learned("mnist"), RATE / 10, RATE),
        (CONTINUE, learned("mnist"), 0.0123, 0.0123),
    ],
)
def test_a_rate_for_what_has_learned_already_is_gentle(
    start: str, model: Model, rate: float, proposed: float
) -> None:
    assert math.isclose(proposed_rate(start, model, "sgd", rate), proposed)


def test_what_was_learned_from_before_is_not_forgotten() -> None:
    assert pretrained_on(learned("mnist"), STARTER) == ("mnist",)
    assert pretrained_on(learned(STARTER, pretrained_on=["mnist"]), STARTER) == ("mnist",)
    assert pretrained_on(learned(STARTER), STARTER) == ()
    assert trained_on(learned(None, pretrained_on=3)) == ()


@pytest.mark.parametrize(("earlier", "seen"), [(["mnist"], True), ([], False), (["emnist"], False)])
def test_a_score_on_images_of_the_training_says_so(earlier: list[str], seen: bool) -> None:
    metrics = {"data": STARTER, "images": 1000, "accuracy": 1}
    model = learned(STARTER, pretrained_on=earlier, metrics=metrics)
    assert ("in its training" in words_of_test(model)) is seen


@pytest.mark.parametrize("path", ["/home/me/digits", "C:\\data\\digits", "digits"])
def test_a_folder_is_called_by_its_last_part(path: str) -> None:
    assert data_title(path) == "digits"
