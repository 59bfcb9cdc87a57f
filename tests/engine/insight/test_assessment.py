"""Figures of an evaluation equal scikit-learn's, and name the images that deserve a look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.data import Catalogue, Dataset
from engine.errors import DataError
from engine.insight import CHANGES, Assessment, assess, assess_in_parts, interval, reliability, robustness
from engine.insight.confidence import BINS
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor
from engine.storage.shipped import load_shipped
from tests.engine.formats.peers import needed

MODEL = load_shipped("digits")
DATA = Catalogue(()).load("starter", "test")


def drawn(classes: int = 6, count: int = 500) -> Assessment:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.full(classes, 0.5), count).astype(np.float32)
    labels = np.where(
        rng.random(count) < 0.6, probabilities.argmax(axis=1), rng.integers(0, classes - 1, count)
    )
    return Assessment([str(i) for i in range(classes)], labels, probabilities)


def test_figures_are_those_of_scikit_learn() -> None:
    metrics = needed("sklearn.metrics")
    found = drawn()
    precision, recall, f1, images = metrics.precision_recall_fscore_support(
        found.labels, found.predictions, labels=range(6), zero_division=0
    )
    for row, *expected in zip(found.by_class, images, precision, recall, f1, strict=True):
        assert row[1:] == pytest.approx(expected)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(found.labels, found.predictions))
    assert found.balanced_accuracy == pytest.approx(
        metrics.balanced_accuracy_score(found.labels, found.predictions)
    )
    assert found.top_2 == pytest.approx(
        metrics.top_k_accuracy_score(found.labels, found.probabilities, k=2, labels=range(6))
    )
    np.testing.assert_array_equal(
        found.confusion, metrics.confusion_matrix(found.labels, found.predictions, labels=range(6))
    )


def test_confusions_are_listed_from_the_most_frequent() -> None:
    found = drawn()
    counts = [confusion.images for confusion in found.confusions]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == np.count_nonzero(~found.right)
    first = found.confusions[0]
    assert (
        np.count_nonzero((found.labels == first.label) & (found.predictions == first.predicted)) == counts[0]
    )


def test_images_that_deserve_a_look_come_first() -> None:
    found = drawn()
    wrong = found.mistakes()
    assert not found.right[wrong].any()
    assert len(wrong) == np.count_nonzero(~found.right)
    assert (np.diff(found.confidence[wrong]) <= 0).all()
    right = found.cell(2, 2)
    assert found.right[right].all()
    assert (np.diff(found.confidence[right]) >= 0).all()
    assert len(found.mistakes(label=2)) == found.confusion[2].sum() - found.confusion[2, 2]
    assert len(found.cell(1, 2)) == found.confusion[1, 2]


@pytest.mark.parametrize(("right", "count", "low", "high"), [(0, 10, 0, 0.2775), (99, 100, 0.9455, 0.9982)])
def test_intervals_are_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert interval(right, count) == pytest.approx((low, high), abs=1e-4)


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng, inside = np.random.default_rng(1), 0
    for truth in rng.uniform(0.02, 0.98, 2000):
        low, high = interval(int(rng.binomial(200, truth)), 200)
        inside += low <= truth <= high
    assert 0.93 <= inside / 2000 <= 0.97
    assert interval(0, 0) == (0.0, 1.0)


def test_calibration_tells_modest_from_boastful_networks() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.2, 1, 20_000).astype(np.float32)
    honest = reliability(confidence, rng.random(20_000) < confidence)
    boastful = reliability(np.ones(1000, np.float32), np.arange(1000) < 600)
    assert honest.error < 0.02
    assert boastful.error == pytest.approx(0.4)
    assert honest.images.sum() == 20_000
    assert np.isnan(honest.accuracy[0])
    assert len(honest.edges) == BINS + 1


@pytest.mark.parametrize("int8", [False, True])
def test_answers_are_the_networks_own_in_parts_and_on_threads(int8: bool) -> None:
    data = DATA.subset(slice(600))
    predictor = IntegerPredictor(MODEL) if int8 else Predictor(MODEL, 32)
    expected = predictor.probabilities(data.images)
    steps = assess_in_parts(MODEL, data, int8)
    done = []
    try:
        while True:
            done.append(next(steps))
    except StopIteration as end:
        in_parts = end.value
    assert done == [256, 512, 600]
    np.testing.assert_array_equal(in_parts.probabilities, expected)
    np.testing.assert_array_equal(assess(MODEL, data, int8, 3).probabilities, expected)


def test_one_image_and_one_class_have_figures_too() -> None:
    one = assess(MODEL, DATA.subset(slice(1)), threads=4)
    assert one.accuracy == one.balanced_accuracy == one.top_2 == 1.0
    seven = assess(MODEL, DATA.subset(np.flatnonzero(DATA.labels == 7)))
    assert seven.balanced_accuracy == seven.accuracy


def test_answers_that_are_no_numbers_are_told() -> None:
    broken = MODEL.replace(params=np.full_like(MODEL.params, np.nan))
    with pytest.raises(DataError, match="digits gives no numbers for 20 of its 20 images; train"):
        assess(broken, DATA.subset(slice(20)))


def test_images_that_are_changed_more_are_recognised_less() -> None:
    some = DATA.subset(slice(300))
    points = list(robustness(MODEL, some, np.random.default_rng(0), int8=False, threads=2))
    assert [point.change for point in points] == [c.name for c in CHANGES.values() for _ in c.amounts]
    clean = assess(MODEL, some).accuracy
    for change in CHANGES.values():
        curve = {point.amount: point.accuracy for point in points if point.change == change.name}
        nothing = 1 if change.name in {"scale", "contrast"} else 0
        assert curve[nothing] == clean
        assert min(curve.values()) < clean


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_does_what_its_name_says(change: object) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[8:20, 12:16] = 200
    rng = np.random.default_rng(0)

    def changed(name: str, amount: float) -> np.ndarray:
        return CHANGES[name].apply(image, amount, rng).astype(float)

    assert changed("shift", 3).sum() == pytest.approx(image.sum(), rel=0.01)
    assert changed("rotation", 90).nonzero()[0].max() - changed("rotation", 90).nonzero()[0].min() < 6
    assert changed("scale", 1.4).sum() > 1.5 * image.sum() > 3 * changed("scale", 0.6).sum() / 1.5
    assert changed("thickness", 1).sum() > image.sum() > changed("thickness", -0.6).sum()
    assert changed("noise", 40).std() > image.std() / 2
    assert changed("contrast", 0.4).max() == 80


def test_a_set_without_some_classes_is_assessed() -> None:
    few = replace(DATA.subset(np.flatnonzero(DATA.labels < 2)[:50]))
    found = assess(MODEL, few)
    assert [row.images for row in found.by_class][2:] == [0] * 8
    assert isinstance(few, Dataset)
