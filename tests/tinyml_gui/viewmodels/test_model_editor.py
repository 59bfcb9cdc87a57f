from __future__ import annotations

import numpy as np
import pytest

from engine.nn.layers import LAYERS, Conv2D, Dense
from engine.nn.losses import suitable_loss
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord
from engine.shapes import describe_shape
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.document.document import Document
from tinyml_gui.document.edits import add_layer, change_layer, fault_of, remove_layer
from tinyml_gui.viewmodels.accuracy import tested_on as words_of_test
from tinyml_gui.viewmodels.model_editor import head, layer_choices, layer_views, new_layer


@pytest.mark.parametrize("name", PRESETS)
def test_cards_of_every_preset_say_what_the_table_says(name: str) -> None:
    spec = PRESETS[name].build(10)
    cards = layer_views(spec, None)
    assert [c.title for c in cards] == [layer.title for layer in spec.layers]
    assert [c.shape for c in cards] == [describe_shape(row.out_shape) for row in spec.rows()]
    shown = sum(int(c.parameters.replace(",", "").replace("–", "0")) for c in cards)
    assert shown == spec.parameters
    assert not any(c.fault for c in cards)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_can_be_chosen_explained_and_shown(kind: str) -> None:
    choices = {name: (words, doc) for name, words, doc in layer_choices()}
    words, doc = choices[kind]
    assert words
    assert doc
    assert "`" not in doc
    spec = add_layer(spot_model().spec, 1, new_layer(kind)).spec
    card = layer_views(spec, fault_of(spec, 4))[1]
    assert card.title == words
    assert card.title in card.spoken


@pytest.mark.parametrize("index", range(3))
def test_a_fault_is_on_the_card_that_causes_it_and_on_no_other(index: int) -> None:
    lenet = PRESETS["lenet"].build(10)
    flat = next(i for i, layer in enumerate(lenet.layers) if len(lenet.rows()[i].out_shape) == 1)
    spec = remove_layer(lenet, flat).spec
    cards = layer_views(spec, fault_of(spec, 10))
    assert [bool(c.fault) for c in cards].count(True) == 1
    assert cards[flat].fault
    assert cards[index].shape  # what comes before is still known
    assert not cards[-1].shape


def test_faults_without_a_place_go_to_the_last_card() -> None:
    spec = change_layer(spot_model().spec, 2, Dense(5)).spec
    cards = layer_views(spec, fault_of(spec, 4))
    assert "4 classes" in cards[-1].fault
    assert layer_views(ModelSpec(()), fault_of(ModelSpec(()), 4)) == ()


def test_head_shows_accuracy_where_it_is_known_else_the_size() -> None:
    model = spot_model()
    assert head(Document.of(model)).caption == "parameters"
    assert "not trained" in head(Document.of(model)).rest
    metrics = {"accuracy": 0.9876, "images": 1000, "data": "mnist"}
    tested = model.replace(record=TrainingRecord.from_json({"metrics": metrics}))
    assert head(Document.of(tested)).figure == "98.8 %"
    assert "1,000 test images of mnist" in head(Document.of(tested)).caption


@pytest.mark.parametrize("metrics", [None, [], {}, {"accuracy": "high"}])
def test_a_record_written_by_someone_else_does_no_harm(metrics: object) -> None:
    model = spot_model().replace(record=TrainingRecord.from_json({"metrics": metrics}))
    assert head(Document.of(model)).caption == "parameters"


def test_head_of_a_faulty_network_gives_no_figures() -> None:
    document = Document.of(spot_model()).edited(remove_layer(spot_model().spec, 0), np.random.default_rng(0))
    assert head(document).figure == ""


def test_model_with_a_fault_is_never_made() -> None:
    document = Document.of(spot_model())
    changed = document.edited(change_layer(document.spec, 2, Dense(9)), np.random.default_rng(0))
    assert isinstance(changed.model, Model)
    assert changed.model is document.model


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        [],
        "x",
        7,
        {"accuracy": "high", "images": "many", "data": 3},
        {"accuracy": 10**400, "images": 10**400, "data": {}},
        {"accuracy": True, "images": -1, "data": "x" * 5000},
    ],
)
def test_a_record_that_says_anything_does_no_harm(metrics: object) -> None:
    model = spot_model().replace(record=TrainingRecord.from_json({"metrics": metrics, "config": metrics}))
    assert len(words_of_test(model)) < 100
    assert head(Document.of(model)).figure
    assert suitable_loss(model.spec, model.record.loss) is suitable_loss(model.spec)  # as without a record


def test_choices_are_written_properly_on_cards() -> None:
    spec = ModelSpec((Conv2D(activation="leaky_relu"), Dense(4)), (8, 8, 1))
    assert layer_views(spec, None)[0].summary.endswith("Leaky ReLU")
