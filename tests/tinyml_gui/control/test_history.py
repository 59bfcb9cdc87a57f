"""What the window trains is in the history of runs, with what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.runs.history import History
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.starts import CONTINUE, FRESH
from tinyml_gui.viewmodels.training import Phase

QUICK = TrainConfig(epochs=2, batch_size=16, threads=1, seed=5)


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings, tmp_path: Path) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made.training.runs = tmp_path / "runs"
    made.state.reset(spot_model())
    made.training.choose_data("starter")
    qtbot.waitUntil(lambda: made.training.data is not None)
    yield made
    made.shutdown()


def trained(controller: Controller, qtbot: QtBot, start: str) -> None:
    with qtbot.waitSignal(controller.training.told):
        controller.training.start(start, QUICK)
    assert controller.training.run.status.phase is Phase.DONE


def test_a_run_is_noted_with_its_weights_and_figures(controller: Controller, qtbot: QtBot) -> None:
    history = History(controller.training.runs or Path())
    trained(controller, qtbot, FRESH)
    qtbot.waitUntil(lambda: history.get("last").record.metrics is not None)
    run, model = history.get("last"), controller.model
    assert (run.source, run.fingerprint, len(run.history)) == ("window", model.fingerprint, 2)
    assert run.record == model.record
    assert run.record.terms is not None
    assert history.model(run.key).fingerprint == model.fingerprint


def test_a_run_tells_with_which_model_it_began(controller: Controller, qtbot: QtBot) -> None:
    trained(controller, qtbot, FRESH)
    assert controller.model.record.start is None
    first = controller.model.fingerprint
    trained(controller, qtbot, CONTINUE)
    assert controller.model.record.start is not None
    assert controller.model.record.start.fingerprint == first


def test_a_history_that_cannot_be_written_is_told_and_the_model_stays(
    controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    controller.training.runs = tmp_path / "file"
    notes: list[str] = []
    controller.training.noted.connect(notes.append)
    trained(controller, qtbot, FRESH)
    assert any("not in the history" in note for note in notes)
    assert controller.model.trained
