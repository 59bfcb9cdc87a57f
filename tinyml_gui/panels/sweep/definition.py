"""What to sweep: a preset or fields of this network, data and epochs, and how much work that is."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from engine.errors import TinyMLError
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, caption, name_of, name_unseen, set_role
from tinyml_gui.panels.data_picker import DataPicker
from tinyml_gui.panels.inputs import NumberBox, calm_wheel
from tinyml_gui.viewmodels.sweep.definition import GRID, Definition, choices, fields_of
from tinyml_gui.viewmodels.sweep.earlier import Earlier

__all__ = ["DefinitionCard"]

_FIELDS: Final = 3
_EPOCHS: Final = (1, 1000)
_FEW_EPOCHS: Final = 3
_NUMBER: Final = 22 * theme.GRID


class DefinitionCard(Card):
    """The choices above the results, with the buttons that start and stop.

    Signals
    -------
    started(object)
        A `Definition` to be carried out.
    """

    started = Signal(object)

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent, margin=theme.GAP + theme.GRID)
        self._control, self._controller = controller.sweep, controller
        self.preset, self.epochs = _combo("Sweep"), NumberBox(*_EPOCHS)
        self.data = DataPicker(controller)
        self.start_button, self.pause_button = button("Start sweep", "primary"), button("Pause")
        self.stop_button = button("Stop")
        self.size_line = caption(wrap=True)
        self.fields = [(_combo(f"Field {n}"), QLineEdit()) for n in range(1, _FIELDS + 1)]
        self._grid = QWidget()
        self._fill_sweeps()
        self.epochs.setValue(_FEW_EPOCHS)
        self.epochs.setFixedWidth(theme.scaled(_NUMBER))
        self._lay_out()
        self._connect()
        self._fill_fields()
        self.show_state()

    @property
    def definition(self) -> Definition:
        """What is chosen."""
        grid = tuple((str(field.currentData()), values.text()) for field, values in self.fields)
        chosen = self.preset.currentData()
        if isinstance(chosen, Earlier):
            return Definition(GRID, self.epochs.value(), earlier=chosen.name)
        return Definition(str(chosen), self.epochs.value(), grid)

    def show_state(self) -> None:
        """Enable what can be done now, and say how much work the sweep is."""
        control = self._control
        obstacle = control.obstacle()
        self.start_button.setVisible(not control.is_running)
        for made in (self.pause_button, self.stop_button):
            made.setVisible(control.is_running)
            made.setEnabled(not control.is_stopping)
        self.pause_button.setText("Resume" if control.is_paused else "Pause")
        words, is_fault = obstacle, False
        if not obstacle:
            try:
                words = control.size_words(self.definition)
            except TinyMLError as error:
                words, is_fault = str(error), True
        set_role(self.size_line, "field-error" if is_fault else "caption")
        self.size_line.setText(words)
        self.start_button.setEnabled(not (obstacle or is_fault))
        self.start_button.setToolTip(obstacle)
        for widget in (self.preset, self.data, self.epochs, self._grid):
            widget.setEnabled(not control.is_busy)
        earlier = self.preset.currentData()
        if isinstance(earlier, Earlier):
            self.epochs.setEnabled(False)
            self.start_button.setText("Show" if earlier.is_complete else "Go on")
        else:
            self.start_button.setText("Start sweep")

    def _lay_out(self) -> None:
        first, last = QHBoxLayout(), QHBoxLayout()
        for row in (first, last):
            row.setSpacing(theme.GAP_WIDE)
        first.addWidget(name_of(self.preset, "Sweep"))
        first.addWidget(self.preset, stretch=3)
        first.addWidget(name_of(self.data, "Data set"))
        first.addWidget(self.data, stretch=2)
        last.addWidget(name_of(self.epochs, "Epochs"))
        last.addWidget(self.epochs)
        last.addWidget(self.size_line, stretch=1)
        for made in (self.start_button, self.pause_button, self.stop_button):
            last.addWidget(made)
        self.body.addLayout(first)
        self.body.addWidget(self._grid)
        self.body.addLayout(last)
        grid = QGridLayout(self._grid)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.GAP_WIDE)
        for at, (field, values) in enumerate(self.fields):
            grid.addWidget(field, at, 0)
            grid.addWidget(values, at, 1)
            name_unseen(values, f"Values of field {at + 1}")
            values.setPlaceholderText("4, 8, 16 or 4..16")
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)

    def _connect(self) -> None:
        self.preset.currentIndexChanged.connect(self._show_grid)
        self.preset.activated.connect(self._take_data)
        self._control.listed.connect(self._sweeps_listed)
        self.epochs.valueChanged.connect(self.show_state)
        for field, values in self.fields:
            field.activated.connect(self._propose)
            values.textChanged.connect(self.show_state)
        self.start_button.clicked.connect(self._start)
        self.pause_button.clicked.connect(self._pause)
        self.stop_button.clicked.connect(self._control.stop)
        self._control.changed.connect(self.show_state)
        self._controller.model_changed.connect(self._fill_fields)
        self._controller.training.changed.connect(self.show_state)
        self._controller.training.data_changed.connect(self.show_state)
        self._show_grid()

    def _fill_sweeps(self) -> None:
        """List what can be swept; what was chosen stays chosen where there still is such an entry."""
        chosen, combo = self.preset.currentIndex(), self.preset
        before = self.definition.earlier if chosen >= 0 else ""
        with QSignalBlocker(combo):
            combo.clear()
            for name, title in choices():
                combo.addItem(title, name)
            fixed = combo.count()
            for earlier in self._control.earlier:
                combo.addItem(earlier.title, earlier)
            names = [earlier.name for earlier in self._control.earlier]
            place = fixed + names.index(before) if before in names else chosen
            combo.setCurrentIndex(place if 0 <= place < combo.count() else 0)

    def _sweeps_listed(self) -> None:
        self._fill_sweeps()
        self._show_grid()

    def _take_data(self) -> None:
        """Choose the data set of a sweep that is to go on."""
        chosen = self.preset.currentData()
        if isinstance(chosen, Earlier):
            self._controller.training.choose_data(chosen.data)

    def _show_grid(self) -> None:
        self._grid.setVisible(self.preset.currentData() == GRID)
        self.show_state()

    def _fill_fields(self) -> None:
        """List the fields of the network that is open; what was chosen stays where there is such a field."""
        known = fields_of(self._controller.state.document.spec)
        for field, values in self.fields:
            chosen = field.currentData()
            field.clear()
            field.addItem("– none –", "")
            for choice in known:
                field.addItem(choice.title, choice.path)
                field.setItemData(field.count() - 1, choice.doc, Qt.ItemDataRole.ToolTipRole)
            place = field.findData(chosen)
            field.setCurrentIndex(max(0, place))
            if place < 0:
                values.clear()
        self.show_state()

    def _propose(self) -> None:
        """Give each field that was chosen just now a few values to begin with."""
        examples = {choice.path: choice.example for choice in fields_of(self._controller.state.document.spec)}
        for field, values in self.fields:
            if field is self.sender():
                values.setText(examples.get(str(field.currentData()), ""))

    def _pause(self) -> None:
        if self._control.is_paused:
            self._control.resume()
        else:
            self._control.pause()

    def _start(self) -> None:
        self.started.emit(self.definition)


def _combo(name: str) -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setMinimumWidth(22 * theme.GRID)
    made.setAccessibleName(name)
    calm_wheel(made)
    return made
