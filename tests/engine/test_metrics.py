"""Metrics, against sums done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics import (
    accuracy,
    confusion_matrix,
    mean_cross_entropy,
    mean_squared_error,
    precision_recall,
)

SCORES = np.array([[2, 1, 0], [0, 3, 0], [1, 1, 0], [0, 0, 5]], np.float32)
LABELS = np.array([0, 1, 1, 2], np.uint8)


def test_accuracy_takes_the_first_of_equals() -> None:
    assert accuracy(SCORES, LABELS) == 0.75


def test_cross_entropy_of_known_logits() -> None:
    even = np.zeros((5, 4), np.float32)
    assert mean_cross_entropy(even, np.arange(5) % 4) == pytest.approx(math.log(4))


def test_cross_entropy_stays_finite() -> None:
    huge = np.array([[3e38, -3e38], [0.0, 0.0]], np.float32)
    with np.errstate(over="ignore"):
        assert mean_cross_entropy(huge[1:], np.array([0])) == pytest.approx(math.log(2))
    assert mean_cross_entropy(np.array([[1000.0, 0.0]], np.float32), np.array([1])) == 1000.0


def test_squared_error_averages_images_and_classes() -> None:
    outputs = np.array([[1, 0], [0.5, 0.5]], np.float32)
    assert mean_squared_error(outputs, np.array([0, 0])) == pytest.approx(0.5 / 4)


def test_confusion_rows_are_the_truth() -> None:
    matrix = confusion_matrix(np.array([1, 1, 2]), np.array([0, 1, 2]), 3)
    assert matrix.tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_labels_of_eight_bits_do_not_wrap() -> None:
    labels = np.full(3, 46, np.uint8)
    matrix = confusion_matrix(labels, labels, 47)
    assert matrix[46, 46] == 3
    assert matrix.sum() == 3


def test_precision_and_recall_with_classes_that_never_occur() -> None:
    matrix = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]])
    precision, recall = precision_recall(matrix)
    assert precision.tolist() == [0.6, 0.0, 0.0]
    assert recall.tolist() == [0.75, 0.0, 0.0]


@pytest.mark.parametrize("metric", [accuracy, mean_cross_entropy, mean_squared_error])
def test_no_images_and_mismatch(metric) -> None:
    assert metric(SCORES[:0], LABELS[:0]) == 0.0
    with pytest.raises(ValueError, match="do not match"):
        metric(SCORES, LABELS[:2])


def test_confusion_refuses_a_mismatch() -> None:
    with pytest.raises(ValueError, match="do not match"):
        confusion_matrix(LABELS, LABELS[:2], 3)
