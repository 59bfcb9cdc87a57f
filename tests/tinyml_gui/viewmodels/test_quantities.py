from __future__ import annotations

import pytest

from engine.cost.figures import How
from tinyml_gui.viewmodels.quantities import bytes_words, count_words, how_tip, time_words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1 KB"),
        (1740, "1.7 KB"),
        (1023.9 * 1024, "1,024 KB"),
        (960 * 1024, "960 KB"),
        (3 << 20, "3 MB"),
        (1 << 30, "1 GB"),
    ],
)
def test_bytes_in_the_units_of_data_sheets(count: float, words: str) -> None:
    assert bytes_words(count) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0.0123, "12.3 µs"),
        (0.9999, "1 ms"),
        (12.345, "12.3 ms"),
        (999.6, "1 s"),
        (65_000, "65 s"),
        (2e6, "2,000 s"),
    ],
)
def test_times(milliseconds: float, words: str) -> None:
    assert time_words(milliseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (999, "999"), (1000, "1 k"), (693_000, "693 k"), (999_900, "1,000 k"), (2_600_000, "2.6 M")],
)
def test_counts_in_three_digits(count: int, words: str) -> None:
    assert count_words(count) == words


@pytest.mark.parametrize("how", How)
def test_every_way_to_obtain_a_figure_is_explained(how: How) -> None:
    assert how_tip(how.word)
