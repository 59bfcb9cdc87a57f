"""The Evaluate page: accuracy with its interval, confusion matrix, mistakes, figures of the classes."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import (
    Card,
    HeadFigures,
    Scrolling,
    button,
    caption,
    muted,
    name_of,
    name_unseen,
    page_head,
    section,
)
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.data_picker import DataPicker
from tinyml_gui.panels.evaluate.class_table import ClassTable
from tinyml_gui.panels.evaluate.matrix_view import MatrixView
from tinyml_gui.panels.evaluate.reliability_chart import ReliabilityChart
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.panels.views.image_grid import ImageGrid
from tinyml_gui.viewmodels.evaluation import (
    Matrix,
    Selection,
    class_rows,
    head_words,
    image_words,
    pairs_words,
    selection_words,
)
from tinyml_gui.viewmodels.starts import data_title

__all__ = ["EvaluatePanel"]

_NUMBERS: Final = (("float32", False), ("int8", True))
_ORDERS: Final = (("As labelled", False), ("Most mistakes first", True))
_CELLS: Final = (("Counts", False), ("Per cent", True))
_HINT: Final = "Evaluate the network on test images: which classes it confuses, where, and how surely."
_OUTDATED: Final = "The network has changed since; evaluate it again."
_LEAST_GRID: Final = 40 * theme.GRID


class EvaluatePanel(QWidget):
    """Lays out choice, matrix, images and figures."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._control = controller, controller.evaluation
        self.head, self.banner = HeadFigures(), Banner()
        self.data, self.numbers = DataPicker(controller), _choice(_NUMBERS)
        self.start_button, self.cancel_button = button("Evaluate", "primary"), button("Cancel")
        self.progress, self.status = QProgressBar(), caption(wrap=True)
        self.hint = muted(_HINT, wrap=True)
        self.matrix, self.images = MatrixView(), ImageGrid()
        self.order, self.cells = _choice(_ORDERS), _choice(_CELLS)
        self.selection_line, self.image_line = caption(wrap=True), caption(wrap=True)
        self.all_button, self.canvas_button = button("All mistakes"), button("Open on the canvas")
        self.classes, self.reliability = ClassTable(), ReliabilityChart()
        self.reliability_line = caption(wrap=True)
        self._shown: object = None
        self._lay_out()
        self._connect()
        self._show()
        self._show_selection()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.data.read()
        self._show()

    # Layout

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        self._results = self._result_cards()
        for widget in (
            self._order_card(),
            self._running(),
            self.banner,
            self.hint,
            self.status,
            self._results,
        ):
            column.addWidget(widget)
        column.addStretch()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Evaluate", self.head))
        outside.addWidget(Scrolling(inside), stretch=1)

    def _order_card(self) -> Card:
        card, row = Card(margin=theme.GAP + theme.GRID), QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(name_of(self.data, "Data set"))
        row.addWidget(self.data, stretch=1)
        row.addSpacing(theme.GAP)
        row.addWidget(name_of(self.numbers, "Numbers"))
        row.addWidget(self.numbers)
        row.addSpacing(theme.GAP)
        row.addWidget(self.start_button)
        card.body.addLayout(row)
        return card

    def _running(self) -> QWidget:
        self._progress_row = QWidget()
        row = QHBoxLayout(self._progress_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_WIDE)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the evaluation")
        row.addWidget(self.progress, stretch=1)
        row.addWidget(self.cancel_button)
        return self._progress_row

    def _result_cards(self) -> QWidget:
        cards = self._matrix_card(), self._images_card(), self._classes_card(), self._reliability_card()
        for choice, name in ((self.cells, "Cells"), (self.order, "Order of classes")):
            name_unseen(choice, name)
        for card in cards:
            card.setMinimumWidth(card.minimumSizeHint().width())
        return FlowGrid(cards, columns=2)

    def _matrix_card(self) -> Card:
        return _card("Confusion", self.matrix, self.cells, self.order)

    def _images_card(self) -> Card:
        self.images.setMinimumHeight(theme.scaled(_LEAST_GRID))
        card = _card("Images", self.images, self.all_button, self.canvas_button)
        card.body.insertWidget(1, self.selection_line)
        card.body.addWidget(self.image_line)
        return card

    def _classes_card(self) -> Card:
        return _card("Classes", self.classes)

    def _reliability_card(self) -> Card:
        card = _card("Right when sure", self.reliability)
        card.body.addWidget(self.reliability_line)
        return card

    def _connect(self) -> None:
        control = self._control
        self.start_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(control.cancel)
        self.matrix.chosen.connect(self._choose_cell)
        self.all_button.clicked.connect(self._choose_all)
        self.classes.chosen.connect(self._choose_class)
        self.images.chosen.connect(self._show_image)
        self.canvas_button.clicked.connect(self._put_on_canvas)
        self.order.currentIndexChanged.connect(self._show_matrix)
        self.cells.currentIndexChanged.connect(self._show_matrix)
        self.reliability.chosen.connect(self._choose_bar)
        control.changed.connect(self._show)
        control.selected.connect(self._show_selection)
        self._controller.model_changed.connect(self._show)
        self._controller.training.data_changed.connect(self._show)

    # What the user does

    def _start(self) -> None:
        self.banner.hide()
        self._control.start(bool(self.numbers.currentData()))

    def _choose_cell(self, number: int) -> None:
        matrix = self._matrix()
        if matrix is not None:
            self._control.select(matrix.selection(*divmod(number, len(matrix.names))))
            self.matrix.mark(number)
            self.classes.leave()

    def _choose_all(self) -> None:
        self._control.select(Selection())
        self.matrix.mark(None)
        self.classes.leave()

    def _choose_class(self, label: int) -> None:
        self._control.select(Selection(label))
        self.matrix.mark(None)

    def _choose_bar(self, number: int) -> None:
        self.reliability.mark(number)
        self.reliability_line.setText(self.reliability.words)

    def _put_on_canvas(self) -> None:
        result = self._control.result
        if result is not None and self.images.current >= 0:
            self._control.put_on_canvas(result.data.images[self._places[self.images.current]])

    # What is shown

    def _matrix(self) -> Matrix | None:
        result = self._control.result
        if result is None:
            return None
        return Matrix(result.found, bool(self.order.currentData()), bool(self.cells.currentData()))

    def _show(self) -> None:
        control = self._control
        self._show_order()
        if control.error and not control.is_running:
            self.banner.show_error(control.error)
        result = control.result
        self._results.setVisible(result is not None)
        self.hint.setVisible(result is None)
        self.status.setVisible(result is not None)
        if result is not None:
            words = pairs_words(result.found)
            self.status.setText(f"{words}. {_OUTDATED}" if control.is_outdated else f"{words}.")
        if result is self._shown:
            return
        self._shown = result
        if result is not None:
            numbers = _NUMBERS[result.order.int8][0]
            self.head.show_figures(*head_words(result.found, data_title(result.order.data), numbers))
            self.classes.show_rows(class_rows(result.found))
            self.reliability.show_reliability(result.found.reliability)
            self.reliability_line.setText(self.reliability.words)
            self._show_matrix()

    def _show_order(self) -> None:
        control = self._control
        obstacle = control.obstacle
        self.start_button.setEnabled(not obstacle and not control.is_running)
        self.start_button.setToolTip(obstacle)
        self.numbers.setEnabled(control.has_int8 and not control.is_running)
        self.numbers.setToolTip("" if control.has_int8 else "Calibrate the network for int8 on Deploy first.")
        if not control.has_int8:
            self.numbers.setCurrentIndex(0)
        self._progress_row.setVisible(control.is_running)
        self.progress.setRange(0, max(1, control.progress.total))
        self.progress.setValue(control.progress.done)

    def _show_matrix(self) -> None:
        self.matrix.show_matrix(self._matrix())

    def _show_selection(self) -> None:
        result = self._control.result
        if result is None:
            self.images.clear()
            self.selection_line.setText("")
        else:
            selection = self._control.selection
            self._places = selection.images(result.found)
            self.images.show_images(result.data.images, self._places)
            self.selection_line.setText(selection_words(result.found, selection))
            self.all_button.setEnabled(selection != Selection())
        self._show_image()

    def _show_image(self) -> None:
        result, current = self._control.result, self.images.current
        if result is None or current < 0:
            self.canvas_button.setEnabled(False)
            self.image_line.setText("")
        else:
            self.canvas_button.setEnabled(True)
            self.image_line.setText(image_words(result.found, int(self._places[current])))


def _choice(items: tuple[tuple[str, bool], ...]) -> QComboBox:
    made = QComboBox()
    for text, value in items:
        made.addItem(text, value)
    calm_wheel(made)
    return made


def _card(title: str, view: QWidget, *beside: QWidget) -> Card:
    """Return a card with a view below its title, and what stands beside the title."""
    card, row = Card(margin=theme.GAP + theme.GRID), QHBoxLayout()
    row.setSpacing(theme.GAP)
    row.addWidget(section(title))
    row.addStretch()
    for widget in beside:
        row.addWidget(widget)
    card.body.addLayout(row)
    card.body.addWidget(view, stretch=1)
    return card
