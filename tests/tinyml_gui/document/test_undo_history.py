from __future__ import annotations

from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.document.document import Document
from tinyml_gui.document.undo_history import UndoHistory


def documents(count: int) -> list[Document]:
    return [Document.of(spot_model()) for _ in range(count)]


def test_what_was_undone_comes_back_until_something_else_changes() -> None:
    first, second, third = documents(3)
    history = UndoHistory()
    history.record(first)
    assert history.undo(second) is first
    assert history.redo(first) is second
    assert history.undo(second) is first
    history.record(first)
    assert not history.can_redo
    assert history.undo(third) is first
    assert not history.can_undo
    assert history.undo(first) is first


def test_changes_that_merge_are_one_step_until_the_step_ends() -> None:
    first, second, third, fourth = documents(4)
    history = UndoHistory()
    history.record(first, "units")
    history.record(second, "units")
    history.end_step()
    history.record(third, "units")
    assert history.undo(fourth) is third
    assert history.undo(third) is first
    assert not history.can_undo


def test_the_oldest_steps_go_first() -> None:
    history, steps = UndoHistory(), documents(150)
    for document in steps:
        history.record(document)
    present, undone = Document.of(spot_model()), 0
    while history.can_undo:
        present, undone = history.undo(present), undone + 1
    assert (undone, present) == (100, steps[50])
