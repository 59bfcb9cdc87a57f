"""Files that anyone may have written: names in a model stay text, and no settings keep the window closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QSettings, Qt, QTimer
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from tests.tinyml_gui.tiny import TinyCatalogue
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.actions import Actions
from tinyml_gui.look.question import Answer, ask
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.deploy import panel as deploy_panel
from tinyml_gui.panels.deploy.flip_gallery import FlipGallery
from tinyml_gui.panels.message_area import MessageArea
from tinyml_gui.panels.pages import PAGES
from tinyml_gui.panels.title_bar import TitleBar
from tinyml_gui.viewmodels.accuracy import Flip
from tinyml_gui.viewmodels.deploy import overwrite_question

MARKUP = "<img src=x><b>x"
LONG = MARKUP + "&" + 180 * "W"

MakeWindow = Callable[[], MainWindow]


@pytest.fixture
def make_window(qtbot: QtBot, look: Theme) -> Iterator[MakeWindow]:
    made: list[MainWindow] = []

    def make() -> MainWindow:
        settings = Settings()
        look.set_mode("light")
        controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
        window = MainWindow(controller, settings, look)
        qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
        window.show()
        made.append(window)
        return window

    yield make
    for window in made:
        window.controller.shutdown()


def visit_all(window: MainWindow) -> None:
    for page in range(len(PAGES)):
        window.show_page(page)
        QApplication.processEvents()


# Names in a model


@pytest.fixture
def window(make_window: MakeWindow, digits_model: Model) -> MainWindow:
    made = make_window()
    names = tuple(f"{MARKUP}{i}" for i in range(10))
    model = Model.new(PRESETS["mlp-32-32"].build(), names, np.random.default_rng(0), LONG)
    made.controller.state.reset(model)
    made.controller.title_changed.emit()
    visit_all(made)
    return made


def markup_shown(root: QWidget) -> list[str]:
    """Return what labels show as anything but plain text."""
    labels = root.findChildren(QLabel)
    return [label.text() for label in labels if label.textFormat() != Qt.TextFormat.PlainText]


def tip_of(widget: QWidget) -> QLabel:
    at = QPoint(3, 3)
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at)))
    tips = [made for made in QApplication.allWidgets() if made.inherits("QTipLabel")]
    assert len(tips) == 1
    assert isinstance(tips[0], QLabel)
    return tips[0]


def test_class_names_are_shown_as_text_on_every_page(window: MainWindow) -> None:
    window.draw_panel.canvas.put(np.full((280, 280), 255, np.uint8))
    window.draw_panel.canvas.changed.emit()
    QApplication.processEvents()
    assert markup_shown(window) == []
    assert window.draw_panel.top_label.text() != "–"


@pytest.fixture
def title_bar(qtbot: QtBot, look: Theme) -> Iterator[TitleBar]:
    window = QWidget()
    made = TitleBar(Actions(window), QMenu(window), window)
    qtbot.addWidget(window)
    made.show_title(LONG, modified=False)
    window.show()
    yield made
    window.close()


def test_tooltips_show_names_as_text(title_bar: TitleBar, qtbot: QtBot) -> None:
    gallery, messages = FlipGallery(), MessageArea()
    gallery.show_flips((Flip(np.zeros((8, 8, 1), np.uint8), MARKUP, MARKUP, MARKUP),))
    messages.show_error(f"{40 * MARKUP} is unknown.")
    tile = gallery.tiles[0].parentWidget()
    assert tile is not None
    for shown in (gallery, messages):
        qtbot.addWidget(shown)
        shown.show()
    for widget in (tile, messages, title_bar.file_button):
        tip = tip_of(widget)
        assert MARKUP in tip.text()
        assert tip.textFormat() == Qt.TextFormat.PlainText
        tip.hide()


def test_questions_show_names_as_text_and_no_stock_icon(look: Theme, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    seen: list[QMessageBox] = []

    def look_and_answer() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(box)
        assert MARKUP in box.text()
        assert markup_shown(box) == []
        assert box.icon() == QMessageBox.Icon.NoIcon
        box.button(Answer.No).click()

    QTimer.singleShot(0, look_and_answer)
    question = overwrite_question([Path(f"{MARKUP}.h")])
    assert ask(parent, "Replace", question, Answer.Yes | Answer.No, Answer.No, MARKUP) == Answer.No
    assert seen


def test_a_long_name_takes_little_room_and_loses_no_letter_to_a_shortcut(title_bar: TitleBar) -> None:
    button = title_bar.file_button
    assert button.text().startswith(MARKUP)
    assert "&" not in button.text().replace("&&", "")
    assert button.sizeHint().width() < 400


# Settings

HOSTILE = {
    "not a number": "nan",
    "infinite": "-inf",
    "huge": "1e308",
    "negative": "-3",
    "empty": "",
    "several": "a, b, c",
    "nested": 5000 * "[",
    "a null character": r'"\x0"',
    "too long for a path": 5000 * "x",
    "nobody's folder": "~nobody-of-this-name/x",
    "a download": "download:emnist",
    "of another type": r"@Variant(\0\0\0\x6@\xf\x99\x99\x99\x99\x99\x9a)",
    "broken type": "@Variant(",
    "bytes": r"@ByteArray(\x1\xd9\xd0\xcb\0\x3\0\0)",
}
KEYS = (
    *("theme", "page", "brush", "geometry", "drawing_width", "recent_files"),
    *("train_config", "data", "data_folder", "board", "format", "export_folder"),
)


def write_settings(text: str) -> None:
    path = Path(QSettings().fileName())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def check_window(make_window: MakeWindow, values: Mapping[str, str]) -> None:
    write_settings("[General]\n" + "".join(f"{key}={value}\n" for key, value in values.items()))
    window = make_window()
    visit_all(window)
    window.commands.recent_menu.aboutToShow.emit()
    canvas = window.draw_panel.canvas
    assert canvas.isVisible()
    assert canvas.brush == window.draw_panel.brush_slider.value()
    panel = window.findChild(deploy_panel.DeployPanel)
    assert panel is not None
    assert isinstance(panel.options.folder, Path)


@pytest.mark.campaign
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_value_of_the_settings_keeps_the_window_closed(make_window: MakeWindow, value: str) -> None:
    check_window(make_window, dict.fromkeys(KEYS, value))


def test_values_that_did_harm_once_leave_the_window_usable(make_window: MakeWindow) -> None:
    harm = {
        "brush": "1e308",
        "recent_files": HOSTILE["too long for a path"],
        "train_config": HOSTILE["nested"],
        "export_folder": HOSTILE["nobody's folder"],
        "data": HOSTILE["a download"],
    }
    check_window(make_window, {**dict.fromkeys(KEYS, HOSTILE["broken type"]), **harm})
