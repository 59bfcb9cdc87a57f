"""The record of a training: typed where it is understood, and kept whole where it is not."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, asdict, replace
from typing import Any

import pytest

from engine.record import UNTRAINED, EpochDone, Metrics, StartingPoint, TrainingRecord

EPOCH = EpochDone(1, 2, 0.5, 0.75, math.nan, math.nan, 1000.0)
FULL = TrainingRecord(
    command="tinyml train",
    start=StartingPoint(fingerprint="0123", command="tinyml train --out first.tinyml"),
    data="digits",
    config={"loss": "mse", "epochs": 2},
    threads=1,
    history=(EPOCH,),
    reason="completed",
    pretrained_on=("letters",),
    metrics=Metrics(data="digits", images=10, accuracy=0.5, loss=1.25),
    finetuning=TrainingRecord(data="digits", threads=2),
)


def test_a_record_survives_json() -> None:
    text = json.dumps(FULL.to_json(), allow_nan=False)
    read = TrainingRecord.from_json(json.loads(text))
    assert read == FULL
    assert json.dumps(read.to_json()) == text


def test_what_is_not_known_is_not_written() -> None:
    assert UNTRAINED.to_json() == {}
    assert TrainingRecord.from_json({}) == UNTRAINED
    assert TrainingRecord(history=(), metrics=Metrics()).to_json() == {"history": [], "metrics": {}}


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        FULL.data = "other"  # type: ignore[misc]


def test_fields_of_a_newer_version_and_the_order_are_kept() -> None:
    value: dict[str, Any] = {
        "threads": 3,
        "energy": {"joules": 5},
        "metrics": {"loss": 1, "recall": [0.5], "data": "digits"},
        "data": "digits",
    }
    read = TrainingRecord.from_json(value)
    assert (read.threads, read.others) == (3, {"energy": {"joules": 5}})
    assert json.dumps(read.to_json()) == json.dumps(value)
    changed = replace(read, reason="stopped", threads=4).to_json()
    assert list(changed.items()) == [("threads", 4), *list(value.items())[1:], ("reason", "stopped")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("command", ["tinyml"]),
        ("start", "first"),
        ("data", 3),
        ("config", []),
        ("threads", True),
        ("threads", -1),
        ("threads", 1.5),
        ("history", 4),
        ("history", [{"loss": 0.25}]),
        ("history", [{**asdict(EPOCH), "validation_loss": "low"}]),
        ("history", [{**asdict(EPOCH), "energy": 1.0}]),
        ("pretrained_on", ["letters", 3]),
        ("metrics", None),
        ("finetuning", "yes"),
    ],
)
def test_a_value_of_another_type_is_not_known_but_kept(name: str, value: object) -> None:
    read = TrainingRecord.from_json({name: value})
    assert getattr(read, name) is None
    assert read != UNTRAINED
    assert read.to_json() == TrainingRecord(others={name: value}).to_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [("accuracy", 1.5), ("accuracy", "high"), ("accuracy", 10**400), ("images", 10**400), ("loss", None)],
)
def test_a_figure_out_of_range_is_not_known(name: str, value: object) -> None:
    read = Metrics.from_json({name: value})
    assert getattr(read, name) is None
    assert read.to_json() == {name: value}


def test_a_new_value_takes_the_place_of_one_that_was_not_understood() -> None:
    read = TrainingRecord.from_json({"metrics": "good", "data": "digits"})
    made = replace(read, metrics=Metrics(accuracy=1.0))
    assert made.to_json() == {"metrics": {"accuracy": 1.0}, "data": "digits"}


@pytest.mark.parametrize(
    ("record", "loss"),
    [(FULL, "mse"), (UNTRAINED, ""), (TrainingRecord(config={"loss": 3}), "")],
)
def test_the_loss_of_the_configuration(record: TrainingRecord, loss: str) -> None:
    assert record.loss == loss
