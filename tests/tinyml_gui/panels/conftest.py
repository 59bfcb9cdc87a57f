"""A controller on a small network and a small data set, shut down after each test, and its training page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.train.panel import TrainPanel


@pytest.fixture
def catalogue() -> TinyCatalogue:
    return TinyCatalogue()


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings, catalogue: TinyCatalogue) -> Iterator[Controller]:
    made = Controller(settings, catalogue, np.random.default_rng(3))
    made.state.reset(spot_model())
    yield made
    made.shutdown()


@pytest.fixture
def train_panel(qtbot: QtBot, controller: Controller) -> TrainPanel:
    made = TrainPanel(controller)
    qtbot.addWidget(made)
    made.resize(720, 660)
    made.show()
    qtbot.waitUntil(lambda: controller.training.data is not None)
    made.form.set_values({"batch_size": 16})
    made.more_form.set_values({"threads": 1})
    return made
