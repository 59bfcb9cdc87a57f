"""The Train page: data and settings of a run, its progress and its curves."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from engine.errors import FieldError, TinyMLError
from engine.knobs import knobs_of, knobs_to_json
from engine.nn.losses import suitable_loss
from engine.nn.presets import PRESETS
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import (
    Card,
    HeadFigures,
    IconButton,
    Scrolling,
    button,
    caption,
    label,
    page_head,
)
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.panels.forms import KnobForm
from tinyml_gui.panels.train.curves import Curves
from tinyml_gui.panels.train.download_bar import DownloadBar
from tinyml_gui.panels.train.more_settings import MoreSettings
from tinyml_gui.panels.train.rate_finder import RateFinder
from tinyml_gui.panels.train.run_choice import RunChoice
from tinyml_gui.viewmodels.accuracy import Accuracies, accuracies
from tinyml_gui.viewmodels.starts import proposed_rate
from tinyml_gui.viewmodels.training import Phase, figures, headline

__all__ = ["TrainPanel"]

_MEMORY: Final = "train_config"
_COLUMNS: Final = 5
_FIND_TIP: Final = "Find rate: train a copy for a moment with rising rates (learning-rate range test)"
_FIGURE_WIDTHS: Final = (28 * theme.GRID, 60 * theme.GRID)  # at least, at most
_LOCKED: Final = "Stop training to change this"
_REDRAW_MS: Final = 100  # between two drawings of the curves: more often only costs training time


class TrainPanel(QWidget):
    """Chooses data and settings, steers the run and shows its curves."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._training = controller.training
        self._to_remember = ""
        self._was_active = False
        self.head = HeadFigures()
        self.choice = RunChoice(controller)
        self.data_combo, self.start_combo = self.choice.data_combo, self.choice.start_combo
        self.form = KnobForm([k for k in knobs_of(TrainConfig) if not k.advanced], _COLUMNS)
        self.more = MoreSettings(_COLUMNS)
        self.more_form, self.augment_form = self.more.form, self.more.augment_form
        self.more_button = self.more.toggle
        self.find_button = IconButton("find", "Find rate")
        self.rate_finder = RateFinder(self._training.rates)
        self.start_button = button("Start training", "primary")
        self.pause_button = button("Pause")
        self.stop_button = button("Stop")
        self.banner, self.resume_banner = Banner(), Banner()
        self.download = DownloadBar(self._training.downloads)
        self.curves = Curves()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(_REDRAW_MS)
        self._redraw.timeout.connect(self._draw_curves)
        self._wanted: QWidget = self.form
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._reveal.timeout.connect(self._show_wanted)
        self.progress = QProgressBar()
        self._figures = {name: label("–") for name, _ in figures(self._training.run.status)}
        self._restore()
        self._lay_out()
        self._connect()
        self._data_changed()

    # Layout

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addWidget(self._settings())
        column.addWidget(self.download)
        column.addWidget(self.rate_finder)
        column.addWidget(self.resume_banner)
        column.addWidget(self.banner)
        column.addWidget(self.curves, stretch=1)
        column.addLayout(self._figure_row())
        self._area = Scrolling(inside)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Train", self.head))
        outside.addWidget(self._area, stretch=1)

    def _settings(self) -> Card:
        card = Card()
        card.body.setSpacing(theme.GAP + theme.GRID)
        card.body.addWidget(self.choice)
        self.find_button.setToolTip(_FIND_TIP)
        self.form.fields["learning_rate"].add_button(self.find_button)
        card.body.addWidget(self.form)
        card.body.addWidget(self.more)
        card.body.addLayout(self._buttons())
        return card

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        self.start_button.setMinimumWidth(36 * theme.GRID)
        for widget in (self.pause_button, self.stop_button):
            widget.setMinimumWidth(24 * theme.GRID)
        for widget in (self.start_button, self.pause_button, self.stop_button):
            row.addWidget(widget)
        row.addStretch()
        row.addWidget(self.more_button)
        return row

    def _figure_row(self) -> QVBoxLayout:
        pairs = [_pair(name, value) for name, value in self._figures.items()]
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self.progress.setAccessibleName("Progress of training")
        column = QVBoxLayout()
        column.setSpacing(theme.GAP)
        column.addWidget(self.progress)
        column.addWidget(FlowGrid(pairs, len(pairs)))
        return column

    # Wiring

    def _connect(self) -> None:
        self.choice.start_changed.connect(self._start_changed)
        self.form.changed.connect(self._form_changed)
        for form in (self.form, self.more_form, self.augment_form):
            form.errors_changed.connect(self._show_run)
        self.find_button.clicked.connect(self._find_rate)
        self.rate_finder.taken.connect(self._take_rate)
        self._training.rates.changed.connect(self._show_run)
        self.start_button.clicked.connect(self._start)
        self.pause_button.clicked.connect(self._pause_or_resume)
        self.stop_button.clicked.connect(self._training.stop)
        self.banner.clicked.connect(self._adapt)
        self.resume_banner.clicked.connect(self._training.resume_run)
        self.resume_banner.declined.connect(self._training.discard_run)
        self._training.changed.connect(self._show_run)
        self._training.data_changed.connect(self._data_changed)
        self._controller.model_changed.connect(self._model_changed)

    def showEvent(self, event: QShowEvent) -> None:
        """Read the data set when the page is first seen: starting stays fast."""
        super().showEvent(event)
        self.choice.read_data()
        self._show_run()

    # What is proposed

    def _start_changed(self) -> None:
        self._propose_loss()
        self._propose_rate()
        self._show_run()

    def _propose_loss(self) -> None:
        preset = PRESETS.get(self.choice.start)
        model = self._controller.model
        loss = preset.loss if preset else suitable_loss(model.spec, model.record.loss).name
        self.more_form.set_values({"loss": loss})

    def _propose_rate(self) -> None:
        """Propose a low rate for a trained network; a rate that the user has entered stays."""
        try:
            optimizer, rate = (self.form.fields[name].value() for name in ("optimizer", "learning_rate"))
        except FieldError:
            return
        proposed = proposed_rate(self.choice.start, self._controller.model, optimizer, rate)
        self.form.set_values({"learning_rate": proposed})

    def _model_changed(self) -> None:
        if not self._training.is_running:
            self._propose_loss()
            self._propose_rate()
        self._show_run()

    def _data_changed(self) -> None:
        self.more.show_data(self._training.data)
        self._show_run()

    def _adapt(self) -> None:
        if self._training.data is not None:
            self._controller.adapt(self._training.data.classes)
            self.choice.go_on()  # adapting keeps the parameters that still fit

    # Settings of the run

    def _restore(self) -> None:
        """Show what was used last, where it still makes sense."""
        config = TrainConfig()
        # Written by another version or by hand: the defaults do. Deep nesting is a RecursionError.
        with suppress(ValueError, RecursionError, TinyMLError):
            config = TrainConfig.from_json(json.loads(self._controller.settings.text(_MEMORY) or "{}"))
        self._show_settings(config)
        self._propose_loss()
        self._propose_rate()

    def _show_settings(self, config: TrainConfig) -> None:
        self.form.set_values(knobs_to_json(config))
        self.more.show_settings(config)

    def _form_changed(self, name: str, value: object) -> None:
        if name == "optimizer":
            self.form.set_values({"learning_rate": OPTIMIZERS[str(value)].default_rate})
            self._propose_rate()

    def config(self) -> TrainConfig:
        """Return the settings as entered; raise `FieldError`, marking the field, where one is not allowed."""
        values: dict[str, Any] = {**self.form.values(), **self.more_form.values()}
        return TrainConfig(**values, augmentation=Augmentation(**self.augment_form.values()))

    def _start(self) -> None:
        try:
            config = self.config()
        except FieldError:
            if not any(field.error for field in self.form.fields.values()):
                self.more_button.setChecked(True)
            return
        self._to_remember = json.dumps(config.to_json())
        self._training.start(self.choice.start, config)
        self._bring(self.curves if self._training.is_running else self.banner)
        self.pause_button.setFocus()  # the button that had the focus is disabled now

    def _find_rate(self) -> None:
        with suppress(FieldError):  # the field says what is wrong
            self._training.find_rate(self.choice.start, self.config())
            self._bring(self.rate_finder)

    def _bring(self, widget: QWidget) -> None:
        """Scroll to `widget`, once it has its place."""
        self._wanted = widget
        self._reveal.start()

    def _show_wanted(self) -> None:
        self._area.ensureWidgetVisible(self._wanted, 0, theme.GAP)

    def _take_rate(self, rate: float) -> None:
        self.form.set_values({"learning_rate": rate})
        self._bring(self.form)

    def _remember(self, phase: Phase) -> None:
        """Remember the settings of a run for the next start of the program, unless the run failed."""
        if self._to_remember and not phase.active:
            if not phase.failed:
                self._controller.settings.set_text(_MEMORY, self._to_remember)
            self._to_remember = ""

    def _follow(self, phase: Phase) -> None:
        """Show the settings of a run that begins; propose to go on with what has just been trained."""
        before, self._was_active = self._was_active, phase.active
        if phase.active and not before:
            self._show_settings(self._training.run.config)  # a resumed run has its own
        if before and not phase.active and not phase.failed:
            self.choice.go_on()

    def _pause_or_resume(self) -> None:
        if self._training.run.status.phase is Phase.PAUSED:
            self._training.resume()
        else:
            self._training.pause()

    # Showing

    def _show_run(self) -> None:
        status = self._training.run.status
        self._remember(status.phase)
        self._follow(status.phase)
        self._show_buttons(status.phase)
        self._show_banner(status.phase)
        if not self.isVisible():
            return
        document = self._controller.state.document
        tested = accuracies(document.model) if document.fault is None else Accuracies()
        shown = headline(status, tested)
        self.head.show_figures(shown.figure, shown.caption, shown.in_int8)
        for name, value in figures(status):
            self._figures[name].setText(value)
        self.progress.setVisible(status.phase.active)
        self.progress.setValue(round(1000 * status.progress))
        if not self._redraw.isActive():
            self._redraw.start()

    def _draw_curves(self) -> None:
        self.curves.show_run(self._training.run)

    def _show_buttons(self, phase: Phase) -> None:
        obstacle = self._training.obstacle(self.choice.start) or self._field_fault()
        self.start_button.setEnabled(not phase.active and not obstacle)
        self.start_button.setToolTip("Training is under way" if phase.active else obstacle)
        self.find_button.setEnabled(not (phase.active or obstacle or self._training.rates.is_running))
        if not phase.active:
            self._leave_buttons()
        self.pause_button.setText("Resume" if phase is Phase.PAUSED else "Pause")
        self.pause_button.setEnabled(phase in {Phase.STARTING, Phase.RUNNING, Phase.PAUSED})
        self.stop_button.setEnabled(phase.active)
        for widget in (self.choice, self.form, self.more):
            widget.setEnabled(not phase.active)
            widget.setToolTip(_LOCKED if phase.active else "")

    def _leave_buttons(self) -> None:
        """Move the focus away from the buttons that are disabled after a run."""
        buttons = self.pause_button, self.stop_button
        if any(made.hasFocus() for made in buttons):
            self.start_button.setFocus()
        for made in buttons:
            made.clearFocus()  # or this page, while hidden, keeps the focus for a button that cannot take it

    def _field_fault(self) -> str:
        forms = self.form, self.more_form, self.augment_form
        return next((f.error for form in forms for f in form.fields.values() if f.error), "")

    def _show_banner(self, phase: Phase) -> None:
        training = self._training
        offered = training.interrupted
        if phase.active or offered is None:
            self.resume_banner.hide()
        else:
            self.resume_banner.show_note(offered.sentence, offered.offer, "Discard")
        obstacle = training.obstacle(self.choice.start)
        hint = training.run.status.hint
        if phase.active or training.loading:
            self.banner.show_note(hint) if hint else self.banner.hide()
        elif training.data_error:
            self.banner.show_error(training.data_error)
        elif obstacle and training.data is not None:
            offer = f"Adapt the model to {len(training.data.classes)} classes" if training.can_adapt else ""
            self.banner.show_note(obstacle, offer)
        elif training.fault:
            self.banner.show_error(training.fault)
        elif hint:
            self.banner.show_note(hint)
        else:
            self.banner.hide()


def _pair(name: str, value: QLabel) -> QWidget:
    """Return `value` below its name."""
    made = QWidget()
    made.setMinimumWidth(theme.scaled(_FIGURE_WIDTHS[0]))
    made.setMaximumWidth(theme.scaled(_FIGURE_WIDTHS[1]))
    value.setFont(theme.number_font())
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(caption(name))
    column.addWidget(value)
    return made
