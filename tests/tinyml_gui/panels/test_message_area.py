from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from tinyml_gui.panels.message_area import MessageArea, Topic


@pytest.fixture
def area(qtbot: QtBot) -> MessageArea:
    made = MessageArea()
    made.resize(200, 30)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_tip_covers_the_message_only_while_it_is_there(area: MessageArea) -> None:
    area.show_error("It broke.")
    area.show_tip("Opens a file")
    assert (area.text(), area.property("role")) == ("Opens a file", "muted")
    area.show_tip("")
    assert (area.text(), area.property("role")) == ("It broke.", "error")


def test_what_has_no_room_is_whole_in_the_tooltip(area: MessageArea) -> None:
    text = "/a/very/long/path/to/a/file/that/cannot/be/read.tinyml: the file is damaged; choose another one."
    area.show_error(text)
    assert area.text() != text
    assert area.toolTip() == text
    assert area.message == text
    area.resize(2000, 30)
    assert area.text() == text


def test_an_error_stays_until_something_of_its_topic_has_worked(area: MessageArea) -> None:
    area.show_error("The picture is damaged.", Topic.DRAWING)
    area.settle(Topic.MODEL)
    assert area.message == "The picture is damaged."
    area.settle(Topic.DRAWING)
    assert area.message == ""
    area.show_error("The file is damaged.")
    area.show_message("Training finished")
    area.settle(Topic.MODEL)
    assert area.message == "Training finished"  # no error, it fades by itself
