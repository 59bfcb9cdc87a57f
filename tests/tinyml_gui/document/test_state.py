from __future__ import annotations

import numpy as np
import pytest

from engine.errors import SpecError
from engine.nn.layers import LAYERS, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.record import Metrics, TrainingRecord
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.document.edits import (
    adapted_spec,
    add_layer,
    change_layer,
    fault_of,
    move_layer,
    remove_layer,
)
from tinyml_gui.document.state import State


@pytest.fixture
def state() -> State:
    return State(spot_model(), np.random.default_rng(2))


def weights(model: Model) -> dict[str, np.ndarray]:
    return ParamLayout(model.spec).named(model.params)


def test_layers_keep_the_parameters_that_still_fit(state: State) -> None:
    before = weights(state.model)
    state.edit(add_layer(state.model.spec, 2, Dropout(0.1)))
    after = weights(state.model)
    np.testing.assert_array_equal(after["1.weight"], before["1.weight"])
    np.testing.assert_array_equal(after["3.weight"], before["2.weight"])


def test_layers_that_fit_no_more_are_drawn_anew_and_the_others_stay(state: State) -> None:
    before = weights(state.model)
    state.edit(change_layer(state.model.spec, 1, Dense(7, "relu")))
    after = weights(state.model)
    assert after["1.weight"].shape == (7, 16)
    assert np.any(after["2.weight"])
    np.testing.assert_array_equal(after["2.bias"], before["2.bias"])
    assert not state.model.trained


def test_parameters_survive_a_faulty_step_in_between(state: State) -> None:
    before = state.model
    state.edit(remove_layer(before.spec, 0))
    assert state.document.fault is not None
    assert state.model is before  # the drawing keeps the last version that works
    state.edit(add_layer(state.document.spec, 0, Flatten()))
    assert state.document.fault is None
    np.testing.assert_array_equal(state.model.params, before.params)


def learned(state: State) -> Model:
    """Give the state a model that was trained and measured."""
    metrics = Metrics(data="starter", images=100, accuracy=0.995)
    state.reset(spot_model().replace(record=TrainingRecord(data="starter", metrics=metrics)))
    return state.model


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_network_that_is_put_together_again_is_the_trained_one_again(at: int, state: State) -> None:
    """Without Flatten it has a fault; without the one with parameters, these are lost."""
    before = learned(state)
    state.edit(remove_layer(before.spec, at))
    state.edit(add_layer(state.document.spec, at, before.spec.layers[at]))
    assert state.model.spec == before.spec
    assert (state.model is before) is (at == 0)
    assert state.model.trained is (at == 0)
    assert state.is_modified is (at != 0)


def test_changes_that_keep_all_parameters_keep_the_training_but_not_the_figures(state: State) -> None:
    before = learned(state)
    state.edit(change_layer(before.spec, 1, before.spec.layers[1].replace(activation="tanh")))
    assert state.model.trained
    assert state.model.record.data == "starter"
    assert state.model.record.metrics is None
    state.edit(add_layer(state.model.spec, 1, Dropout(0.1)))
    assert state.model.trained
    state.edit(remove_layer(state.model.spec, 1))
    state.edit(change_layer(state.model.spec, 1, before.spec.layers[1]))
    assert state.model is before
    assert not state.is_modified


def test_a_parameter_that_was_drawn_anew_is_not_trained_whatever_comes_after(state: State) -> None:
    before = learned(state)
    state.edit(change_layer(before.spec, 1, Dense(7, "relu")))
    assert not state.model.trained
    state.edit(change_layer(state.model.spec, 1, before.spec.layers[1]))
    assert state.model.spec == before.spec
    assert not state.model.trained
    state.adapt(tuple("abcdef"))
    assert not state.model.trained


def test_a_trained_network_is_found_again_under_its_new_name(state: State) -> None:
    learned(state)
    state.edit(add_layer(state.model.spec, 1, Dropout(0.1)))
    state.rename("other")
    state.edit(remove_layer(state.model.spec, 1))
    assert (state.model.name, state.model.record.metrics is None) == ("other", False)


def test_a_network_without_parameters_is_never_trained() -> None:
    model = Model.new(ModelSpec((Flatten(),), (2, 2, 1)), tuple("abcd"), np.random.default_rng(0))
    state = State(model.replace(record=TrainingRecord(data="x")), np.random.default_rng(0))
    state.edit(add_layer(model.spec, 1, Dropout(0.1)))
    assert not state.model.trained


def test_a_moved_layer_takes_its_parameters_along() -> None:
    spec = ModelSpec((Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(3)), (4, 4, 1))
    state = State(Model.new(spec, ("a", "b", "c"), np.random.default_rng(0)), np.random.default_rng(1))
    before = weights(state.model)
    state.edit(move_layer(spec, 0, 1))
    np.testing.assert_array_equal(weights(state.model)["1.weight"], before["0.weight"])


def test_new_parameters_follow_from_the_generator_given() -> None:
    results = []
    for _ in range(2):
        state = State(spot_model(), np.random.default_rng(5))
        state.edit(change_layer(state.model.spec, 1, Dense(9)))
        results.append(state.model.params)
    np.testing.assert_array_equal(*results)


def test_undo_brings_parameters_back_and_redo_the_change(state: State) -> None:
    first = state.model
    state.edit(change_layer(first.spec, 1, Dense(9)))
    second = state.model
    state.undo()
    assert state.model is first
    assert (state.can_undo, state.can_redo) == (False, True)
    state.redo()
    assert state.model is second


def test_changes_with_the_same_key_are_one_step_back(state: State) -> None:
    first = state.model
    for units in (7, 8, 9):
        state.edit(change_layer(state.document.spec, 1, Dense(units)), merge="units")
    state.undo()
    assert state.model is first


def test_modified_is_about_the_file(state: State) -> None:
    assert not state.is_modified
    state.edit(change_layer(state.document.spec, 1, Dense(9)))
    assert state.is_modified
    state.undo()
    assert not state.is_modified
    state.redo()
    state.mark_saved()
    assert not state.is_modified
    state.reset(spot_model())
    assert (state.is_modified, state.can_undo, state.can_redo) == (False, False, False)


def test_observers_hear_of_each_change_and_of_nothing_else(state: State) -> None:
    heard: list[int] = []
    state.observe(lambda: heard.append(state.selection))
    state.select(0)
    state.select(2)
    state.select(99)
    assert heard == [2]


def test_selection_stays_inside_when_layers_go(state: State) -> None:
    state.select(2)
    state.edit(remove_layer(state.document.spec, 2))
    assert state.selection == 1


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("classes", [2, 47])
def test_every_preset_adapts_to_other_classes(name: str, classes: int) -> None:
    found = adapted_spec(PRESETS[name].build(10), classes)
    assert found is not None
    assert found[0].classes == classes
    assert found[0].layers[: found[1]] == PRESETS[name].build(10).layers[: found[1]]


def test_adapting_keeps_all_but_the_last_layer(state: State) -> None:
    before = weights(state.model)
    state.adapt(tuple("abcdef"))
    assert state.model.classes == tuple("abcdef")
    np.testing.assert_array_equal(weights(state.model)["1.weight"], before["1.weight"])
    state.undo()
    assert len(state.model.classes) == 4


def test_adapting_what_has_no_such_field_says_so() -> None:
    spec = ModelSpec((Flatten(),), (2, 2, 1))
    state = State(Model.new(spec, tuple("abcd"), np.random.default_rng(0)), np.random.default_rng(0))
    with pytest.raises(SpecError, match="preset"):
        state.adapt(tuple("abc"))


def test_wrong_number_of_outputs_is_the_last_layers_fault() -> None:
    fault = fault_of(spot_model(units=6).spec, 5)
    assert fault is not None
    assert (fault.layer, fault.field) == (2, "units")
    assert "5" in str(fault)
    assert fault_of(spot_model().spec, 4) is None


@pytest.mark.parametrize("kind", LAYERS)
def test_any_layer_can_be_added_anywhere_and_taken_out(kind: str, state: State) -> None:
    first = state.model
    for index in range(len(first.spec.layers) + 1):
        state.edit(add_layer(state.document.spec, index, LAYERS[kind]()), select=index)
        state.edit(remove_layer(state.document.spec, index))
        assert state.document.fault is None
        assert state.model.spec == first.spec
