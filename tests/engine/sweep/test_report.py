"""What is made of results: the page, the published figures beside ours, intervals, and the best models."""

from __future__ import annotations

import json
import math
import statistics
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.errors import FileError
from engine.nn.layers import Dense, Flatten
from engine.storage import model_file
from engine.sweep.columns import ACCURACY, ACCURACY_INT8, CHOOSE_BY, Row, row_of
from engine.sweep.description import Sweep
from engine.sweep.fields import Recipe, RepeatedLayer
from engine.sweep.grid import axis_from_text
from engine.sweep.objectives import OBJECTIVES, front
from engine.sweep.outcome import Finished
from engine.sweep.processes import here
from engine.sweep.report.best_models import BestModels
from engine.sweep.report.page import report_page
from engine.sweep.report.published import place_of, published
from engine.sweep.report.seeds import over_seeds
from engine.sweep.tasks import tasks_for
from engine.training.config import TrainConfig
from tests.engine.helpers import blobs

DATA, TEST = blobs(120), blobs(60, seed=1)
LAYERS = (RepeatedLayer(Flatten()), RepeatedLayer(Dense(2, "relu")), RepeatedLayer(Dense(3)))
RECIPE = Recipe(LAYERS, DATA.image_shape, TrainConfig(epochs=1, batch_size=12, momentum=0.0, threads=1))
TEXTS = ("layers.1.repeat=1,2", "layers.1.units=2,5", "train.seed=0..2")
SWEEP = Sweep("small", RECIPE, tuple(axis_from_text(RECIPE, text) for text in TEXTS))
NAMES = ("relu", "sigmoid")
AIMS = (OBJECTIVES["accuracy"], OBJECTIVES["instructions"])


@pytest.fixture(scope="module")
def results() -> list[tuple[Finished, Row]]:
    events = here(tasks_for(SWEEP.runs(), 1), DATA, TEST)
    return [(event, row_of(event, "sweep")) for event in events if isinstance(event, Finished)]


class Page(HTMLParser):
    """Collects the tags of a page, what its table cells say, and whether all tags end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.cells: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_the_page_stands_alone_and_sets_published_figures_beside_ours(
    results: list[tuple[Finished, Row]],
) -> None:
    rows = [row for _, row in results]
    text = report_page(rows, 3, "small <on> blobs", {"accuracy": {"layers.1.units": 0.75, "start": 0.25}})
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert "script" not in page.tags
    assert "<h1>small &lt;on&gt; blobs</h1>" in text
    assert page.tags.count("svg") == 4 + 2  # fronts, and maps of layers and neurons
    assert page.tags.count("circle") == 4 * len(rows)
    assert page.tags.count("rect") == 2 * 4
    assert "75.0%" in page.cells
    theirs = published()["relu", 2, 5]
    assert f"{theirs['RAM (kb)']:,}" in page.cells
    assert "resident memory" in text


def test_a_page_about_no_runs_or_failed_ones_says_so() -> None:
    assert "0 networks" in report_page([], 3, "nothing")


def test_published_figures_are_those_of_the_tables() -> None:
    """The sums are those that the description of the tables tells."""
    figures = published()
    assert len(figures) == 722
    best = {
        name: max(row["Accuracy"] for place, row in figures.items() if place[0] == name) for name in NAMES
    }
    assert best == {"relu": 93.1, "sigmoid": 94.26}
    seconds = {
        name: sum(row["Training Time (s)"] for place, row in figures.items() if place[0] == name)
        for name in NAMES
    }
    assert {name: round(total) for name, total in seconds.items()} == {"relu": 1588, "sigmoid": 2188}
    assert figures["sigmoid", 2, 19]["Accuracy"] == 94.26


def test_a_row_has_a_place_in_the_table_only_if_its_network_is_of_that_kind(
    results: list[tuple[Finished, Row]],
) -> None:
    places = {place_of(row) for _, row in results}
    assert places == {("relu", depth, width) for depth in (1, 2) for width in (2, 5)}
    row = dict(results[0][1])
    network = json.loads(str(row["Network"]))
    network["layers"].insert(1, {"kind": "dropout", "rate": 0.1})
    assert place_of({**row, "Network": json.dumps(network)}) is None
    assert place_of({**row, "Neuron per hidden layer": "4-8"}) is None


def test_seeds_become_a_mean_with_its_interval(results: list[tuple[Finished, Row]]) -> None:
    rows = [row for _, row in results]
    found = over_seeds(rows, CHOOSE_BY)
    assert [item.count for item in found] == [3] * 4
    assert [item.mean for item in found] == sorted((item.mean for item in found), reverse=True)
    first = found[0]
    settings = json.loads(first.settings)
    same = [row for row in rows if settings.items() <= json.loads(str(row["Settings"])).items()]
    values = [float(str(row[CHOOSE_BY])) for row in same]
    assert first.mean == pytest.approx(statistics.fmean(values))
    assert first.half == pytest.approx(4.303 * statistics.stdev(values) / math.sqrt(3))


def test_the_best_models_are_kept_and_beaten_ones_dropped(
    results: list[tuple[Finished, Row]], tmp_path: Path
) -> None:
    best = BestModels(AIMS, [], DATA, tmp_path / "best")
    for event, row in results:
        best.take(event, row)
    expected = front([row for _, row in results], AIMS)
    assert best.rows == expected
    names = {path.name for path in (tmp_path / "best").iterdir()}
    assert names == {f"run-{row['Run']}.tinyml" for row in expected}
    again = BestModels(AIMS, [row for _, row in results], DATA, tmp_path / "best")  # as after a restart
    for row in expected:
        kept, loaded = best.model(row), again.model(row)
        assert kept is not None
        assert loaded is not None
        assert kept.fingerprint == loaded.fingerprint
    measured = list(again.measured_in_int8(TEST, 1))
    assert len(measured) == len(expected)
    for row in measured:
        assert abs(float(str(row[ACCURACY_INT8])) - float(str(row[ACCURACY]))) < 20
    assert list(BestModels(AIMS, measured, DATA).measured_in_int8(TEST, 1)) == []


def test_a_kept_model_says_how_it_was_trained(results: list[tuple[Finished, Row]], tmp_path: Path) -> None:
    event, _ = results[0]
    model_file.save(event.trained.model(DATA), tmp_path / "a.tinyml")
    record = model_file.load(tmp_path / "a.tinyml").record
    assert record.data == "blobs"
    assert record.config == event.trained.run.config.to_json()
    assert record.metrics is not None
    assert record.metrics.accuracy == event.trained.test.accuracy


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"best: there is no such file or folder"):
        BestModels(AIMS, [], DATA, tmp_path / "none" / "best")
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file: there is a file of this name"):
        BestModels(AIMS, [], DATA, tmp_path / "file")
