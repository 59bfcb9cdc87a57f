"""Every registered page: its shortcut opens it, it shows its title and fits a small screen in both themes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise, product

import numpy as np
import pytest
from PySide6.QtCore import QDeadlineTimer, QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.tinyml_gui.evaluations import assessed
from tests.tinyml_gui.sweeps import ended
from tests.tinyml_gui.tiny import PATIENCE, TinyCatalogue
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.look import icons
from tinyml_gui.look.theme import DARK, LIGHT, TITLE
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.look.widgets import Scrolling
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.model.panel import ModelPanel
from tinyml_gui.panels.pages import PAGES
from tinyml_gui.panels.train.curves import BarePlot
from tinyml_gui.panels.views.chart import Chart

SMALL_SCREEN = (1280, 720)
CORNER = QPoint(4, 4)  # inside the margin of a page
NAMES = [page.name for page in PAGES]


@pytest.fixture
def make_window(qtbot: QtBot, settings: Settings) -> Iterator[Callable[[Theme], MainWindow]]:
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    controller.sweep.results = ended()  # without them most of the pages is hidden
    controller.evaluation.result = assessed()

    def make(look: Theme) -> MainWindow:
        made = MainWindow(controller, settings, look)
        qtbot.addWidget(made, before_close_func=lambda _: controller.state.mark_saved())
        made.resize(*SMALL_SCREEN)
        made.show()
        assert QTest.qWaitForWindowActive(made, PATIENCE)
        return made

    yield make
    controller.shutdown()


@pytest.fixture
def window(make_window: Callable[[Theme], MainWindow], look: Theme) -> MainWindow:
    return make_window(look)


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


def test_shortcuts_open_the_pages_which_fit_a_small_screen_in_both_themes(
    window: MainWindow, look: Theme
) -> None:
    for tokens, page in product((LIGHT, DARK), range(len(PAGES))):
        look.set_mode(tokens.name)
        go_to(window, page)
        assert window.pages.currentIndex() == page
        holder = window.pages.currentWidget()
        assert titles(holder) == [PAGES[page].name]
        assert (window.width(), window.height()) == SMALL_SCREEN
        assert holder.minimumSizeHint().width() <= window.pages.width()
        assert holder.minimumSizeHint().height() <= window.pages.height()
        corner = window.grab().toImage().pixelColor(holder.mapTo(window, CORNER))
        assert corner.name() == tokens.window.lower()


# Sizes: what the screen leaves at 100 % of a small screen, at 200 % of full HD, and the least there is
SIZES = (SMALL_SCREEN, (958, 508), (900, 420))
ROUNDING = 1  # px: a line of text is not a whole number of them high
WITH_TEXT = (QLabel, QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)


def cut_off(root: QWidget) -> list[str]:
    """Return what inside `root` is smaller than its text, or sticks out at the left or right."""
    found = []
    for widget in root.findChildren(QWidget):
        if not (isinstance(widget, WITH_TEXT) and widget.isVisible()):
            continue
        least, left = (
            widget.minimumSizeHint().boundedTo(widget.maximumSize()),
            widget.mapTo(root, QPoint()).x(),
        )
        wrapped = isinstance(widget, QLabel) and widget.wordWrap()
        height = widget.heightForWidth(widget.width()) if wrapped else least.height()
        is_whole = widget.width() >= least.width() and widget.height() >= height - ROUNDING
        if not is_whole or left < 0 or left + widget.width() > root.width():
            text = widget.property("text") or widget.accessibleName()
            found.append(f"{type(widget).__name__} {text!r}: {widget.geometry()} {least} {height}")
    return found


def settle(window: MainWindow) -> None:
    """Wait for the estimate that is shown; let layouts ask each other until all have what they need."""
    deadline = QDeadlineTimer(PATIENCE)
    while window.controller.deployment.is_measuring:
        assert not deadline.hasExpired()
        QTest.qWait(10)
    for _ in range(4):
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        QApplication.processEvents()


def check_sizes(window: MainWindow, sizes: Iterable[tuple[int, int]]) -> None:
    for size, page in product(sizes, range(len(PAGES))):
        window.resize(*size)
        window.show_page(page)
        settle(window)
        assert (window.width(), window.height()) == size
        for area in window.findChildren(Scrolling):
            if area.isVisible():
                at = f"{PAGES[page].name} at {size}"
                assert area.inside.width() <= area.viewport().width(), at
                assert cut_off(area.inside) == [], at
        assert cut_off(window.title_bar) == []


def test_nothing_is_cut_off_in_a_window_of_any_size(window: MainWindow) -> None:
    for layers in range(len(window.controller.model.spec.layers)):  # each kind has other fields
        window.controller.select(layers)
    check_sizes(window, SIZES)


def test_nothing_is_cut_off_at_twice_the_size_of_text(
    qapp: QApplication, make_window: Callable[[Theme], MainWindow]
) -> None:
    window = make_window(Theme(qapp, "light", text_scale=2.0))
    title = next(made for made in window.findChildren(QLabel) if made.property("role") == "title")
    assert title.fontInfo().pixelSize() == 2 * TITLE
    check_sizes(window, [SMALL_SCREEN])


def test_what_scrolls_is_as_wide_with_a_scroll_bar_as_without(window: MainWindow) -> None:
    panel = window.findChild(ModelPanel)
    assert panel is not None
    seen = {}
    for height in (1000, 720):
        window.resize(SMALL_SCREEN[0], height)
        QApplication.processEvents()
        bar = panel._area.verticalScrollBar()
        seen[bar.maximum() > bar.minimum()] = panel.layers.width()
    assert set(seen) == {False, True}
    assert seen[True] == seen[False]


# The keyboard and screen readers


def tab_stops(window: MainWindow) -> list[QWidget]:
    """Return what Tab reaches in the page that is shown, in its order."""
    root = window.pages.currentWidget()
    stops, at = [], root.nextInFocusChain()
    while at is not root:
        takes_tab = at.focusPolicy().value & Qt.FocusPolicy.TabFocus.value and at.focusProxy() is None
        if takes_tab and at.isVisible() and at.isEnabled() and root.isAncestorOf(at):
            stops.append(at)
        at = at.nextInFocusChain()
    return stops


def card_of(widget: QWidget) -> QWidget:
    """Return the outermost card around a widget, or the widget where it is in none."""
    at: QWidget | None = widget
    while at is not None:
        if at.property("role") == "card":
            widget = at
        at = at.parentWidget()
    return widget


def parts(before: QWidget, after: QWidget) -> tuple[QWidget, QWidget]:
    """Return what of the page two widgets stand for: a card is read to its end before the next one."""
    cards = card_of(before), card_of(after)
    return (before, after) if cards[0] is cards[1] else cards


def place(widget: QWidget, root: QWidget) -> QRect:
    """Return where `widget` is in the window: what is seen of it, or all where it is scrolled away."""
    seen = widget.visibleRegion().boundingRect()
    return (widget.rect() if seen.isEmpty() else seen).translated(widget.mapTo(root, QPoint()))


def test_tab_goes_from_left_to_right_and_down(window: MainWindow) -> None:
    for layer in range(len(window.controller.model.spec.layers)):
        window.controller.select(layer)  # makes its fields, later than the rest of the page
    for page in range(len(PAGES)):
        window.show_page(page)
        check_tab_order(window)


def check_tab_order(window: MainWindow) -> None:
    for toggle in window.pages.currentWidget().findChildren(QToolButton):
        if toggle.isCheckable():
            toggle.setChecked(True)
    QApplication.processEvents()
    stops = tab_stops(window)
    assert len(stops) > 3
    for before, after in pairwise(stops):
        a, b = (place(widget, window) for widget in parts(before, after))
        same_row = a.top() < b.bottom() and b.top() < a.bottom()
        follows = a.left() < b.left() if same_row else a.top() < b.top()
        assert follows, f"{before.accessibleName()!r} {a}, then {after.accessibleName()!r} {b}"


def test_screen_readers_hear_the_name_of_all_that_tab_reaches(window: MainWindow) -> None:
    stops = []
    for page in range(len(PAGES)):
        window.show_page(page)
        stops += tab_stops(window)
    for stop in stops:
        spoken = QAccessible.queryAccessibleInterface(stop)
        if isinstance(stop, QComboBox):  # its name is what is chosen, on Linux at least
            labels = [made for made, how in spoken.relations() if how == QAccessible.RelationFlag.Label]
            assert labels
            assert labels[0].text(QAccessible.Text.Name)
        else:
            assert spoken.text(QAccessible.Text.Name), stop


def test_charts_show_the_focus_and_say_what_they_show(window: MainWindow, qtbot: QtBot) -> None:
    for page, kind, count in (("Train", BarePlot, 2), ("Sweep", Chart, 4), ("Evaluate", Chart, 2)):
        window.show_page(NAMES.index(page))
        charts = [chart for chart in window.findChildren(kind) if chart.isVisible()]
        assert len(charts) == count
        check_focus_and_words(window, charts, qtbot)


def check_focus_and_words(window: MainWindow, charts: Iterable[QWidget], qtbot: QtBot) -> None:
    for chart in charts:
        assert chart.accessibleName()
        assert chart.accessibleDescription()
        edge = QPoint(chart.width() // 2, 0)
        chart.setFocus()
        qtbot.waitUntil(chart.hasFocus)
        assert chart.grab().toImage().pixelColor(edge).name() == LIGHT.accent.lower()
        window.draw_panel.canvas.setFocus()
        assert chart.grab().toImage().pixelColor(edge).name() != LIGHT.accent.lower()


def test_screen_readers_hear_what_a_progress_bar_belongs_to(window: MainWindow) -> None:
    for page in range(len(PAGES)):
        window.show_page(page)
        bars = window.pages.currentWidget().findChildren(QProgressBar)
        names = [bar.accessibleName() for bar in bars]
        assert all(name.startswith("Progress of ") for name in names), names
        assert len(set(names)) == len(names)
