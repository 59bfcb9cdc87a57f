"""What the Evaluate page says of an assessment."""

from __future__ import annotations

import numpy as np

from engine.insight import Assessment
from tinyml_gui.viewmodels.evaluation import (
    Matrix,
    Selection,
    class_rows,
    head_words,
    image_words,
    pairs_words,
    selection_words,
)


def assessment() -> Assessment:
    """Ten images of each of three classes; of "b" four are taken for "c", of "c" one for "a"."""
    labels = np.repeat(np.arange(3), 10)
    said = labels.copy()
    said[[10, 11, 12, 13]], said[20] = 2, 0
    sure = np.linspace(0.6, 0.9, 30, dtype=np.float32)
    probabilities = np.repeat((1 - sure[:, None]) / 2, 3, axis=1)
    probabilities[np.arange(30), said] = sure
    return Assessment(("a", "b", "c"), labels, probabilities)


def test_cells_are_counts_or_shares_of_their_row() -> None:
    found = assessment()
    counts, shares = Matrix(found), Matrix(found, as_shares=True)
    assert [counts.text(1, column) for column in range(3)] == ["", "6", "4"]
    assert [shares.text(1, column) for column in range(3)] == ["", "60.0", "40.0"]
    np.testing.assert_allclose(shares.shares.sum(axis=1), 1)
    assert counts.words(1, 2) == "4 images of b taken for c"
    assert counts.words(2, 0) == "1 image of c taken for a"
    assert counts.words(0, 0) == "10 images of a classified rightly, the least sure first"


def test_classes_with_many_mistakes_come_first() -> None:
    matrix = Matrix(assessment(), by_mistakes=True)
    assert matrix.names == ("c", "b", "a")
    assert matrix.selection(1, 0) == Selection(1, 2)
    assert matrix.text(1, 0) == "4"


def test_a_selection_lists_images_that_deserve_a_look() -> None:
    found = assessment()
    assert Selection().images(found).tolist() == [20, 13, 12, 11, 10]
    assert Selection(1).images(found).tolist() == [13, 12, 11, 10]
    assert Selection(2, 0).images(found).tolist() == [20]
    assert Selection(0, 0).images(found).tolist() == list(range(10))
    assert selection_words(found, Selection()) == "All 5 mistakes, the surest first"
    assert selection_words(found, Selection(1)) == "All 4 mistakes of b, the surest first"
    assert selection_words(found, Selection(0)) == "No image of a is classified wrongly"


def test_words_name_classes_and_figures() -> None:
    found = assessment()
    assert pairs_words(found) == "Most often: b taken for c (4), c taken for a (1)"
    figure, words = head_words(found, "starter", "int8")
    assert figure == "83.33 %"
    assert words == "66.44 % to 92.66 % with 95 % certainty · 30 images of starter, int8"
    assert class_rows(found)[1] == ("b", "10", "100.0 %", "60.0 %", "75.0 %")
    assert image_words(found, 13).startswith("Image 14: b taken for c, 73.")
    assert image_words(found, 0) == "Image 1: a, 60.0 % sure"
    right = Assessment(found.classes, found.predictions, found.probabilities)
    assert pairs_words(right) == "Every image is classified rightly"
