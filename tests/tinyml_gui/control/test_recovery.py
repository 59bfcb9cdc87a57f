"""What was left can be restored as far as it can be read, and what cannot be read is not thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.recovery import Offer


@pytest.fixture
def controller(tmp_path: Path, settings: Settings, qtbot: QtBot) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3), RecoveryFiles(tmp_path))
    yield made
    made.shutdown()


def left_with(folder: Path, content: bytes) -> RecoveryFiles:
    files = RecoveryFiles(folder)
    files.model.write_bytes(content)
    files.release()
    return files


def the_offer(controller: Controller, qtbot: QtBot) -> Offer:
    with qtbot.waitSignal(controller.recovery.changed):
        controller.recovery.look()
    (offer,) = controller.recovery.offers
    return offer


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged"])
def test_a_damaged_copy_is_told_and_stays_until_it_is_discarded(
    content: bytes, controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    left = left_with(tmp_path, content)
    offer = the_offer(controller, qtbot)
    assert "model.tinyml" in offer.what
    before = controller.model
    with qtbot.waitSignal(controller.error) as told:
        controller.recovery.restore(offer)
    assert "model.tinyml" in told.args[0]
    assert controller.model is before
    assert controller.recovery.offers == (offer,)
    assert left.model.exists()
    controller.recovery.discard(offer)
    assert controller.recovery.offers == ()
    assert not left.model.exists()


def test_what_another_window_has_taken_is_no_longer_offered(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    left_with(tmp_path, model_file.to_bytes(spot_model()))
    offer = the_offer(controller, qtbot)
    other = RecoveryFiles(tmp_path)
    other.adopt(offer.left)
    other.release()
    with qtbot.waitSignal(controller.error) as told:
        controller.recovery.restore(offer)
    assert "another window" in told.args[0]
    assert controller.recovery.offers == ()
    assert other.model.exists()
