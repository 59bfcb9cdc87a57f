"""The window as a whole: nothing is cut off, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from tests.tinyml_gui.tiny import TinyCatalogue
from tinyml_gui.controller import Controller
from tinyml_gui.main_window import PAGES, MainWindow
from tinyml_gui.settings import Settings
from tinyml_gui.theme import Theme


@pytest.fixture
def window(qtbot: QtBot, settings: Settings, look: Theme) -> Iterator[MainWindow]:
    controller = Controller(settings, TinyCatalogue())
    made = MainWindow(controller, settings, look)
    qtbot.addWidget(made, before_close_func=lambda _: controller.state.mark_saved())
    made.show()
    yield made
    controller.shutdown()


@pytest.mark.parametrize("size", [(960, 640), (1024, 700), (1440, 900)])
@pytest.mark.parametrize("page", range(len(PAGES)))
def test_no_page_is_wider_than_its_place(
    window: MainWindow, qtbot: QtBot, page: int, size: tuple[int, int]
) -> None:
    window.resize(*size)
    window.show_page(page)
    for more in window.pages.currentWidget().findChildren(QScrollArea):
        QApplication.processEvents()
        assert more.widget().minimumSizeHint().width() <= more.viewport().width()
    holder = window.pages.currentWidget()
    assert holder.minimumSizeHint().width() <= window.pages.width()
    assert window.width() == size[0]
