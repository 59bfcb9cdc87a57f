from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import numpy as np
import pytest

from engine.boards.boards import BOARDS, Board
from engine.cost import choose_variant
from engine.cost import estimate as estimates
from engine.cost.choose_variant import fitted
from engine.cost.estimate import Cost, StageCost
from engine.cost.figures import counted, estimated
from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions, Format
from engine.nn.model import Model
from engine.record import TrainingRecord
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.document.edits import change_layer
from tinyml_gui.viewmodels import fit as fits
from tinyml_gui.viewmodels.fit import (
    Fit,
    FitOrder,
    Verdict,
    budget,
    measure,
    memory_meter,
    meters,
    obstacle,
    suited,
    vector_count,
    verdict,
)
from tinyml_gui.viewmodels.targets import board_choices, format_choices, known_board, known_format

BOARD = BOARDS["nano-33-ble"]


def order(board: Board = BOARD) -> FitOrder:
    model = spot_model().replace(record=TrainingRecord(data="starter"))
    return FitOrder(model, next(iter(FORMATS)), board, ExportOptions())


def fit(flash: int = 1000, ram: int = 100, board: Board = BOARD) -> Fit:
    stages = (
        StageCost((0, 1), counted(500), estimated(600_000)),
        StageCost((), counted(0), estimated(40_000)),
        StageCost((2,), counted(500), estimated(150_000)),
    )
    memory = counted(flash), estimated(ram), counted(ram)
    cost = Cost(board, *memory, estimated(790_000), estimated(12.34), stages)
    return Fit(order(board), cost)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.has_facts])
@pytest.mark.parametrize("board", BOARDS.values(), ids=str)
def test_every_board_and_format_can_be_measured(name: str, board: Board) -> None:
    found = measure(replace(order(board), format=name))
    assert found.cost is not None
    assert all(meter.used and meter.tip for meter in meters(found))
    assert verdict(found).sentence


def test_meters_say_how_much_of_what_and_how_it_was_obtained() -> None:
    flash, ram, time = meters(fit(960 * 512, 128 * 1024))
    assert (flash.used, flash.limit, flash.how, flash.share) == ("480 KB", "of 960 KB", "counted", 0.5)
    assert (ram.used, ram.limit, ram.how, ram.state) == ("128 KB", "of 256 KB", "estimated", "")
    assert (time.used, time.how) == ("12.3 ms", "estimated")
    assert "491,520 of 983,040 bytes" in flash.tip
    assert "790 k instructions" in time.tip
    assert time.parts == pytest.approx([600 / 790, 40 / 790, 150 / 790])
    assert "Flatten and Dense 76 %, Moving numbers 5 %, Dense 19 %" in time.tip
    assert flash.spoken == "Flash 480 KB of 960 KB counted"


@pytest.mark.parametrize(
    ("used", "state"), [(0, ""), (90, ""), (91, "warning"), (100, "warning"), (101, "error")]
)
def test_a_meter_warns_before_it_is_full(used: int, state: str) -> None:
    assert memory_meter("RAM", counted(used), 100).state == state


def test_without_figures_the_meters_keep_their_places() -> None:
    assert [meter.title for meter in meters(None)] == [meter.title for meter in meters(fit())]
    assert verdict(None).sentence == ""
    assert len(budget(None)) == len(budget(fit()))


def test_what_fits_is_said() -> None:
    said = verdict(fit())
    assert (said.sentence, said.role) == ("Fits Arduino Nano 33 BLE.", "good")


def test_a_network_that_is_not_trained_fits_with_a_warning() -> None:
    untrained = replace(fit(), order=replace(order(), model=spot_model()))
    said = verdict(untrained)
    assert said.role == "warning"
    assert said.sentence.startswith("Fits Arduino Nano 33 BLE.")
    assert "not trained" in said.sentence


def test_what_barely_fits_says_what_is_left() -> None:
    said = verdict(fit(ram=250 * 1024))
    assert said.role == "warning"
    assert "only 6 KB of RAM" in said.sentence


def test_what_does_not_fit_says_what_to_do() -> None:
    said = verdict(replace(fit(2000 * 1024, 300 * 1024), format="C, int8", board="Pico"))
    assert said.role == "error"
    assert "1.02 MB of flash are missing, 44 KB of RAM are missing" in said.sentence
    assert said.sentence.endswith(
        'Choose the format "C, int8", a larger board such as Pico or a smaller network.'
    )
    assert verdict(fit(2000 * 1024)).sentence.endswith("Choose a smaller network.")


def test_learning_on_the_device_has_a_meter_of_its_own() -> None:
    found = measure(order())
    ram, learning = budget(found)[1:]
    assert found.training is not None
    assert found.training.value > 4 * spot_model().spec.parameters
    assert learning.title == "Training"
    assert learning.limit == ram.limit
    tight = budget(replace(found, training=counted(300 * 1024)))[2]
    assert (tight.state, tight.used) == ("warning", "300 KB")
    assert "cannot learn" in budget(replace(found, training=None))[2].tip


def test_only_what_fits_may_go_onto_the_board() -> None:
    assert obstacle(None) == ""
    assert obstacle(fit()) == ""
    assert obstacle(fit(ram=300 * 1024)).startswith("Too large")
    assert obstacle(Fit(order(), fault="No such layer.")) == "No such layer."


def test_a_remedy_is_looked_for_among_formats_and_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    def cost_on(prepared: object, board: Board) -> Cost:
        cost = fit(board=board).cost
        assert cost is not None
        return replace(cost, ram=counted(200_000))

    for module in (fits, choose_variant, estimates):
        monkeypatch.setattr(module, "cost_on", cost_on)
    found = measure(order(BOARDS["arduino-uno"]))
    assert found.format == ""
    assert BOARDS["nano-33-ble"].ram_bytes > 200_000
    assert found.board in {b.title for b in BOARDS.values() if b.ram_bytes >= 200_000}


def test_a_format_without_figures_is_not_measured_and_stands_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> NoReturn:
        raise AssertionError("nothing is to be prepared")

    monkeypatch.setitem(FORMATS, "bare", Format("bare", "Bare", "one file", fail))
    found = measure(replace(order(), format="bare"))
    assert found.cost is None
    assert [meter.used for meter in meters(found)] == [meter.used for meter in meters(None)]
    assert verdict(found) == Verdict("What this format takes on a board is not known.", "muted")
    assert obstacle(found) == ""
    in_floats = measure(replace(order(), format="c-float32"))
    assert budget(found)[2] == budget(in_floats)[2]  # another format can learn


def test_what_one_format_cannot_express_may_learn_on_a_device_in_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object) -> NoReturn:
        raise ExportError("This format has no such layer; choose another one.")

    monkeypatch.setitem(FORMATS, "strict", Format("strict", "Strict", "little", refuse, has_facts=True))
    in_floats, strict = measure(order()), measure(replace(order(), format="strict"))
    assert strict.cost is None
    assert budget(strict)[2] == budget(in_floats)[2]


def test_a_format_that_cannot_express_the_model_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> NoReturn:
        raise ExportError("This format has no such layer; choose another one.")

    for name, form in FORMATS.items():
        monkeypatch.setitem(FORMATS, name, replace(form, writer=refuse))
    said = verdict(measure(order()))
    assert said.role == "error"
    assert said.sentence.startswith("This format")


def test_choices_have_titles_and_explanations() -> None:
    assert [choice.name for choice in board_choices()] == list(BOARDS)
    assert [choice.name for choice in format_choices()] == list(FORMATS)
    assert all(choice.title and choice.doc for choice in (*board_choices(), *format_choices()))
    assert all("Source:" in choice.tip for choice in board_choices())


def test_what_is_no_longer_known_gives_the_usual_one() -> None:
    assert known_board("pico").name == "pico"
    assert known_board("") is known_board("a board of another version")
    assert known_format("gone") in FORMATS
    assert known_format("c-float32") == "c-float32"


@pytest.mark.parametrize(("instructions", "vectors"), [(1_000, 100), (4_000_000, 50), (10**9, 10)])
def test_slow_code_is_verified_with_fewer_inputs(instructions: int, vectors: int) -> None:
    cost = fit().cost
    assert cost is not None
    slow = replace(cost, instructions=estimated(instructions))
    assert vector_count(replace(fit(), cost=slow)) == vectors
    assert vector_count(None) == 100


def test_the_variant_that_suits_the_board_is_what_is_measured() -> None:
    uno = measure(FitOrder(spot_model(), "c-int8", BOARDS["arduino-uno"], ExportOptions()))
    assert (
        uno.options == fitted(spot_model(), "c-int8", BOARDS["arduino-uno"], ExportOptions()).prepared.options
    )
    chosen = replace(order(BOARDS["arduino-uno"]), options=ExportOptions(variant="small"))
    assert suited(chosen) == chosen.options
    assert measure(replace(chosen, model=large())).options == chosen.options  # none fits


def large() -> Model:
    model = spot_model()
    spec = change_layer(model.spec, 1, model.spec.layers[1].replace(units=4_000)).spec
    return Model.new(spec, model.classes, np.random.default_rng(0))
