from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import QLocale, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from engine.errors import FieldError
from engine.knobs import knob, knobs_of, knobs_to_json
from engine.nn.layers import LAYERS
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS
from tinyml_gui.panels.forms import FIELD_WIDTH, KnobForm


@dataclass(frozen=True)
class Owner:
    count: int = knob(3, "Count", "how many", low=1, high=5, unit="pieces")
    rate: float = knob(0.1, "Rate", "how fast", low=0, high=1)
    mode: str = knob("one", "Mode", "which", choices=("one", "two_three"))
    name: str = knob("x", "Name", "what it is called")
    on: bool = knob(False, "On", "whether", advanced=True)


@pytest.fixture
def form(qtbot: QtBot) -> KnobForm:
    made = KnobForm(knobs_of(Owner), more="More")
    qtbot.addWidget(made)
    made.set_values(knobs_to_json(Owner()))
    made.show()
    return made


@pytest.mark.parametrize("language", [QLocale.Language.German, QLocale.Language.Arabic])
def test_numbers_are_written_alike_in_every_country(qtbot: QtBot, language: QLocale.Language) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        made = KnobForm(knobs_of(TrainConfig))
        qtbot.addWidget(made)
        made.set_values({**knobs_to_json(TrainConfig()), "batch_size": 4096})
        box = made.fields["batch_size"].editor
        assert isinstance(box, QSpinBox)
        assert box.text() == "4,096 images"
    finally:
        QLocale.setDefault(before)


def test_of_a_long_number_the_first_digits_are_seen(form: KnobForm, qtbot: QtBot) -> None:
    edit = form.fields["rate"].editor
    assert isinstance(edit, QLineEdit)
    form.set_values({"rate": 0.012345678901})
    assert edit.cursorPosition() == 0
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "0.0987654321")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert edit.cursorPosition() == 0
    assert form.values()["rate"] == 0.0987654321


@pytest.mark.parametrize(
    "owner",
    [*(cls() for cls in LAYERS.values()), TrainConfig(), Augmentation(), Owner(), Owner(rate=0.012345678)],
)
def test_every_knob_has_a_field_that_keeps_its_value(owner: object, qtbot: QtBot) -> None:
    form = KnobForm(knobs_of(type(owner)))
    qtbot.addWidget(form)
    form.set_values(knobs_to_json(owner))
    assert form.values() == knobs_to_json(owner)
    form.set_values(form.values())
    assert form.values() == knobs_to_json(owner)
    for k in knobs_of(type(owner)):
        assert form.fields[k.name].editor.toolTip()
        assert form.fields[k.name].editor.accessibleName() == k.label


def test_showing_values_tells_no_one(form: KnobForm, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(form.changed):
        form.set_values({"count": 5, "rate": 0.5, "mode": "two_three", "name": "y", "on": True})


def test_each_kind_of_field_tells_what_was_entered(form: KnobForm, qtbot: QtBot) -> None:
    heard: dict[str, object] = {}
    form.changed.connect(heard.__setitem__)
    spin, rate = form.findChild(QSpinBox, "count"), form.findChild(QLineEdit, "rate")
    mode, name = form.findChild(QComboBox, "mode"), form.findChild(QLineEdit, "name")
    qtbot.keyClick(spin, Qt.Key.Key_Up)
    for edit, text in ((rate, "1e-3"), (name, "digits")):
        edit.setFocus()
        edit.selectAll()
        qtbot.keyClicks(edit, text)
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.keyClick(mode, Qt.Key.Key_Down)
    assert form.more_button is not None
    qtbot.mouseClick(form.more_button, Qt.MouseButton.LeftButton)
    box = form.findChild(QCheckBox, "on")
    assert box.isVisible()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert heard == {"count": 4, "rate": 0.001, "name": "digits", "mode": "two_three", "on": True}


@pytest.mark.parametrize("text", ["2", "-1", "nan", "fast", ""])
def test_a_number_that_is_not_allowed_marks_its_field(form: KnobForm, qtbot: QtBot, text: str) -> None:
    edit = form.findChild(QLineEdit, "rate")
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Delete)
    qtbot.keyClicks(edit, text)
    with qtbot.assertNotEmitted(form.changed):
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert "Rate" in form.error_label.text()
    assert edit.property("state") == "error"
    with pytest.raises(FieldError):
        form.values()
    form.set_values({"rate": 0.2})
    assert not form.error_label.isVisible()


@pytest.mark.parametrize(("typed", "said"), [("99", "at most 5, got 99"), ("-2", "at least 1, got -2")])
def test_a_whole_number_beyond_its_limit_stays_in_its_field_with_the_limit(
    form: KnobForm, qtbot: QtBot, typed: str, said: str
) -> None:
    spin = form.findChild(QSpinBox, "count")
    spin.setFocus()
    spin.selectAll()
    with qtbot.assertNotEmitted(form.changed):
        qtbot.keyClicks(spin, typed)
        qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert spin.cleanText() == typed
    assert said in form.error_label.text()
    with pytest.raises(FieldError):
        form.values()
    qtbot.keyClick(spin, Qt.Key.Key_Up if typed == "-2" else Qt.Key.Key_Down)
    assert spin.value() in (1, 5)
    assert not form.error_label.text()


def test_steps_end_at_the_limits(form: KnobForm, qtbot: QtBot) -> None:
    spin = form.findChild(QSpinBox, "count")
    for key, limit in ((Qt.Key.Key_Up, 5), (Qt.Key.Key_Down, 1)):
        for _ in range(7):
            qtbot.keyClick(spin, key)
        assert spin.value() == limit


def test_a_key_that_does_nothing_says_why_until_the_field_is_left(form: KnobForm, qtbot: QtBot) -> None:
    spin = form.findChild(QSpinBox, "count")
    spin.setFocus()
    for refused in ("x", "99999999999"):
        spin.selectAll()
        qtbot.keyClicks(spin, refused)
        assert "from 1 to 5" in form.error_label.text()
    spin.selectAll()
    qtbot.keyClicks(spin, "4x")
    assert form.error_label.text()
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert not form.error_label.text()
    assert form.values()["count"] == 4


def test_advanced_fields_are_folded_away_and_keep_their_values(form: KnobForm) -> None:
    assert not form.fields["on"].isVisible()
    assert form.values()["on"] is False


def test_the_wheel_changes_only_the_field_in_focus(form: KnobForm, qtbot: QtBot) -> None:
    spin = form.findChild(QSpinBox, "count")
    form.findChild(QLineEdit, "name").setFocus()
    at = QPointF(5, 5)
    wheel = QWheelEvent(
        at,
        at,
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(spin, wheel)
    assert spin.value() == 3


def test_an_error_can_be_put_on_a_field_from_outside(form: KnobForm) -> None:
    assert form.show_error("mode", "Not this one.")
    assert form.error_label.text() == "Not this one."
    assert form.fields["mode"].editor.toolTip() == "Not this one."
    assert not form.show_error(None, "")
    assert form.fields["mode"].editor.toolTip() != "Not this one."


def test_fields_wrap_and_share_the_width(qtbot: QtBot) -> None:
    form = KnobForm(knobs_of(TrainConfig), columns=5)
    qtbot.addWidget(form)
    form.show()
    for width, columns in ((700, 5), (558, 4), (300, 2), (100, 1)):
        form.resize(width, form.heightForWidth(width))
        QApplication.processEvents()
        places = [field.geometry() for field in form.fields.values()]
        assert len({place.left() for place in places}) == columns
        assert all(place.right() < max(width, FIELD_WIDTH) for place in places)
        assert len({(place.left(), place.top()) for place in places}) == len(places)
    assert form.minimumSizeHint().width() < 300


def test_choices_are_shown_by_their_titles(qtbot: QtBot) -> None:
    form = KnobForm(knobs_of(TrainConfig))
    qtbot.addWidget(form)
    combo = form.findChild(QComboBox, "optimizer")
    shown = {combo.itemData(i): combo.itemText(i) for i in range(combo.count())}
    assert shown == {name: optimizer.title for name, optimizer in OPTIMIZERS.items()}
    form.set_values({"optimizer": "adam"})
    assert form.fields["optimizer"].value() == "adam"
