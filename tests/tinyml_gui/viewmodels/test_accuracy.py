from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.nn.model import Model
from engine.quantize.network import untrained_quantization
from engine.record import TrainingRecord
from tests.tinyml_gui.tiny import metrics_of, spot_model
from tinyml_gui.document.document import Document
from tinyml_gui.viewmodels.accuracy import (
    Accuracies,
    Activity,
    Flip,
    Flips,
    Tuning,
    accuracies,
    flips_sentence,
    loss_sentence,
    measured,
    summary,
)
from tinyml_gui.viewmodels.model_editor import head

IMAGE = np.zeros((4, 4, 1), np.uint8)


def model(recorded: float = math.nan, count: int = 100, /, **metrics: float) -> Model:
    known = {} if math.isnan(recorded) else {"accuracy": recorded, "images": count, "data": "mnist"}
    made = spot_model().replace(record=TrainingRecord.from_json({"data": "mnist", "metrics": known}))
    quantization = replace(untrained_quantization(made.spec), metrics=metrics)
    return made.replace(quantization=quantization)


def test_both_columns_where_both_are_of_the_same_images() -> None:
    found = accuracies(model(0.99, 100, **metrics_of(0.99, 0.985, 100)))
    assert (found.in_float, found.in_int8) == (0.99, 0.985)
    assert found.int8_words == "98.5 %"
    assert "100 test images" in found.words


def test_int8_on_other_images_stands_nowhere_beside_the_recorded_accuracy() -> None:
    tested = model(0.99, 10_000, **metrics_of(1.0, 0.9, 20))
    assert math.isnan(accuracies(tested).in_int8)
    assert accuracies(tested).int8_words == ""
    assert measured(tested).in_int8 == 0.9
    assert measured(tested).words == "on 20 test images"


def test_a_model_without_a_record_has_what_was_measured() -> None:
    found = accuracies(model(**metrics_of(0.75, 0.5, 4)))
    assert (found.in_float, found.in_int8, found.words) == (0.75, 0.5, "on 4 test images")
    assert math.isnan(accuracies(spot_model()).in_float)


def test_the_head_has_both() -> None:
    shown = head(Document.of(model(0.99, 100, **metrics_of(0.99, 0.985, 100))))
    assert (shown.figure, shown.in_int8) == ("99.0 %", "98.5 %")


@pytest.mark.parametrize("metrics", [{"accuracy": 7.0}, {"accuracy": 0.5, "images": -1.0}, {"images": 1e300}])
def test_a_file_may_say_anything(metrics: dict[str, float]) -> None:
    found = measured(model(**metrics))
    assert math.isnan(found.in_float)
    assert found.words == "on test images"


@pytest.mark.parametrize(
    ("in_int8", "words"),
    [
        (0.99, "int8 is as accurate as float."),
        (0.9896, "int8 is as accurate as float."),
        (0.98, "int8 is 1.00 percentage points below float."),
        (0.9925, "int8 is 0.25 percentage points above float."),
        (math.nan, ""),
    ],
)
def test_what_int8_costs(in_int8: float, words: str) -> None:
    assert loss_sentence(Accuracies(0.99, in_int8)) == words


def test_flips_in_words() -> None:
    assert flips_sentence(Flips(1000)) == "None of 1,000 test images changes its class."
    assert flips_sentence(Flips(10, 1, 1)) == "1 of 10 test images changes its class: 1 for the worse."
    several = flips_sentence(Flips(1000, 7, 4, 2))
    assert several.startswith("7 of 1,000 test images change their class: ")
    assert several.endswith("4 for the worse, 2 for the better, 1 from wrong to wrong.")
    lost, won, neither = Flip(IMAGE, "a", "a", "b"), Flip(IMAGE, "b", "a", "b"), Flip(IMAGE, "c", "a", "b")
    assert (lost.is_lost, lost.is_won) == (True, False)
    assert (won.is_lost, won.is_won) == (False, True)
    assert (neither.is_lost, neither.is_won) == (False, False)
    assert lost.tip == "This is a. In float it is taken for a, in int8 for b."


def test_the_summary_says_what_is_known() -> None:
    ready = model(**metrics_of(0.99, 0.99, 10))
    assert summary(ready, Activity.NONE, Flips(10), "").sentence.startswith(
        "int8 is as accurate as float. None of"
    )
    assert summary(model(), Activity.NONE, None, "").sentence.startswith("Ready for int8; it was not")
    assert summary(spot_model(), Activity.NONE, None, "").sentence == "Not brought to int8 yet."
    untrained = spot_model().replace(quantization=ready.quantization)
    said = summary(untrained, Activity.NONE, None, "")
    assert (said.sentence, said.role) == ("The network is not trained: its answers are random.", "warning")
    assert summary(ready, Activity.CALIBRATING, None, "").sentence == Activity.CALIBRATING.value
    tuning = summary(ready, Activity.TUNING, None, "", 12.0)
    assert tuning.sentence == f"{Activity.TUNING.value} 15 s left"
    failed = summary(ready, Activity.NONE, None, "there are no images; choose some.")
    assert (failed.sentence, failed.role) == ("There are no images; choose some.", "error")


def test_what_fine_tuning_has_brought_in_words() -> None:
    better = Tuning(Accuracies(0.9, 0.88), Accuracies(0.91, 0.905))
    assert better.words == "Fine-tuned for int8: 90.50 % in int8, 88.00 % before"
    assert not better.is_worse
    assert Tuning(better.after, better.before).is_worse
    unknown = Tuning(Accuracies(), Accuracies(0.9, 0.9))
    assert unknown.words.endswith("90.00 % in int8")
    assert not unknown.is_worse
    assert Tuning(Accuracies(), Accuracies()).words == "Fine-tuned for int8"
