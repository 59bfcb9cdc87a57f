"""What the Data page says of a data set, and which names and images it chooses."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data.inspection import inspect
from tests.tinyml_gui.tiny import spots
from tinyml_gui.viewmodels.data import (
    class_rows,
    facts,
    findings_words,
    import_words,
    places_of,
    proposed_name,
    tile_words,
)


def test_rows_have_numbers_and_shares_of_the_largest_class() -> None:
    data = spots(40).subset(np.arange(30))  # classes of 8, 8, 7 and 7 images
    rows = class_rows(inspect(data, None))
    assert [(row.name, row.count) for row in rows] == [("a", 8), ("b", 8), ("c", 7), ("d", 7)]
    assert rows[0].words == "8 · 26.7 %"
    assert [row.share for row in rows] == [1.0, 1.0, 7 / 8, 7 / 8]


def test_facts_say_whether_there_is_a_test_part() -> None:
    assert facts(spots(), 1000) == "1,000 to test on · 4×4×1 · 4 classes"
    assert facts(spots(), None).startswith("no test images")


def test_findings_are_lines_and_their_absence_is_said() -> None:
    assert findings_words(inspect(spots(), None)) == "Nothing looks wrong."
    assert "fewer than 10 images" in findings_words(inspect(spots(20), None))


def test_images_are_those_of_the_class() -> None:
    data = spots(40)
    assert places_of(data, None).tolist() == list(range(40))
    assert {data.classes[label] for label in data.labels[places_of(data, 2)]} == {"c"}
    assert tile_words(data, 6) == "Image 6: c"


@pytest.mark.parametrize(
    ("file", "name"),
    [("My digits.csv", "My-digits"), ("...", "data"), ("mnist.tar.gz", "mnist-2"), ("ümläut.zip", "ml-ut")],
)
def test_names_are_made_from_files_and_unlike_others(file: str, name: str) -> None:
    assert proposed_name(file, {"mnist"}) == name


def test_an_import_says_what_it_made_of_the_data() -> None:
    assert import_words("a.csv", "", ()) == "Importing a.csv…"
    assert import_words("", "a", ("The images were inverted.",)) == "Imported as a. The images were inverted."
    assert import_words("", "", ()) == ""
