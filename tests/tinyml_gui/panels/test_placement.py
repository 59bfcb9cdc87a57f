from __future__ import annotations

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QMainWindow, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.placement import Placement, fitted

ROOM = QRect(0, 24, 960, 516)  # full HD at 200 %, below a panel


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        (QRect(10, 30, 500, 400), QRect(10, 30, 500, 400)),
        (QRect(0, 0, 1240, 820), ROOM),
        (QRect(-50, -50, 500, 400), QRect(0, 24, 500, 400)),
        (QRect(900, 500, 500, 400), QRect(460, 140, 500, 400)),
    ],
)
def test_a_place_is_moved_and_shrunk_into_the_room(place: QRect, wanted: QRect) -> None:
    assert fitted(place, ROOM) == wanted
    assert ROOM.contains(fitted(place, ROOM))


class SmallScreen:
    def availableGeometry(self) -> QRect:
        return ROOM


@pytest.fixture
def window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QMainWindow:
    made = QMainWindow()
    splitter = QSplitter()
    for _ in range(2):
        splitter.addWidget(QWidget())
    splitter.setChildrenCollapsible(False)
    made.setCentralWidget(splitter)
    monkeypatch.setattr(made, "screen", SmallScreen)
    qtbot.addWidget(made)
    return made


def test_the_first_window_is_no_larger_than_the_screen(window: QMainWindow, settings: Settings) -> None:
    splitter = window.centralWidget()
    assert isinstance(splitter, QSplitter)
    placement = Placement(window, splitter, settings)
    placement.restore()
    assert window.width() <= ROOM.width()
    assert window.height() < ROOM.height()  # its frame has room too
    assert window.minimumSize().boundedTo(ROOM.size()) == window.minimumSize()
    window.show()
    placement.fit()
    assert ROOM.contains(window.frameGeometry())


def test_a_window_that_was_resized_since_is_left_alone(window: QMainWindow, settings: Settings) -> None:
    splitter = window.centralWidget()
    assert isinstance(splitter, QSplitter)
    placement = Placement(window, splitter, settings)
    placement.restore()
    window.resize(1280, 720)
    window.show()
    placement.fit()
    assert window.size() == QSize(1280, 720)


@pytest.mark.parametrize("width", ["-9", "0", "1e300", "nan"])
def test_no_remembered_share_hides_page_or_drawing(
    window: QMainWindow, settings: Settings, width: str
) -> None:
    splitter = window.centralWidget()
    assert isinstance(splitter, QSplitter)
    for at in range(2):
        splitter.widget(at).setMinimumWidth(200)
    settings.set_text("drawing_width", width)
    Placement(window, splitter, settings).restore()
    window.show()
    assert min(splitter.sizes()) >= 200
