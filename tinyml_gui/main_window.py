"""The window: header, navigation, page, drawing, footer. Layout and wiring only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QResizeEvent, QShowEvent, QStatusTipEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QMenu,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine import __version__
from engine.words import short
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.files import FileController
from tinyml_gui.document.settings import Settings
from tinyml_gui.drawing.canvas import Canvas
from tinyml_gui.drawing.model_drop import ModelDrop
from tinyml_gui.look import theme
from tinyml_gui.look.actions import Actions
from tinyml_gui.look.keys import FocusPlace, set_keys
from tinyml_gui.look.tab_order import order_focus
from tinyml_gui.look.theme_switch import MODES, Theme
from tinyml_gui.look.widgets import Fitting, set_state
from tinyml_gui.panels.draw.panel import DrawPanel
from tinyml_gui.panels.message_area import MessageArea, Topic
from tinyml_gui.panels.navigation import Navigation
from tinyml_gui.panels.pages import FIRST_SHOWN, PAGES
from tinyml_gui.panels.placement import Placement
from tinyml_gui.panels.recovery import RecoveryBanner
from tinyml_gui.panels.sweep.sweep_bar import SweepBar
from tinyml_gui.panels.title_bar import TitleBar
from tinyml_gui.panels.train.training_bar import TrainingBar
from tinyml_gui.viewmodels.drawing import DrawingViewModel

__all__ = ["MainWindow"]

APPLICATION: Final = "TinyML Studio"
_IDLE_MS: Final = 150
_INTERRUPTED: Final = 130  # the exit code that shells know
_UNDONE: Final = "change of the model"
_UNDONE_THERE: Final = "stroke"  # while the focus is at the drawing
_FAULTY: Final = "The network has a fault, see the Model page"


class MainWindow(QMainWindow):
    """Everything the user sees.

    Signals
    -------
    painted()
        The window was shown and painted for the first time.
    """

    painted = Signal()

    def __init__(self, controller: Controller, settings: Settings, look: Theme) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.controller = controller
        self._settings = settings
        self._look = look
        self._shown = False
        self._central = QFrame()
        self.commands = Actions(self)
        self.files = FileController(self, self.commands, controller, settings)
        self.navigation = Navigation()
        self.pages = QStackedWidget()
        set_keys(self.pages, "Ctrl+Z undoes a change of the model")
        self.draw_panel = DrawPanel(settings, DrawingViewModel())
        self._place = FocusPlace(self, self.draw_panel)
        self.messages = MessageArea()
        self.training_bar, self.sweep_bar = TrainingBar(controller), SweepBar(controller)
        self.recovery_banner = RecoveryBanner(controller.recovery)
        self._fill_pages()
        self.title_bar = TitleBar(self.commands, self._pages_menu())
        self._splitter = self._make_splitter()
        self._placement = Placement(self, self._splitter, settings)
        self.painted.connect(self._placement.fit)
        self._lay_out()
        self._connect_commands()
        self._connect_controller()
        self._restore()

    # Layout

    def _fill_pages(self) -> None:
        for page in PAGES:
            self.navigation.add_page(page)
            holder = QWidget()
            column = QVBoxLayout(holder)
            margin = theme.PAGE_MARGIN
            # At the right are two scroll bars: one inside the page, one for a window that is very low.
            column.setContentsMargins(margin, margin, margin - 2 * theme.SCROLL_BAR, margin)
            self.pages.addWidget(Fitting(holder))
        self.navigation.chosen.connect(self.show_page)
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(_IDLE_MS)
        self._idle.timeout.connect(self._make_next_page)
        self.painted.connect(self._idle.start)
        self.painted.connect(self.controller.recovery.look)

    def _make_page(self, index: int) -> bool:
        """Make page `index` where it is not there yet; tell whether it was made."""
        area = self.pages.widget(index)
        column = area.inside.layout() if isinstance(area, Fitting) else None
        assert column is not None
        if not column.isEmpty():
            return False
        column.addWidget(PAGES[index].make(self.controller))
        order_focus(self._central)
        return True

    def _make_next_page(self) -> None:
        """Make what is not shown yet, one page at a time, so that going there takes no time."""
        if any(map(self._make_page, range(len(PAGES)))):
            self._idle.start()

    def _pages_menu(self) -> QMenu:
        menu = QMenu("&Go to", self)
        menu.addActions(self.navigation.actions_of_pages)
        self.addActions(self.navigation.actions_of_pages)
        return menu

    def _make_splitter(self) -> QSplitter:
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(theme.GRID)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.pages)
        splitter.addWidget(Fitting(self.draw_panel))
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 0)
        return splitter

    def _lay_out(self) -> None:
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.navigation)
        middle.addWidget(self._splitter, stretch=1)
        self._central.setObjectName("central")
        column = QVBoxLayout(self._central)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title_bar)
        column.addWidget(self.recovery_banner)
        column.addLayout(middle, stretch=1)
        column.addWidget(self._make_footer())
        self.setCentralWidget(self._central)

    def _make_footer(self) -> QWidget:
        footer = QWidget()
        footer.setObjectName("footer")
        footer.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        footer.setFixedHeight(theme.around_text(theme.FOOTER_HEIGHT))
        row = QHBoxLayout(footer)
        row.setContentsMargins(theme.GAP_WIDE, 0, theme.GAP_WIDE, 0)
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self.training_bar)
        row.addWidget(self.sweep_bar)
        row.addWidget(self.messages, stretch=1)
        return footer

    # Wiring

    def _connect_commands(self) -> None:
        commands, canvas = self.commands, self.draw_panel.canvas
        commands["quit"].triggered.connect(self.close)
        commands["undo"].triggered.connect(self._undo)
        commands["redo"].triggered.connect(self._redo)
        commands["undo_model"].triggered.connect(self.controller.undo)
        commands["redo_model"].triggered.connect(self.controller.redo)
        commands["clear"].triggered.connect(canvas.clear)
        commands["paste"].triggered.connect(canvas.paste)
        commands["draw"].triggered.connect(canvas.setFocus)
        commands["theme_toggle"].triggered.connect(self._look.toggle)
        for mode in MODES:
            commands[f"theme_{mode}"].setData(mode)
            commands[f"theme_{mode}"].triggered.connect(self._choose_theme)
        commands["about"].triggered.connect(self._about)
        self._look.mode_changed.connect(self._theme_changed)
        canvas.history_changed.connect(self._update_undo)
        self.messages.follow(Topic.DRAWING, canvas.refused, canvas.changed)
        pictures = self.controller.pictures
        canvas.given.connect(pictures.start)
        pictures.read.connect(canvas.put)
        pictures.told.connect(self.messages.show_tip)
        self.controller.imports.told.connect(self.messages.show_tip)
        self.messages.follow(Topic.DRAWING, pictures.refused, canvas.changed)
        drop = ModelDrop(self)
        drop.hovered.connect(self._show_target)
        drop.dropped.connect(self.files.open)
        self._place.changed.connect(self._show_place)

    def _connect_controller(self) -> None:
        self.controller.model_changed.connect(self._model_changed)
        self.controller.params_published.connect(self._params_published)
        self.controller.title_changed.connect(self._update_title)
        self.controller.message.connect(self.messages.show_message)
        self.messages.follow(Topic.MODEL, self.controller.error, self.controller.settled)
        self.messages.follow(Topic.COPIES, self.controller.unkept, self.controller.kept_again)
        self.recovery_banner.restore_asked.connect(self.files.restore)
        self.recovery_banner.discard_asked.connect(self.controller.recovery.discard)
        self._model_changed()
        self._update_title()
        if self.controller.start_note:
            self.messages.show_error(self.controller.start_note)

    def _model_changed(self) -> None:
        model, fault = self.controller.model, self.controller.state.document.fault
        self.draw_panel.set_model(model, "" if fault is None else _FAULTY)
        self.draw_panel.set_random(not (model.trained or self.controller.training.is_running))
        self._update_undo()

    def _params_published(self) -> None:
        self.draw_panel.publish(self.controller.model.params)

    def _update_title(self) -> None:
        name, modified = self.controller.title, self.controller.is_modified
        self.setWindowTitle(f"{short(name)}[*] – {APPLICATION}")
        self.setWindowModified(modified)
        self.title_bar.show_title(name, modified)

    # Undo goes to the drawing while the user draws, to the model otherwise

    def _show_place(self) -> None:
        self.messages.set_rest(self._place.keys)
        self._update_undo()

    def _target(self) -> Canvas | Controller:
        return self.draw_panel.canvas if self._place.in_area else self.controller

    def _undo(self) -> None:
        self._target().undo()
        self._update_undo()

    def _redo(self) -> None:
        self._target().redo()
        self._update_undo()

    def _update_undo(self) -> None:
        target, undone = self._target(), _UNDONE_THERE if self._place.in_area else _UNDONE
        for name, possible in (("undo", target.can_undo), ("redo", target.can_redo)):
            self.commands[name].setEnabled(possible)
            self.commands[name].setText(f"&{name.title()} {undone}")
        self.commands["undo_model"].setEnabled(self.controller.can_undo)
        self.commands["redo_model"].setEnabled(self.controller.can_redo)
        self.commands["clear"].setEnabled(not self.draw_panel.canvas.is_blank)

    # Pages, theme, about

    def show_page(self, index: int) -> None:
        """Show page `index` of `PAGES`."""
        self._make_page(index)
        self.navigation.show_page(index)
        self.pages.setCurrentIndex(index)
        self._settings.page = PAGES[index].name

    def _choose_theme(self) -> None:
        chosen = [mode for mode in MODES if self.commands[f"theme_{mode}"].isChecked()]
        self._look.set_mode(chosen[0])

    def _theme_changed(self, mode: str) -> None:
        self.commands[f"theme_{mode}"].setChecked(True)
        self._settings.theme = mode

    def _about(self) -> None:
        QMessageBox.about(
            self,
            f"About {APPLICATION}",
            f"{APPLICATION} {__version__}\n\nDraw a character, train a network on it, export C that runs on "
            "a microcontroller. MIT licence. Made with Qt for Python (LGPL), NumPy and pyqtgraph; the "
            "starter data are digits of MNIST (Y. LeCun, C. Cortes, C. Burges).",
        )

    def rescue(self, path: Path) -> None:
        """Write a copy of the current model to `path`, whatever state the window is in."""
        from engine.storage import model_file

        model_file.save(self.controller.model, path)

    # What is remembered

    def _restore(self) -> None:
        self._placement.restore()
        names, last = [page.name for page in PAGES], self._settings.page
        self.show_page(names.index(last if last in names else FIRST_SHOWN))
        self.commands[f"theme_{self._look.mode}"].setChecked(True)

    def event(self, event: QEvent) -> bool:
        """Show status tips in the message area; there is no status bar."""
        if isinstance(event, QStatusTipEvent):
            self.messages.show_tip(event.tip())
            return True
        painted = event.type() == QEvent.Type.Paint and not self._shown
        handled = super().event(event)
        if painted:
            self._shown = True
            self.painted.emit()
        return handled

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave more width to the page where the window is narrow."""
        super().resizeEvent(event)
        self.navigation.set_compact(event.size().width() < theme.scaled(theme.NARROW))

    def showEvent(self, event: QShowEvent) -> None:
        """Give the focus to the canvas, where work begins."""
        super().showEvent(event)
        self.draw_panel.canvas.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved changes, remember the layout, stop the worker."""
        if not self.files.may_discard():
            event.ignore()
            return
        self._placement.remember()
        self.controller.close()
        event.accept()

    def end_now(self) -> None:
        """End without asking; what is unsaved is offered at the next start."""
        self._placement.remember()
        self.controller.keep_unsaved()
        QApplication.exit(_INTERRUPTED)

    def _show_target(self, on: bool) -> None:
        """Show that a dragged model may be dropped here."""
        set_state(self._central, "target" if on else "")
        self.messages.show_tip("Drop to open this model" if on else "")
