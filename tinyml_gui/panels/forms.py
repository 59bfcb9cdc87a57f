"""Forms made from knobs: a labelled field for each, its explanation as tooltip, errors right below.

A `Field` wraps one editor widget; a table gives the widget for the knob's type. A form emits
``changed(name, value)`` for each value that the user commits; it checks only the knob's own range.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from PySide6.QtCore import QLocale, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import FieldError
from engine.knobs import Knob
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import disclosure, label, name_of, set_state
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.panels.inputs import DocumentUndo, NumberBox, calm_wheel

__all__ = ["FIELD_WIDTH", "Field", "KnobForm", "number_text"]

FIELD_WIDTH: Final = 30 * theme.GRID
_FIELD_MOST: Final = 36 * theme.GRID


def number_text(value: float) -> str:
    """Return `value` as a person would write it, with as many digits as it has."""
    short = f"{value:.6g}"
    return short if float(short) == value else repr(float(value))


class Field(QWidget):
    """A label above an editor.

    Signals
    -------
    committed(object)
        The user finished entering a value that the knob allows.
    error_changed()

    Attributes
    ----------
    error : str
        What is wrong with the value; empty where nothing is.
    """

    committed = Signal(object)
    error_changed = Signal()

    def __init__(self, knob: Knob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self.error = ""
        self.editor = self._make_editor()
        self.editor.installEventFilter(DocumentUndo(self.editor))
        self.editor.setToolTip(_tip(knob))
        self.editor.setAccessibleName(knob.label)
        self.editor.setObjectName(knob.name)
        self.setMinimumWidth(theme.scaled(FIELD_WIDTH))
        self.setMaximumWidth(theme.scaled(_FIELD_MOST))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        self._label = name_of(self.editor, self._words())
        column.addWidget(self._label)
        column.addWidget(self.editor)

    def add_button(self, made: QWidget) -> None:
        """Put a button beside the editor."""
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self.editor, stretch=1)
        row.addWidget(made)
        column.addLayout(row)

    def value(self) -> Any:
        """Return what the editor holds; raise `FieldError` where the knob does not allow it."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Show `value` without emitting a signal."""
        with QSignalBlocker(self.editor):
            self._show(value)
        self.show_error("")

    def show_error(self, sentence: str) -> None:
        """Mark the field and say why; an empty sentence removes the mark."""
        if sentence == self.error:
            return
        self.error = sentence
        set_state(self.editor, "error" if sentence else "")
        self.editor.setToolTip(sentence or _tip(self.knob))
        self.error_changed.emit()

    def _words(self) -> str:
        return f"{self.knob.label}, {self.knob.unit}" if self.knob.unit else self.knob.label

    def _make_editor(self) -> QWidget:
        raise NotImplementedError

    def _show(self, value: Any) -> None:
        raise NotImplementedError

    def _commit(self) -> None:
        try:
            value = self.value()
        except FieldError as error:
            self.show_error(str(error))
            return
        self.show_error("")
        self.committed.emit(value)


class _IntField(Field):
    def _make_editor(self) -> QWidget:
        self._box = NumberBox(self.knob.low, self.knob.high)
        self._box.setKeyboardTracking(False)
        self._box.setLocale(QLocale(QLocale.Language.English))  # as all other numbers of the window
        self._box.setGroupSeparatorShown(True)
        self._box.setSuffix(f" {self.knob.unit}" if self.knob.unit else "")
        self._box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
        self._box.valueChanged.connect(self._commit)
        self._refused = ""
        edit = self._box.lineEdit()
        edit.inputRejected.connect(self._refuse)
        edit.textEdited.connect(self._reconsider)
        self._box.editingFinished.connect(self._forget_refused)
        calm_wheel(self._box)
        return self._box

    def _refuse(self) -> None:
        """Say why a key does nothing: it is no digit, or one too many."""
        self._refused = f"{self.knob.label} is a whole number{_range(self.knob)}."
        self.show_error(self._refused)

    def _forget_refused(self) -> None:
        """Take back what was said of a key, as it changed nothing."""
        if self.error == self._refused:
            self._reconsider()

    def _reconsider(self) -> None:
        """Remove an error as soon as the number is allowed."""
        with suppress(FieldError):
            self.knob.check(self._box.valueFromText(self._box.cleanText()))
            self.show_error("")

    def _words(self) -> str:
        return self.knob.label  # the unit stands behind the number

    def value(self) -> int:
        value = self._box.value()
        self.knob.check(value)
        return value

    def _show(self, value: Any) -> None:
        self._box.setValue(int(value))


class _ChoiceField(Field):
    def _make_editor(self) -> QWidget:
        self._box = QComboBox()
        for choice in self.knob.choices:
            self._box.addItem(self.knob.title_of(choice), choice)
            self._box.setItemData(self._box.count() - 1, f"In files: {choice}", Qt.ItemDataRole.ToolTipRole)
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(6)
        self._box.currentIndexChanged.connect(self._commit)
        calm_wheel(self._box)
        return self._box

    def value(self) -> str:
        return str(self._box.currentData())

    def _show(self, value: Any) -> None:
        self._box.setCurrentIndex(self._box.findData(value))


class _BoolField(Field):
    def _make_editor(self) -> QWidget:
        self._box = QCheckBox("on")
        self._box.toggled.connect(self._commit)
        return self._box

    def value(self) -> bool:
        return self._box.isChecked()

    def _show(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class _TextField(Field):
    """Text, and numbers with a point: one may write 1e-4."""

    def _make_editor(self) -> QWidget:
        self._edit = QLineEdit()
        self._edit.editingFinished.connect(self._finish)
        self._edit.textEdited.connect(self._reconsider)
        self._shown = ""
        return self._edit

    def value(self) -> Any:
        return self.knob.parse(self._edit.text())

    def _reconsider(self) -> None:
        """Remove an error as soon as the text is valid; a new one is shown only when typing has ended."""
        with suppress(FieldError):
            self.knob.check(self.value())
            self.show_error("")

    def _show(self, value: Any) -> None:
        self._shown = number_text(value) if isinstance(value, float | int) else str(value)
        self._edit.setText(self._shown)
        self._edit.setCursorPosition(0)  # show the first digits of a long number

    def _finish(self) -> None:
        self._edit.setCursorPosition(0)
        if self._edit.text() != self._shown:
            self._shown = self._edit.text()
            self._commit()


_FIELDS: dict[type, type[Field]] = {int: _IntField, float: _TextField, bool: _BoolField, str: _TextField}


def make_field(knob: Knob) -> Field:
    """Return the field for `knob`."""
    return (_ChoiceField if knob.choices else _FIELDS[knob.type])(knob)


def _tip(knob: Knob) -> str:
    limits = _range(knob)
    return knob.doc[:1].upper() + knob.doc[1:] + (f" ({limits.removeprefix(' from ')})" if limits else "")


def _range(knob: Knob) -> str:
    """Return the limits of a number in words; empty where it has none."""
    if knob.low is None or knob.high is None or knob.type is bool:
        return ""
    return f" from {number_text(knob.low)} to {number_text(knob.high)}"


class KnobForm(QWidget):
    """Fields for `knobs` in columns; advanced ones appear on demand.

    Parameters
    ----------
    knobs : sequence of Knob
    columns : int
        At most; fewer where there is less room.
    more : str
        Text of the button that shows the advanced fields; where it is empty, all fields are shown.
    below : bool
        Whether to say below the fields what is wrong; else there is only the signal.

    Signals
    -------
    changed(str, object)
        The user committed a value: field name and value.
    errors_changed(str)
        What is wrong with the fields; empty where nothing is.
    """

    changed = Signal(str, object)
    errors_changed = Signal(str)

    def __init__(
        self,
        knobs: Sequence[Knob],
        columns: int = 4,
        more: str = "",
        parent: QWidget | None = None,
        *,
        below: bool = True,
    ) -> None:
        super().__init__(parent)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.fields: dict[str, Field] = {}
        self._hidden: frozenset[str] = frozenset()
        self._below = below
        basic = [k for k in knobs if not (more and k.advanced)]
        advanced = [k for k in knobs if more and k.advanced]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        self._basic = self._grid(basic, columns)
        column.addWidget(self._basic)
        self.error_label = label(role="field-error", wrap=True)
        self.error_label.setVisible(False)
        column.addWidget(self.error_label)
        self.more_button: QToolButton | None = None
        if advanced:
            self._extra = self._grid(advanced, columns)
            self.more_button = self._make_more(more)
            column.addWidget(self.more_button)
            column.addWidget(self._extra)
            self._extra.setVisible(False)
        column.addStretch()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show `values`; those that the form has no field for are left out."""
        for name, value in values.items():
            if name in self.fields:
                self.fields[name].set_value(value)

    def show_only(self, names: Collection[str]) -> None:
        """Show the fields `names`; the others are hidden, and neither their values nor their errors count."""
        self._hidden = frozenset(self.fields) - frozenset(names)
        shown = set(self._shown().values())
        self._basic.show_only(shown)
        if self.more_button is not None:
            self._extra.show_only(shown)
            has_more = any(field.knob.advanced for field in shown)
            self.more_button.setVisible(has_more)
            self._extra.setVisible(has_more and self.more_button.isChecked())
        self._show_errors()

    def _shown(self) -> dict[str, Field]:
        """Return the fields that `show_only` has left, by name."""
        return {name: field for name, field in self.fields.items() if name not in self._hidden}

    def values(self) -> dict[str, Any]:
        """Return the values; raise `FieldError`, marking the field, at the first that is not allowed."""
        return {name: _checked(field) for name, field in self._shown().items()}

    def show_error(self, name: str | None, sentence: str) -> bool:
        """Mark the field `name` alone; tell whether there is such a field."""
        for field_name, field in self.fields.items():
            field.show_error(sentence if field_name == name else "")
        return name in self.fields

    def _grid(self, knobs: Sequence[Knob], columns: int) -> FlowGrid:
        made = [make_field(knob) for knob in knobs]
        for field in made:
            field.committed.connect(self._committed)
            field.error_changed.connect(self._show_errors)
            self.fields[field.knob.name] = field
        return FlowGrid(made, columns)

    def _make_more(self, words: str) -> QToolButton:
        made = disclosure(words)
        made.toggled.connect(self._show_more)
        return made

    def _show_more(self, shown: bool) -> None:
        self._extra.setVisible(shown)

    def _show_errors(self) -> None:
        sentences = [field.error for field in self._shown().values() if field.error]
        self.error_label.setText(" ".join(sentences))
        self.error_label.setVisible(bool(sentences) and self._below)
        self.errors_changed.emit(self.error_label.text())

    def _committed(self, value: object) -> None:
        field = self.sender()
        if isinstance(field, Field):
            self.changed.emit(field.knob.name, value)


def _checked(field: Field) -> Any:
    try:
        value = field.value()
        field.knob.check(value)
    except FieldError as error:
        field.show_error(str(error))
        raise
    return value
