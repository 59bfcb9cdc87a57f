"""A model that cannot tell images apart is named when it is opened and when a training ends with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord
from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings


@pytest.mark.parametrize("shape", [(28, 28, 1), (4, 4, 1)])
def test_a_dead_layer_is_named(
    qtbot: QtBot, settings: Settings, tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    spec = ModelSpec((Flatten(), Dense(6, "relu"), Dense(4)), shape)
    model = Model.new(spec, tuple("abcd"), np.random.default_rng(1))
    params = model.params.copy()
    (bias,) = (view for view in ParamLayout(spec).views if view.key == "1.bias")
    bias.of(params)[...] = -100
    dead = model.replace(params=params, record=TrainingRecord(data="starter"))
    model_file.save(dead, tmp_path / "dead.tinyml")
    model_file.save(model.replace(record=dead.record), tmp_path / "good.tinyml")
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    told: list[str] = []
    controller.remarks.told.connect(told.append)
    with qtbot.waitSignal(controller.message) as shown:
        controller.open_file(tmp_path / "dead.tinyml")
    assert shown.args[0].startswith("All units of layer 2 (Dense) give 0 for every image")
    controller.open_file(tmp_path / "good.tinyml")
    controller.open_file(tmp_path / "dead.tinyml")
    qtbot.waitUntil(lambda: len(told) == 2)
    controller.shutdown()
