from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QMenuBar, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tinyml_gui.look.keys import FocusPlace, set_keys
from tinyml_gui.look.tab_order import order_focus


class Window(QWidget):
    """An area with a button and a text, and a button beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.outside, self.area, self.bar = QPushButton("outside"), QWidget(), QMenuBar()
        self.bar.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.inside, self.text = QPushButton("inside"), QLineEdit()
        column, inner = QVBoxLayout(self), QVBoxLayout(self.area)
        for widget in (self.bar, self.area, self.outside):
            column.addWidget(widget)
        for widget in (self.inside, self.text):
            inner.addWidget(widget)
        set_keys(self.area, "Delete clears")


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    made = Window()
    qtbot.addWidget(made)
    made.show()
    with qtbot.waitActive(made):
        made.activateWindow()
    return made


def test_the_words_are_those_of_the_nearest_widget_and_texts_have_their_own_keys(window: Window) -> None:
    place = FocusPlace(window, window.area)
    heard: list[tuple[str, bool]] = []
    place.changed.connect(lambda: heard.append((place.keys, place.in_area)))
    for widget in (window.inside, window.outside, window.text):
        widget.setFocus()
    assert heard == [("Delete clears", True), ("", False), ("", True)]


def test_menus_and_dialogs_do_not_move_the_place(window: Window, qtbot: QtBot) -> None:
    place = FocusPlace(window, window.area)
    window.inside.setFocus()
    window.bar.setFocus()
    assert QApplication.focusWidget() is window.bar
    dialog = QDialog(window)
    QLineEdit(dialog)
    dialog.show()
    with qtbot.waitActive(dialog):
        dialog.activateWindow()
    assert (place.keys, place.in_area) == ("Delete clears", True)


def test_tab_follows_the_layouts_and_not_the_making_of_widgets(window: Window) -> None:
    order_focus(window)
    chain = [window.bar]
    for _ in range(3):
        follower = chain[-1].nextInFocusChain()
        while follower.focusPolicy() == Qt.FocusPolicy.NoFocus:
            follower = follower.nextInFocusChain()
        chain.append(follower)
    assert chain == [window.bar, window.inside, window.text, window.outside]
