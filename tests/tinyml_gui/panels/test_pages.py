"""Every registered page: its shortcut opens it, it shows its title and fits a small screen in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QProgressBar, QWidget
from pytestqt.qtbot import QtBot

from tests.tinyml_gui.tiny import PATIENCE, TinyCatalogue
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.look import icons
from tinyml_gui.look.theme import DARK, LIGHT
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.pages import PAGES

SMALL_SCREEN = (1280, 720)
CORNER = QPoint(4, 4)  # inside the margin of a page
NAMES = [page.name for page in PAGES]


@pytest.fixture
def window(qtbot: QtBot, settings: Settings, look: Theme) -> Iterator[MainWindow]:
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made = MainWindow(controller, settings, look)
    qtbot.addWidget(made, before_close_func=lambda _: controller.state.mark_saved())
    made.resize(*SMALL_SCREEN)
    made.show()
    assert QTest.qWaitForWindowActive(made, PATIENCE)
    yield made
    controller.shutdown()


def go_to(window: MainWindow, page: int) -> None:
    """Press the page's shortcut on the drawing, where the focus is at the start."""
    key = Qt.Key(Qt.Key.Key_1 + page)
    QTest.keyClick(window.draw_panel.canvas, key, Qt.KeyboardModifier.ControlModifier)
    QApplication.processEvents()


def test_names_are_unlike_and_icons_are_there() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert {page.icon for page in PAGES} <= set(icons.NAMES)
    assert all(page.tip[:1].isupper() for page in PAGES)


def titles(page: QWidget) -> list[str]:
    labels = page.findChildren(QLabel)
    return [label.text() for label in labels if label.property("role") == "title" and label.isVisible()]


@pytest.mark.parametrize("page", range(len(PAGES)), ids=NAMES)
def test_a_shortcut_opens_the_page_which_fits_a_small_screen_in_both_themes(
    window: MainWindow, look: Theme, page: int
) -> None:
    window.show_page((page + 1) % len(PAGES))
    go_to(window, page)
    assert window.pages.currentIndex() == page
    holder = window.pages.currentWidget()
    assert titles(holder) == [PAGES[page].name]
    for tokens in (LIGHT, DARK):
        look.set_mode(tokens.name)
        QApplication.processEvents()
        assert (window.width(), window.height()) == SMALL_SCREEN
        assert holder.minimumSizeHint().width() <= window.pages.width()
        assert holder.minimumSizeHint().height() <= window.pages.height()
        corner = window.grab().toImage().pixelColor(holder.mapTo(window, CORNER))
        assert corner.name() == tokens.window.lower()


def test_screen_readers_hear_what_a_progress_bar_belongs_to(window: MainWindow) -> None:
    for page in range(len(PAGES)):
        window.show_page(page)
        bars = window.pages.currentWidget().findChildren(QProgressBar)
        names = [bar.accessibleName() for bar in bars]
        assert all(name.startswith("Progress of ") for name in names), names
        assert len(set(names)) == len(names)
