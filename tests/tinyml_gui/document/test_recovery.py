"""What an unsaved model and a run survive: a killed program, a second one, an unwritable folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense
from engine.storage import model_file
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control import autosave
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.training import CONTINUE
from tinyml_gui.document.edits import change_layer
from tinyml_gui.document.recovery import LeftBehind, RecoveryFiles
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.viewmodels.recovery import Offer

CHECKOUT = Path(__file__).resolve().parents[3]
CONFIG = TrainConfig(epochs=6, batch_size=16, threads=1)
LEFT = Qt.MouseButton.LeftButton

Start = Callable[[], Controller]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(folder: Path, settings: Settings, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start one more program on the same folder."""
    monkeypatch.setattr(autosave, "SOON", 0.0)
    started: list[Controller] = []

    def controller() -> Controller:
        made = Controller(settings, TinyCatalogue(), np.random.default_rng(3), RecoveryFiles(folder))
        started.append(made)
        return made

    yield controller
    for made in started:
        made.shutdown()


def train(controller: Controller, qtbot: QtBot, config: TrainConfig = CONFIG) -> None:
    """Train the model for bright spots to the end."""
    begin(controller, qtbot, config)
    qtbot.waitUntil(lambda: not controller.training.is_running, timeout=20_000)


def begin(controller: Controller, qtbot: QtBot, config: TrainConfig) -> None:
    controller.state.reset(spot_model())
    controller.training.choose_data("starter")
    qtbot.waitUntil(lambda: controller.training.data is not None)
    controller.training.start(CONTINUE, config)


def stop_in_epoch(controller: Controller, qtbot: QtBot, epoch: int) -> None:
    qtbot.waitUntil(lambda: controller.training.run.status.epoch >= epoch, timeout=20_000)
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)


def leave(folder: Path, name: str = "spots") -> LeftBehind:
    """Leave a model behind as a program that was killed."""
    files = RecoveryFiles(folder)
    model_file.save(spot_model().replace(name=name), files.model)
    files.release()
    return LeftBehind(files.model.parent, files.model.stat().st_mtime)


def texts(dialog: QDialog | None) -> set[str]:
    assert dialog is not None
    return {made.text() for made in dialog.findChildren(QLabel) if made.isVisible()}


def press(dialog: QDialog | None, name: str, qtbot: QtBot) -> None:
    assert dialog is not None
    buttons = [made for made in dialog.findChildren(QPushButton) if made.isVisible()]
    (found,) = (made for made in buttons if made.accessibleName().startswith(name))
    qtbot.mouseClick(found, LEFT)


SCRIPT = """
import os, signal, sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
import numpy as np
app = QApplication([])
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.document.settings import Settings
from PySide6.QtCore import QSettings
folder = Path(sys.argv[1])
store = QSettings(str(folder / "s.ini"), QSettings.Format.IniFormat)
controller = Controller(Settings(store), TinyCatalogue(), np.random.default_rng(3), RecoveryFiles(folder))
controller.state.reset(spot_model())
training = controller.training
training.choose_data("starter")
started = []
def look():
    if training.data is not None and not started:
        started.append(True)
        training.start("continue", TrainConfig(epochs=int(sys.argv[2]), batch_size=16, threads=1))
    if started and sys.argv[3] == "run" and controller.recovery_files.run.exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if started and not training.is_running and controller.recovery_files.model.exists():
        os.kill(os.getpid(), signal.SIGKILL)
from PySide6.QtCore import QTimer
timer = QTimer(); timer.timeout.connect(look); timer.start(5)
app.exec()
"""


def killed(folder: Path, epochs: int, when: str) -> None:
    """Let a program train and kill it: once it has written a run, or once it has ended."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(epochs), when],
        cwd=CHECKOUT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL


def offers(controller: Controller, qtbot: QtBot) -> tuple[Offer, ...]:
    """Return what is offered once it was looked for."""
    with qtbot.waitSignal(controller.recovery.changed):
        controller.recovery.look()
    return controller.recovery.offers


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_trained_model_survives_a_killed_program(folder: Path, start: Start, qtbot: QtBot) -> None:
    killed(folder, 6, "end")
    controller = start()
    (offer,) = offers(controller, qtbot)
    assert offer.what.startswith("spots, trained")
    controller.recovery.restore(offer)
    assert controller.model.trained
    assert controller.model.classes == spot_model().classes
    assert controller.is_modified
    assert controller.path is None
    assert offers(controller, qtbot) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_run_goes_on_after_a_killed_program_as_if_nothing_had_happened(
    folder: Path, start: Start, qtbot: QtBot
) -> None:
    killed(folder, 400, "run")
    controller = start()
    (offer,) = offers(controller, qtbot)
    assert offer.what.startswith("spots, trained, not tested; training interrupted in epoch")
    controller.recovery.restore(offer)
    assert controller.model.trained
    assert controller.training.interrupted is not None
    assert controller.recovery_files.run.is_file()  # it would survive another kill
    controller.training.resume_run()
    qtbot.waitUntil(lambda: controller.training.is_running)
    qtbot.waitUntil(lambda: not controller.training.is_running, timeout=30_000)
    resumed = controller.model
    whole = start()
    train(whole, qtbot, TrainConfig(epochs=400, batch_size=16, threads=1))
    assert np.array_equal(resumed.params, whole.model.params)
    assert not controller.training.keep_path.exists()


def test_a_stopped_run_goes_on_to_the_same_result(start: Start, qtbot: QtBot) -> None:
    whole, halves = start(), start()
    long = TrainConfig(epochs=60, batch_size=16, threads=1)
    train(whole, qtbot, long)
    begin(halves, qtbot, long)
    stop_in_epoch(halves, qtbot, 2)
    assert not np.array_equal(halves.model.params, whole.model.params)
    epoch = halves.training.interrupted.run.position.epoch
    assert epoch - halves.training.run.status.epoch in (0, 1)  # 1 where an epoch had just been done
    assert f"(epoch {epoch} of 60)" in halves.training.interrupted.offer
    halves.training.resume_run()
    assert halves.training.interrupted is None
    qtbot.waitUntil(lambda: not halves.training.is_running, timeout=20_000)
    assert np.array_equal(halves.model.params, whole.model.params)
    assert len(halves.model.record.history or ()) == 60
    assert len(halves.training.run.validation_loss) == 60  # the curves begin where the run did


def test_a_file_holds_the_run_that_its_model_was_stopped_in(
    start: Start, qtbot: QtBot, tmp_path: Path
) -> None:
    controller, path = start(), tmp_path / "spots.tinyml"
    begin(controller, qtbot, TrainConfig(epochs=5000, batch_size=16, threads=1))
    stop_in_epoch(controller, qtbot, 2)
    controller.save_file(path)
    other = start()
    other.open_file(path)
    assert other.training.interrupted.run.position == controller.training.interrupted.run.position
    other.training.resume_run()  # reads the data set by itself
    qtbot.waitUntil(lambda: other.training.is_running)
    other.training.stop()
    qtbot.waitUntil(lambda: not other.training.is_running)
    controller.edit(change_layer(controller.model.spec, 1, Dense(9)))
    controller.save_file(path)
    assert model_file.load_run(path)[1] is None  # another network


def test_starting_anew_or_discarding_ends_the_offer(start: Start, qtbot: QtBot) -> None:
    controller = start()
    begin(controller, qtbot, TrainConfig(epochs=5000, batch_size=16, threads=1))
    stop_in_epoch(controller, qtbot, 1)
    assert controller.training.keep_path.exists()
    controller.training.discard_run()
    assert controller.training.interrupted is None
    qtbot.waitUntil(lambda: not controller.training.keep_path.exists())
    begin(controller, qtbot, TrainConfig(epochs=5000, batch_size=16, threads=1))
    stop_in_epoch(controller, qtbot, 1)
    controller.training.start(CONTINUE, CONFIG)
    assert controller.training.interrupted is None
    qtbot.waitUntil(lambda: not controller.training.is_running, timeout=20_000)
    assert not controller.training.keep_path.exists()


def test_an_edit_is_kept_and_forgotten_once_saved(start: Start, qtbot: QtBot, tmp_path: Path) -> None:
    controller = start()
    controller.state.reset(spot_model())
    controller.edit(change_layer(controller.model.spec, 1, Dense(9)))
    kept = controller.recovery_files.model
    qtbot.waitUntil(kept.exists)
    qtbot.waitUntil(lambda: model_file.load(kept).spec == controller.model.spec)
    controller.save_file(tmp_path / "spots.tinyml")
    qtbot.waitUntil(lambda: not kept.exists())


def test_closing_leaves_nothing(folder: Path, start: Start, qtbot: QtBot) -> None:
    controller = start()
    train(controller, qtbot)
    qtbot.waitUntil(controller.recovery_files.model.exists)
    controller.close()
    assert not any((folder / "unsaved").iterdir())


def test_closing_keeps_an_interrupted_run_that_nobody_has_decided_about(
    folder: Path, start: Start, qtbot: QtBot
) -> None:
    controller = start()
    begin(controller, qtbot, TrainConfig(epochs=5000, batch_size=16, threads=1))
    stop_in_epoch(controller, qtbot, 1)
    controller.open_shipped("digits")
    controller.close()
    (offer,) = offers(start(), qtbot)
    assert "training interrupted" in offer.what
    again = start()
    again.recovery.restore(offers(again, qtbot)[0])
    assert again.training.interrupted.is_of(again.model)
    again.close()  # the user was asked whether to save this model, and with it the run
    assert offers(start(), qtbot) == ()


def test_copies_that_cannot_be_written_are_told_once_and_tried_again(
    folder: Path, start: Start, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autosave, "OFTEN", 0.0)
    controller, faults, again = start(), [], []
    controller.unkept.connect(faults.append)
    controller.kept_again.connect(lambda: again.append(True))
    files = controller.recovery_files
    place = folder / "away"
    files.model, controller.training.keep_path = place / "model.tinyml", place / "run.tinyml"
    begin(controller, qtbot, TrainConfig(epochs=10_000, batch_size=16, threads=1))
    qtbot.waitUntil(lambda: len(faults) == 2)
    assert all("away" in fault for fault in faults)
    place.mkdir()
    qtbot.waitUntil(files.model.is_file)
    qtbot.waitUntil(controller.training.keep_path.is_file)
    qtbot.waitUntil(lambda: len(again) == 2)
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)
    assert len(faults) == 2


@pytest.mark.parametrize("opened", [True, False])
def test_the_window_offers_what_was_left(
    opened: bool, folder: Path, start: Start, settings: Settings, look: Theme, qtbot: QtBot
) -> None:
    leave(folder)
    controller = start()
    window = MainWindow(controller, settings, look)
    qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
    window.show()
    banner = window.recovery_banner
    qtbot.waitUntil(banner.isVisible)
    qtbot.mouseClick(banner.button if opened else banner.decline_button, LEFT)
    assert not banner.isVisible()
    assert (controller.model.fingerprint == spot_model().fingerprint) is opened
    assert controller.is_modified is opened
    assert offers(start(), qtbot) == ()


def test_several_are_listed_and_decided_about_one_by_one(
    folder: Path, start: Start, settings: Settings, look: Theme, qtbot: QtBot
) -> None:
    for name in ("first", "second", "third"):
        leave(folder, name)
    controller = start()
    window = MainWindow(controller, settings, look)
    qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
    window.show()
    banner = window.recovery_banner
    qtbot.waitUntil(banner.isVisible)
    assert "3 programs" in banner.text
    qtbot.mouseClick(banner.button, LEFT)
    assert {f"{n}, not trained yet" for n in ("first", "second", "third")} <= texts(banner.list)
    press(banner.list, "Discard second", qtbot)
    assert banner.list.isVisible()
    assert "second, not trained yet" not in texts(banner.list)
    press(banner.list, "Restore first", qtbot)
    assert not banner.list.isVisible()
    assert controller.model.name == "first"
    assert banner.text.endswith(")")
    assert "third" in banner.text
    assert [offer.what.split(",")[0] for offer in offers(start(), qtbot)] == ["third"]


def test_a_damaged_installation_starts_with_an_untrained_model(
    start: Start, settings: Settings, look: Theme, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resources

    def damaged(name: str) -> bytes:
        return b"PK\x03\x04 damaged"

    monkeypatch.setattr(resources, "read_bytes", damaged)
    controller = start()
    assert not controller.model.trained
    assert controller.model.classes == tuple("0123456789")
    window = MainWindow(controller, settings, look)
    qtbot.addWidget(window)
    assert "digits.tinyml" in window.messages.message
