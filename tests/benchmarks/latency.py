"""From a pen event to the probability bars painted anew, idle and while LeNet-S trains on two threads.

A thread posts pen moves when a tablet would (about 120 a second, jittered); an event's time runs from the
moment it was due to the end of the paint that shows the first answer to it, so all waiting is in. The lag
of the event loop is what a 5 ms timer comes late. Run it as ``python -m tests.benchmarks.latency``.
"""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QPaintEvent

from engine.training.config import TrainConfig
from tests.benchmarks.report import Figure, percentiles, show
from tests.benchmarks.studio import data_name, studio, train
from tinyml_gui.drawing.canvas import Canvas
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.draw import panel as draw_panel
from tinyml_gui.panels.draw.bars import ProbabilityBars
from tinyml_gui.panels.draw.panel import DrawPanel
from tinyml_gui.viewmodels.drawing import Bar

IDLE_BAR, TRAINING_BAR, LAG_BAR = 16.0, 33.0, 33.0  # ms
SECONDS = 12.0  # of each measurement
EVENTS = (0.006, 0.011)  # s between two pen events, evenly spread
STROKE = 90  # events
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class PaintedBars(ProbabilityBars):
    """Bars that tell when they were painted."""

    painted: Callable[[], None] = staticmethod(lambda: None)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        super().show_bars(bars)
        self.update()  # also where nothing looks different, or an answer would seem to wait for the next one

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self.painted()


class TimedBars:
    """Notes when bars were painted, and which pen events the answer that they show had seen."""

    def __init__(self, panel: DrawPanel) -> None:
        self.waiting: deque[float] = deque()  # drawn, no answer yet
        self.answered: deque[float] = deque()  # answered, not painted
        self.milliseconds: list[float] = []
        panel.answered.connect(self._note_answer)
        PaintedBars.painted = staticmethod(self.note_paint)

    def _note_answer(self, result: object) -> None:
        self.answered.extend(self.waiting)
        self.waiting.clear()

    def note_paint(self) -> None:
        now = time.perf_counter()
        self.milliseconds += [1000 * (now - due) for due in self.answered]
        self.answered.clear()


class Pen(QObject):
    """Draws circles on the canvas from a thread of its own, and tells `bars` when each event was due."""

    def __init__(self, canvas: Canvas, bars: TimedBars) -> None:
        super().__init__()
        self._canvas = canvas
        self._bars = bars
        self._due: deque[float] = deque()
        self._rng = random.Random(0)
        canvas.installEventFilter(self)

    def draw(self, seconds: float) -> None:
        hand = threading.Thread(target=self._move, args=(time.perf_counter() + seconds,))
        hand.start()
        spin_by_events(seconds + 0.5)
        hand.join()
        self._canvas.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note an event as drawn at the moment it reaches the canvas."""
        if event.type() == QEvent.Type.MouseMove and self._due:
            self._bars.waiting.append(self._due.popleft())
        if event.type() == QEvent.Type.MouseButtonPress:
            self._canvas.clear()
        return False

    def _move(self, until: float) -> None:
        due = time.perf_counter()
        step = 0
        while due < until:
            due += self._rng.uniform(*EVENTS)
            time.sleep(max(0.0, due - time.perf_counter()))
            self._post(step % STROKE, due)
            step += 1

    def _post(self, step: int, due: float) -> None:
        side = min(self._canvas.width(), self._canvas.height())
        angle = 2 * math.pi * step / STROKE
        at = QPointF(side * (0.5 + 0.3 * math.cos(angle)), side * (0.5 + 0.3 * math.sin(angle)))
        kind, button, buttons = QEvent.Type.MouseMove, Qt.MouseButton.NoButton, LEFT
        if step == 0:
            kind, button = QEvent.Type.MouseButtonPress, LEFT
        elif step == STROKE - 1:
            kind, button, buttons = QEvent.Type.MouseButtonRelease, LEFT, Qt.MouseButton.NoButton
        else:
            self._due.append(due)
        QCoreApplication.postEvent(self._canvas, QMouseEvent(kind, at, at, button, buttons, NONE))


class LagMeter(QObject):
    """Notes how late a timer of 5 ms comes."""

    def __init__(self) -> None:
        super().__init__()
        self.milliseconds: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)

    def run(self, seconds: float) -> list[float]:
        self._last = time.perf_counter()
        self._timer.start()
        spin_by_events(seconds)
        self._timer.stop()
        return self.milliseconds

    def _tick(self) -> None:
        now = time.perf_counter()
        self.milliseconds.append(max(0.0, 1000 * (now - self._last) - 5))
        self._last = now


def spin_by_events(seconds: float) -> None:
    """Run the event loop itself, as the program does, not a loop that polls it."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop, loop.quit)
    loop.exec()


def pen_latency(window: MainWindow) -> list[float]:
    bars = TimedBars(window.draw_panel)
    Pen(window.draw_panel.canvas, bars).draw(SECONDS)
    return bars.milliseconds


def main() -> int:
    draw_panel.ProbabilityBars = PaintedBars  # type: ignore[misc]
    with studio() as window:
        idle = pen_latency(window)
        train(window, data_name(window, "mnist"), "lenet", TrainConfig(epochs=10_000, threads=2))
        spin_by_events(2.0)
        lag = LagMeter().run(SECONDS)
        training = pen_latency(window)
        speed = window.controller.training.run.status.images_per_second
    figures = [
        *percentiles("pen to bars, idle", idle, IDLE_BAR),
        *percentiles("pen to bars, training", training, TRAINING_BAR),
        *percentiles("event loop lag, training", lag, LAG_BAR),
        Figure("training speed meanwhile", speed, "images/s"),
    ]
    return show(f"Latency of the window, {len(idle)} and {len(training)} pen events", figures)


if __name__ == "__main__":
    sys.exit(main())
