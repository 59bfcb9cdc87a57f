"""Metrics, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.training.metrics import confusion_matrix, precision_recall

LABELS = np.array([0, 1, 1, 2], np.uint8)


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


def test_confusion_refuses_a_mismatch() -> None:
    with pytest.raises(ValueError, match="do not match"):
        confusion_matrix(LABELS, LABELS[:2], 3)
