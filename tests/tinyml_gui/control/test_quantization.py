from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.data import Dataset
from engine.errors import QuantizationError
from engine.nn.model import Model
from engine.quantize.network import untrained_quantization
from engine.record import TrainingRecord
from tests.tinyml_gui.tiny import TinyCatalogue, metrics_of, pretend_before, spot_model, spots
from tinyml_gui.background import quantize_jobs
from tinyml_gui.background.quantize_jobs import Calibrated, Compared, QuantizeOrder
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.quantization import QuantizationController
from tinyml_gui.document.edits import change_layer, remove_layer
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.accuracy import Activity, accuracies, measured

LEARNED = TrainingRecord(data="starter")


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made.state.reset(spot_model().replace(record=LEARNED))
    yield made
    made.shutdown()


@pytest.fixture
def quantization(controller: Controller) -> QuantizationController:
    return controller.quantization


def run(order: QuantizeOrder) -> tuple[list[object], Compared]:
    items: list[object] = []
    steps = quantize_jobs.prepare(order)
    try:
        while True:
            items.append(next(steps))
    except StopIteration as end:
        return items, end.value


def test_a_model_is_calibrated_and_compared_without_being_changed(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    before = controller.model
    quantization.prepare()
    assert quantization.is_running
    qtbot.waitUntil(lambda: not quantization.is_running)
    assert controller.model.quantization is not None
    assert np.array_equal(controller.model.params, before.params)
    assert not controller.is_modified
    assert not controller.can_undo
    assert quantization.flips is not None
    assert quantization.flips.images == 320
    assert 0 <= measured(controller.model).in_int8 <= 1


def test_it_is_done_once(quantization: QuantizationController, qtbot: QtBot) -> None:
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    quantization.prepare()
    assert not quantization.is_running


def test_what_is_modified_stays_so(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    controller.adapt(tuple("wxyz"))
    assert controller.is_modified
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    assert controller.is_modified
    assert controller.model.quantization is not None
    controller.undo()
    assert controller.model.quantization is None


def test_a_shipped_model_stays_a_shipped_one(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    controller.training.catalogue = TinyCatalogue(mnist=spots(shape=(28, 28, 1)))
    controller.open_shipped("digits")
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running, timeout=30_000)
    assert controller.model.quantization is not None
    assert controller.is_shipped


def test_an_edit_drops_what_was_about_the_old_network(
    quantization: QuantizationController,
    controller: Controller,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    real = quantize_jobs.calibrated

    def slow(order: QuantizeOrder) -> Model:
        gate.wait(10)
        return real(order)

    monkeypatch.setattr(quantize_jobs, "calibrated", slow)
    quantization.prepare()
    layers = controller.model.spec.layers
    controller.edit(change_layer(controller.model.spec, 1, layers[1].replace(units=9)))
    assert not quantization.is_running
    gate.set()
    quantization.prepare()  # behind the one that was dropped
    qtbot.waitUntil(lambda: not quantization.is_running)
    assert controller.model.quantization is not None
    assert controller.model.spec.layers[1].units == 9  # type: ignore[attr-defined]


def test_flips_are_found_with_what_is_lost_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.quantize import compare_float_int8

    class Wrong(compare_float_int8.IntegerPredictor):
        def logits(self, images: np.ndarray) -> np.ndarray:
            return -super().logits(images)

    monkeypatch.setattr(compare_float_int8, "IntegerPredictor", Wrong)
    items, compared = run(QuantizeOrder(spot_model().replace(record=LEARNED), TinyCatalogue()))
    assert isinstance(items[0], Calibrated)
    flips = compared.flips
    assert flips is not None
    assert flips.count == flips.images
    assert len(flips.shown) <= 60
    lost = [flip.is_lost for flip in flips.shown]
    assert lost == sorted(lost, reverse=True)
    assert flips.lost == round(measured(compared.model).in_float * flips.images)


def test_an_untrained_model_is_calibrated_only() -> None:
    items, compared = run(QuantizeOrder(spot_model(), TinyCatalogue()))
    assert compared.flips is None
    assert compared.model.quantization is not None
    assert len(items) == 1


def test_images_that_the_model_knows_are_preferred() -> None:
    asked: list[tuple[str, str]] = []

    class Several(TinyCatalogue):
        def load(self, name_or_path: str, part: str) -> Dataset:
            asked.append((name_or_path, part))
            return super().load(name_or_path, part)

    catalogue = Several(own=spots(name="own"))
    run(
        QuantizeOrder(
            spot_model().replace(record=TrainingRecord(data="own")),
            catalogue,
            spots(),
            "starter",
        )
    )
    assert asked == [("own", "train"), ("own", "test")]


def test_other_classes_and_sizes_are_passed_over() -> None:
    model = spot_model(classes=3).replace(record=TrainingRecord(data="gone"))
    _, compared = run(QuantizeOrder(model, TinyCatalogue()))
    assert compared.flips is None
    with pytest.raises(QuantizationError, match="Train page"):
        run(QuantizeOrder(spot_model(), TinyCatalogue(starter=spots(shape=(5, 5, 1)))))


def test_fine_tuning_gives_another_model_that_can_be_taken_back(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    assert not quantization.can_tune
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    before = controller.model
    assert quantization.can_tune
    with qtbot.waitSignal(controller.message) as told:
        quantization.tune()
        assert quantization.activity is Activity.TUNING
    assert told.args[0].startswith("Fine-tuned for int8")
    assert not np.array_equal(controller.model.params, before.params)
    assert accuracies(controller.model).in_int8 == measured(controller.model).in_int8
    assert quantization.flips is not None
    controller.undo()
    assert controller.model is before


@pytest.mark.parametrize(("in_int8", "worse"), [(1.0, True), (0.0, False)])
def test_fine_tuning_that_made_it_worse_can_be_taken_back_there(
    in_int8: float,
    worse: bool,
    quantization: QuantizationController,
    controller: Controller,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_before(monkeypatch, in_int8)
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    before = controller.model
    quantization.tune()
    qtbot.waitUntil(lambda: not quantization.is_running)
    assert controller.model is not before
    assert quantization.can_go_back is worse
    quantization.go_back()
    assert (controller.model is before) is worse
    assert not quantization.can_go_back


def test_a_network_with_a_fault_is_not_fine_tuned(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    assert quantization.can_tune
    with qtbot.waitSignal(quantization.changed):
        controller.edit(remove_layer(controller.model.spec, 0))
    assert not quantization.can_tune
    controller.undo()
    assert quantization.can_tune


def test_fine_tuning_is_compared_with_the_model_before_on_the_same_images() -> None:
    model = spot_model().replace(record=LEARNED)
    known = replace(untrained_quantization(model.spec), metrics=metrics_of(0.9, 0.8, 10_000))
    steps = quantize_jobs.tune(QuantizeOrder(model.replace(quantization=known), TinyCatalogue()))
    try:
        while True:
            next(steps)
    except StopIteration as end:
        compared = end.value
    assert compared.before.words == measured(compared.model).words == "on 320 test images"
    assert compared.before.in_int8 != 0.8


def test_a_changed_network_ends_fine_tuning(
    quantization: QuantizationController, controller: Controller, qtbot: QtBot
) -> None:
    quantization.prepare()
    qtbot.waitUntil(lambda: not quantization.is_running)
    quantization.tune()
    layers = controller.model.spec.layers
    with qtbot.waitSignal(controller.message) as told:
        controller.edit(change_layer(controller.model.spec, 1, layers[1].replace(units=9)))
    assert "was changed" in told.args[0]
    assert not quantization.is_running


def test_fine_tuning_needs_labelled_images() -> None:
    model = spot_model(classes=3).replace(record=TrainingRecord(data="gone"))
    steps = quantize_jobs.tune(QuantizeOrder(model, TinyCatalogue()))
    with pytest.raises(QuantizationError, match="labelled"):
        next(steps)


def test_what_was_measured_on_more_images_is_kept() -> None:
    model = spot_model().replace(record=LEARNED)
    known = replace(untrained_quantization(model.spec), metrics=metrics_of(0.9, 0.8, 10_000))
    _, compared = run(QuantizeOrder(model.replace(quantization=known), TinyCatalogue()))
    assert measured(compared.model).in_int8 == 0.8
    assert compared.flips is not None
    assert compared.flips.images == 320
