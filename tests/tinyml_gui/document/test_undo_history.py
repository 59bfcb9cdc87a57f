from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from engine.nn.layers import Dense, Dropout, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.document import undo_history
from tinyml_gui.document.document import Document
from tinyml_gui.document.edits import add_layer, change_layer, remove_layer
from tinyml_gui.document.state import State
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


WIDE = ModelSpec((Flatten(), Dense(500, "relu"), Dense(40, "relu"), Dense(4)), (8, 8, 1))


@pytest.fixture
def state() -> State:
    rng = np.random.default_rng(0)
    return State(Model.new(WIDE, tuple("abcd"), rng), rng)


def test_a_hundred_edits_keep_what_they_left_alone_once(state: State) -> None:
    whole = state.model.params.nbytes
    for step in range(100):
        layers = len(state.document.spec.layers)
        state.edit(
            add_layer(state.document.spec, 2, Dropout(0.1))
            if step % 2
            else change_layer(state.document.spec, layers - 2, Dense(41 + step % 3, "relu"))
        )
    changed = 4 * 50 * (500 * 43 + 43 + 43 * 4)  # bytes: the layer that 50 edits change, and the one after it
    assert state._history.nbytes < whole + changed
    units = state._history.nbytes
    for _ in range(20):  # edits that change no parameter at all
        state.edit(add_layer(state.document.spec, 2, Dropout(0.1)))
        state.edit(remove_layer(state.document.spec, 2))
    assert state._history.nbytes <= units + whole


def test_a_document_that_nobody_holds_comes_back_equal(state: State) -> None:
    first, params, held = state.model.spec, state.model.params.copy(), weakref.ref(state.model)
    state._saved = None
    state.edit(change_layer(first, 1, Dense(300, "relu")))
    state.edit(remove_layer(state.document.spec, 0))  # a fault: the model is the one before
    broken = state.document.fault
    gc.collect()
    assert held() is None
    state.undo()
    state.undo()
    assert state.model.spec == first
    np.testing.assert_array_equal(state.model.params, params)
    state.redo()
    state.redo()
    assert state.document.fault is broken
    assert state.model.spec.layers[1] == Dense(300, "relu")


def test_the_trained_model_behind_an_edited_one_is_kept_too(state: State) -> None:
    trained = state.model.replace(record=TrainingRecord(data="spots"))
    params = trained.params.copy()
    state.replace_model(trained)
    state.edit(change_layer(WIDE, 1, Dense(300, "relu")))
    kept = state._history.nbytes
    state.edit(change_layer(state.document.spec, 1, Dense(200, "relu")))
    assert state._history.nbytes < kept + trained.params.nbytes  # what was learned is shared
    state._saved = None
    del trained
    state.undo()
    state.undo()
    assert state.model.record.data == "spots"
    assert state.document.learned is state.model
    np.testing.assert_array_equal(state.model.params, params)


def test_a_saved_document_is_known_again(state: State) -> None:
    saved = state.document
    for units in (300, 200):
        state.edit(change_layer(state.document.spec, 1, Dense(units, "relu")))
    state.undo()
    state.undo()
    assert state.document is saved
    assert not state.is_modified


def test_all_together_the_history_is_limited(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = state.model.params.nbytes
    monkeypatch.setattr(undo_history, "_MAX_BYTES", 5 * whole)
    rng = np.random.default_rng(1)
    models = [Model.new(WIDE, tuple("abcd"), rng) for _ in range(9)]  # as after each training
    for model in models:
        state.replace_model(model)
        assert state._history.nbytes <= 5 * whole
    for model in models[-2:-7:-1]:
        state.undo()
        assert state.model is model
        assert state._history.nbytes <= 5 * whole
    assert not state.can_undo
