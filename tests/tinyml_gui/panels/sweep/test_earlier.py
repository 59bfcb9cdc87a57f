"""A sweep goes on where it was, also in another start of the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.sweep.results_file import table_claimed
from tests.tinyml_gui.sweep_page import fill, run
from tests.tinyml_gui.tiny import TinyCatalogue, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.sweep.panel import SweepPanel


def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    table = next(controller.sweep.folder.glob("*.csv"))
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:4]), encoding="utf-8")  # as if three of six had ended
    run(qtbot, panel, controller)
    assert controller.sweep.results is not None
    assert controller.sweep.results.work == 3
    assert controller.sweep.results.done == 6
    assert len(table.read_text(encoding="utf-8").splitlines()) == 7


def cut(folder: Path, rows: int) -> Path:
    """Leave so many rows of the only table, as if the others had not ended; return its path."""
    (table,) = folder.glob("*.csv")
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[: 1 + rows]), encoding="utf-8")
    return table


@pytest.fixture
def later(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, settings: Settings, catalogue: TinyCatalogue
) -> Iterator[SweepPanel]:
    """The page of another start of the program, after a sweep of which four of six networks ended."""
    fill(panel)
    run(qtbot, panel, controller)
    cut(controller.sweep.folder, 4)
    other = Controller(settings, catalogue, np.random.default_rng(4))
    other.sweep.folder = controller.sweep.folder
    made = SweepPanel(other)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bool(other.sweep.earlier) and other.training.data is not None)
    yield made
    other.shutdown()


def choose_earlier(panel: SweepPanel) -> None:
    combo = panel.definition.preset
    combo.setCurrentIndex(combo.count() - 1)
    combo.activated.emit(combo.currentIndex())


def test_a_sweep_of_an_earlier_start_goes_on(qtbot: QtBot, later: SweepPanel, controller: Controller) -> None:
    choose_earlier(later)
    words = "Earlier: grid, units × learning rate, 1 epoch on starter, 4 of 6 networks"
    assert later.definition.preset.currentText() == words
    assert later.definition.start_button.text() == "Go on"
    assert not later.definition.epochs.isEnabled()
    sweep = later._control
    run(qtbot, later, later._controller)
    assert sweep.results is not None
    assert (sweep.results.work, sweep.results.done) == (2, 6)
    qtbot.waitUntil(lambda: later.definition.preset.currentText().endswith("6 of 6 networks"))
    assert later.definition.start_button.text() == "Show"


def test_the_best_networks_of_an_earlier_start_open_with_their_weights(
    qtbot: QtBot, later: SweepPanel, controller: Controller
) -> None:
    choose_earlier(later)
    sweep, first = later._control, controller.sweep
    run(qtbot, later, later._controller)
    assert sweep.results is not None
    kept = [path.stem.removeprefix("run-") for path in first.folder.glob("*/*.tinyml")]
    numbers = [number for number in range(4) if sweep.results.runs[number].key in kept]
    assert numbers
    for number in numbers:
        with qtbot.waitSignal(sweep.told):
            sweep.load(number)
        first.load(number)
        found, wanted = (c.state.model.params for c in (later._controller, controller))
        assert found.tobytes() == wanted.tobytes()
        sweep.choose(number)
        assert "not kept" not in sweep.chosen_words


def test_an_earlier_sweep_on_other_images_is_refused_and_stays_whole(
    qtbot: QtBot, later: SweepPanel, controller: Controller
) -> None:
    (table,) = controller.sweep.folder.glob("*.csv")
    before = table.read_bytes()
    choose_earlier(later)
    later._controller.training.data = spots(count=160)
    run(qtbot, later, later._controller)
    assert "has changed since this sweep began" in later.banner.text
    assert table.read_bytes() == before
    assert len(list(controller.sweep.folder.glob("*.csv"))) == 1


def test_two_windows_do_not_write_the_same_table(
    qtbot: QtBot, later: SweepPanel, controller: Controller
) -> None:
    (table,) = controller.sweep.folder.glob("*.csv")
    choose_earlier(later)
    with table_claimed(table):
        run(qtbot, later, later._controller)
    assert "another sweep is writing to it" in later.banner.text
    run(qtbot, later, later._controller)
    assert later._control.results is not None


def test_what_else_lies_in_the_folder_is_not_offered(
    qtbot: QtBot, controller: Controller, tmp_path: Path
) -> None:
    controller.sweep.folder = tmp_path
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"sweep": {"model": 3}, "data": "starter"}')):
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "d.json").mkdir()
    with qtbot.waitSignal(controller.sweep.listed):
        controller.sweep.look()
    assert controller.sweep.earlier == ()
