"""What is predicted before training against what compilers and emulators find."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from engine import cli
from engine.boards.boards import BOARDS
from engine.cost.estimate import Cost, estimate
from engine.cost.figures import Figure, How, counted, estimated
from engine.errors import ExportError
from engine.export import ExportOptions, export_model, make_vectors
from engine.nn.layers import Conv2D, Dense, Flatten, Upsample2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.quantize.network import untrained_quantization
from engine.verify.reference import REFERENCES
from engine.verify.session import Setup, verify

GCC = "arm-none-eabi-gcc"
BOARD = BOARDS["nano-33-ble"]  # a Cortex-M4F


def untrained(preset: str) -> Model:
    spec = PRESETS[preset].build()
    model = Model.new(spec, tuple("0123456789"), np.random.default_rng(0))
    return model.replace(quantization=untrained_quantization(spec))


@pytest.mark.parametrize("format_name", REFERENCES)
@pytest.mark.parametrize("preset", PRESETS)
def test_predictions_are_near_what_is_compiled_and_emulated(preset: str, format_name: str) -> None:
    if shutil.which(GCC) is None:
        pytest.skip(f"{GCC} is not installed")
    pytest.importorskip("unicorn")
    model = untrained(preset)
    predicted = estimate(model, format_name, BOARD)
    setup = Setup(GCC, counted=1)
    result = verify(model, format_name, ("cortex-m4",), make_vectors(model, 1), setup).results[0]
    network = result.figures[0]
    assert predicted.flash.value == pytest.approx(network.flash_bytes, rel=0.03)
    assert predicted.instructions.value == pytest.approx(network.mean, rel=0.15)
    assert predicted.ram.value >= 0.9 * network.ram_bytes


@pytest.mark.parametrize("format_name", REFERENCES)
@pytest.mark.parametrize("preset", PRESETS)
def test_the_arena_is_exactly_what_is_written(preset: str, format_name: str) -> None:
    model = untrained(preset)
    header = export_model(model, format_name, ExportOptions(name="net", test_vectors=0))["net.h"]
    arena = int(header.split("#define NET_ARENA_BYTES ")[1].split()[0])
    assert estimate(model, format_name, BOARD).arena == counted(arena)


def test_weights_that_a_core_cannot_hold_are_refused() -> None:
    with pytest.raises(ExportError, match=r"layer 6 have 94,\d+ bytes; Arduino Mega 2560 takes 32,767"):
        estimate(untrained("lenet"), "c-int8", BOARDS["arduino-mega"])
    with pytest.raises(ExportError, match="Arduino Mega 2560"):
        estimate(untrained("tinyml-cnn"), "c-int8", BOARDS["arduino-mega"])


def test_training_changes_no_prediction() -> None:
    model = untrained("lenet")
    other = model.replace(params=model.params * np.float32(1.5))
    assert _figures(estimate(model, "c-int8", BOARD)) == _figures(estimate(other, "c-int8", BOARD))


def _figures(cost: Cost) -> tuple[Figure, ...]:
    return cost.flash, cost.ram, cost.arena, cost.instructions, cost.milliseconds


def test_a_sum_is_worth_no_more_than_its_weakest_part() -> None:
    assert counted(3) + counted(4) == counted(7)
    assert counted(3) + estimated(0.5) == estimated(3.5)
    assert (estimated(1) + Figure(1, How.EMULATED)).how is How.ESTIMATED


@pytest.mark.parametrize("format_name", ["c-float32", "c-int8"])
def test_a_kernel_that_was_never_measured_is_told_as_rough(format_name: str) -> None:
    spec = ModelSpec((Conv2D(4, 3), Upsample2D(), Conv2D(4, 3), Flatten(), Dense(10)))
    model = Model.new(spec, tuple("0123456789"), np.random.default_rng(0))
    cost = estimate(model, format_name, BOARD)
    words = [stage.instructions.how.word for stage in cost.stages]
    assert words == ["estimated", "roughly estimated", "estimated", "estimated"]
    for figure in (cost.instructions, cost.milliseconds, cost.flash):
        assert figure.how is How.ROUGH
    assert cost.arena.how is How.COUNTED
    assert estimate(untrained("lenet"), format_name, BOARD).instructions.how is How.ESTIMATED


def test_stages_add_up() -> None:
    cost = estimate(untrained("separable-cnn"), "c-int8", BOARD)
    layers = [layer for stage in cost.stages for layer in stage.layers]
    assert sorted(set(layers)) == layers
    assert sum(stage.instructions.value for stage in cost.stages) <= cost.instructions.value
    assert sum(stage.weights.value for stage in cost.stages) < cost.flash.value


def test_info_says_whether_a_network_fits_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "lenet", "--board", "stm32f103", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["board"]
    assert {name: cost["fits"] for name, cost in found.items()} == {"c-float32": False, "c-int8": False}
    assert found["c-int8"]["arena"]["how"] == "counted"
    assert cli.main(["info", "mlp-32-32", "--board", "stm32f103", "--format", "c-int8"]) == 0
    text = capsys.readouterr().out
    assert "c-int8 on STM32F103C8" in text
    assert ": fits" in text
    assert "c-float32" not in text
