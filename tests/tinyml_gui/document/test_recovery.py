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
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense
from engine.storage import model_file
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control import autosave
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.training import CONTINUE
from tinyml_gui.document.edits import change_layer
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.viewmodels.training import Phase

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


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_trained_model_survives_a_killed_program(folder: Path, start: Start, qtbot: QtBot) -> None:
    killed(folder, 6, "end")
    controller = start()
    assert controller.recoverable
    controller.recover()
    assert controller.model.trained
    assert controller.model.classes == spot_model().classes
    assert controller.is_modified
    assert controller.recoverable is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_run_goes_on_after_a_killed_program_as_if_nothing_had_happened(
    folder: Path, start: Start, qtbot: QtBot
) -> None:
    killed(folder, 400, "run")
    controller = start()
    controller.training.look_for_run()
    qtbot.waitUntil(lambda: controller.training.interrupted is not None)
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


def test_a_second_program_keeps_its_own_copies(start: Start) -> None:
    first, second = start(), start()
    assert first.recovery_files.model != second.recovery_files.model
    assert second.recoverable is None


def test_closing_leaves_nothing_and_frees_the_place(start: Start, qtbot: QtBot) -> None:
    controller = start()
    train(controller, qtbot)
    qtbot.waitUntil(controller.recovery_files.model.exists)
    controller.close()
    assert not controller.recovery_files.model.exists()
    again = start()
    assert again.recoverable is None
    assert again.recovery_files.model == controller.recovery_files.model


def test_a_folder_that_cannot_be_written_is_told_once_and_training_goes_on(
    folder: Path, start: Start, qtbot: QtBot
) -> None:
    controller = start()
    faults: list[str] = []
    controller.error.connect(faults.append)
    controller.recovery_files.model = folder / "gone" / "recovered.tinyml"
    controller.training.keep_path = folder / "gone" / "run.tinyml"
    train(controller, qtbot)
    qtbot.waitUntil(lambda: len(faults) == 2)
    assert controller.training.run.status.phase in {Phase.DONE, Phase.TESTING}
    assert all("gone" in fault for fault in faults)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged"])
def test_a_damaged_copy_is_told_and_not_offered_again(content: bytes, folder: Path, start: Start) -> None:
    folder.mkdir()
    (folder / "recovered.tinyml").write_bytes(content)
    controller = start()
    faults: list[str] = []
    controller.error.connect(faults.append)
    before = controller.model
    controller.recover()
    assert faults
    assert controller.model is before
    assert controller.recoverable is None


@pytest.mark.parametrize("opened", [True, False])
def test_the_window_offers_what_was_left(
    opened: bool, folder: Path, start: Start, settings: Settings, look: Theme, qtbot: QtBot
) -> None:
    folder.mkdir()
    model_file.save(spot_model(), folder / "recovered.tinyml")
    controller = start()
    window = MainWindow(controller, settings, look)
    qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
    window.show()
    assert window.recovery_banner.isVisible()
    banner = window.recovery_banner
    qtbot.mouseClick(banner.button if opened else banner.decline_button, LEFT)
    assert not banner.isVisible()
    assert (controller.model.fingerprint == spot_model().fingerprint) is opened
    assert controller.is_modified is opened
    assert controller.recoverable is None


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
