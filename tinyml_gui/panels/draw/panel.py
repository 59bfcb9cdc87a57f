"""The drawing panel at the window's right: the canvas, what the network sees, and its answer."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from engine.nn.model import Model
from tinyml_gui.document.settings import Settings
from tinyml_gui.drawing.canvas import BRUSH_RANGE, Canvas
from tinyml_gui.look import theme
from tinyml_gui.look.keys import set_keys
from tinyml_gui.look.widgets import IconButton, caption, label, name_of, section, set_role
from tinyml_gui.panels.draw.bars import ProbabilityBars
from tinyml_gui.panels.draw.seen_image import SeenImage
from tinyml_gui.viewmodels.drawing import DrawingResult, DrawingViewModel
from tinyml_gui.viewmodels.quantities import percent

__all__ = ["DrawPanel"]

_LONGEST: Final = 8  # characters of a class's name in large
_TWO_LINES: Final = 24  # characters of a sentence beside what the network sees
_IN_INT8: Final = "What the model answers in int8, as on a microcontroller"
_RANDOM: Final = "Not trained yet: answers are random"
_NOT_SURE: Final = "Not sure what this is"
_REST_MS: Final = 120  # from the last change of the drawing until int8 answers too
_SHORTEST_MS: Final = 8.0  # between two answers: a fast tablet sends events faster than a screen shows them


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


class DrawPanel(QWidget):
    """Canvas, brush, the network's view and the class probabilities.

    Signals
    -------
    answered(object)
        A `DrawingResult`, after each change of the drawing or the network.
    """

    answered = Signal(object)

    def __init__(self, settings: Settings, view: DrawingViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("drawPanel")
        set_keys(self, "Ctrl+Z undoes a stroke")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._settings = settings
        self._view = view
        self._answered_at = 0.0
        self._random = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._answer)
        self._last: DrawingResult | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._compare)
        self.canvas = Canvas()
        self.canvas.changed.connect(self._schedule)
        self.canvas.history_changed.connect(self._update_buttons)
        self.undo_button = IconButton("undo", "Undo stroke")
        self.redo_button = IconButton("redo", "Redo stroke")
        self.clear_button = IconButton("clear", "Clear drawing (Ctrl+Backspace)")
        self.undo_button.clicked.connect(self.canvas.undo)
        self.redo_button.clicked.connect(self.canvas.redo)
        self.clear_button.clicked.connect(self.canvas.clear)
        self.brush_slider = self._make_slider()
        self.seen = SeenImage()
        self.bars = ProbabilityBars()
        self.top_label = label()
        self.percent_label = caption()
        self.sentence_label = caption(wrap=True)
        self.seen_label = caption("← what the network sees", wrap=True)
        self.seen_label.setToolTip(self.seen.toolTip())
        self._lay_out()
        self._update_buttons()
        self._answer()

    def set_model(self, model: Model, fault: str = "") -> None:
        """Answer with `model` from now on; with a `fault`, only say so."""
        self._view.set_model(model, fault)
        self.canvas.set_hint(self._view.hint)
        self.bars.set_note(self._view.bars_note)
        self._answer()

    def set_random(self, random: bool) -> None:
        """Choose whether to say beside the answers that the network is not trained yet."""
        if random != self._random:
            self._random = random
            self._answer()

    def publish(self, params: NDArray[np.float32]) -> None:
        """Answer with new parameters of the same model."""
        self._view.publish(params)
        if not self.canvas.is_blank:
            self._schedule()

    def _make_slider(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(int(BRUSH_RANGE[0]), int(BRUSH_RANGE[1]))
        slider.setAccessibleName("Brush width")
        slider.setToolTip("Brush width")
        set_keys(slider, "Left and Right change the width of the brush, Ctrl+Z undoes a stroke")
        narrowest, widest = BRUSH_RANGE
        slider.setValue(round(min(max(self._settings.brush or self.canvas.brush, narrowest), widest)))
        self.canvas.set_brush(slider.value())
        slider.valueChanged.connect(self._set_brush)
        return slider

    def _set_brush(self, width: int) -> None:
        self.canvas.set_brush(width)
        self._settings.brush = width

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        margin = theme.GAP_WIDE
        column.setContentsMargins(margin, margin, margin - theme.SCROLL_BAR, margin)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addLayout(self._head())
        column.addWidget(self.canvas, stretch=100)
        column.addLayout(self._brush_row())
        column.addLayout(self._answer_row())
        column.addWidget(self.bars, stretch=1)  # grows when the canvas is as large as it can be
        column.addStretch(0)
        self.setMinimumWidth(248)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the canvas square where there is room, and let it shrink first where there is none."""
        super().resizeEvent(event)
        self.canvas.setMaximumHeight(event.size().width() - 2 * theme.GAP_WIDE + theme.SCROLL_BAR)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(section("Draw"))
        row.addStretch()
        for button in (self.undo_button, self.redo_button, self.clear_button):
            row.addWidget(button)
        return row

    def _brush_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP + theme.GRID)
        row.addWidget(name_of(self.brush_slider, "Brush"))
        row.addWidget(self.brush_slider)
        return row

    def _answer_row(self) -> QHBoxLayout:
        self.top_label.setFont(theme.text_font(theme.TOP_CLASS))
        self.top_label.setProperty("role", "top-class")
        self.percent_label = label(role="key-percent")
        # Of a fixed size: or each new number would lay the whole window out anew.
        figure = QFontMetrics(theme.number_font(theme.SECTION))
        self.percent_label.setFixedSize(figure.horizontalAdvance(percent(1.0)) + theme.GAP, figure.height())
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self.seen, alignment=Qt.AlignmentFlag.AlignTop)
        answer = QVBoxLayout()
        answer.setSpacing(0)
        answer.addWidget(self.top_label)
        answer.addWidget(self.percent_label)
        answer.addWidget(self.sentence_label)
        answer.addStretch()
        answer.addWidget(self.seen_label)
        row.addLayout(answer, stretch=1)
        return row

    def _update_buttons(self) -> None:
        self.undo_button.setEnabled(self.canvas.can_undo)
        self.redo_button.setEnabled(self.canvas.can_redo)
        self.clear_button.setEnabled(not self.canvas.is_blank)

    def _schedule(self) -> None:
        """Answer at the next turn of the event loop, but not faster than a screen shows answers."""
        if not self._timer.isActive():
            since = 1000 * (time.perf_counter() - self._answered_at)
            self._timer.start(max(0, round(_SHORTEST_MS - since)))

    def _answer(self) -> None:
        self._answered_at = time.perf_counter()
        result = self._view.classify(self.canvas.ink())
        self.seen.show_image(result.seen)
        self.bars.show_bars(result.bars)
        self._last = result
        self._show_top(result)
        self._rest.start()
        self.answered.emit(result)

    def _compare(self) -> None:
        """Show beside the answer what int8 says, once the pen rests."""
        last = self._last
        found = None if last is None or self._random or not last.is_sure else self._view.compare(last)
        if found is not None:
            set_role(self.sentence_label, "caption" if found.agrees else "caption-warning")
            self.sentence_label.setText(found.words)
            self.sentence_label.setToolTip(_IN_INT8)

    @staticmethod
    def _doubt(result: DrawingResult) -> str:
        """Return what there is to say about an answer, or why there is none; nothing where it is sure."""
        if result.top is None:
            return "Nothing drawn yet"
        return "" if result.is_sure else _NOT_SURE

    def _show_top(self, result: DrawingResult) -> None:
        top = result.top
        self.top_label.setText(_shortened(top.label) if top else "–")
        self.top_label.setEnabled(top is not None and result.is_sure)
        self.percent_label.setText(percent(top.probability) if top else "")
        told = result.sentence or (_RANDOM if self._random else self._doubt(result))
        set_role(self.sentence_label, "caption-warning" if told in (_RANDOM, _NOT_SURE) else "caption")
        self.sentence_label.setText(told)
        self.sentence_label.setToolTip("")
        self.seen_label.setVisible(len(told) < _TWO_LINES)  # both would push the canvas up
