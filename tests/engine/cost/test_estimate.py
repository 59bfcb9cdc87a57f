"""What is predicted before training against what compilers and emulators find."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from engine import cli
from engine.boards.boards import BOARDS
from engine.cost import estimate as estimates
from engine.cost.estimate import Cost, estimate
from engine.cost.figures import Figure, How, counted, estimated
from engine.cost.instruction_rates import RATES
from engine.cost.stage import KERNELS
from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions, export_model, make_vectors
from engine.nn.activations import ACTIVATIONS
from engine.nn.layers import Conv2D, Dense, DepthwiseConv2D, Flatten, MaxPool2D, PReLU, Upsample2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.quantize.network import untrained_quantization
from engine.verify.reference import REFERENCES
from engine.verify.session import Setup, verify

GCC = "arm-none-eabi-gcc"
BOARD = BOARDS["nano-33-ble"]  # a Cortex-M4F


def model_of(spec: ModelSpec) -> Model:
    classes = tuple(str(i) for i in range(spec.classes))
    model = Model.new(spec, classes, np.random.default_rng(0))
    return model.replace(quantization=untrained_quantization(spec))


def untrained(preset: str) -> Model:
    return model_of(PRESETS[preset].build())


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


def test_a_rough_figure_has_a_range_and_gives_it_to_sums() -> None:
    rough = estimated(1000, 0.2)
    assert rough.how is How.ROUGH
    assert str(rough) == "1,000 (roughly estimated, 800 to 1,200)"
    assert (counted(500) + rough).range == (1300, 1700)
    assert rough.times(0.001).range == pytest.approx((0.8, 1.2))
    assert str(estimated(7)) == "7 (estimated)"


UPSAMPLED = ModelSpec((Conv2D(4, 3), Upsample2D(), PReLU(), Conv2D(4, 3), Flatten(), Dense(10)))
STRIDES = ModelSpec((Conv2D(4, 9, 8), Flatten(), Dense(10)))


@pytest.mark.parametrize("format_name", ["c-float32", "c-int8"])
def test_a_kernel_that_was_never_measured_is_told_as_rough(
    format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, known = model_of(UPSAMPLED), RATES[BOARD.core.rates]
    measured = estimate(model, format_name, BOARD)
    assert {stage.instructions.how.word for stage in measured.stages} == {"estimated"}
    others = {name: rates for name, rates in known.kernels.items() if not name.startswith("upsample")}
    unknown = dataclasses.replace(known, kernels=others)
    monkeypatch.setattr(estimates, "RATES", {BOARD.core.rates: unknown})
    cost = estimate(model, format_name, BOARD)
    words = [stage.instructions.how.word for stage in cost.stages]
    assert words == ["estimated", "roughly estimated", *["estimated"] * (len(words) - 2)]
    for figure in (cost.instructions, cost.milliseconds, cost.flash):
        assert figure.how is How.ROUGH
        assert figure.off > 0
    assert cost.arena.how is How.COUNTED


@pytest.mark.parametrize("format_name", ["c-float32", "c-int8"])
def test_a_size_beyond_all_that_were_measured_is_told_as_rough(format_name: str) -> None:
    cost = estimate(model_of(STRIDES), format_name, BOARD)
    conv, dense = cost.stages
    assert (conv.instructions.how, dense.instructions.how) == (How.ROUGH, How.ESTIMATED)
    least, most = cost.instructions.range
    assert least < cost.instructions.value < most


@pytest.mark.parametrize("target", RATES)
def test_every_kernel_whose_loops_are_known_was_measured_on_every_target(target: str) -> None:
    rates = RATES[target]
    assert KERNELS.keys() <= rates.kernels.keys()
    assert {f.name for f in ACTIVATIONS.values() if not f.probabilities} <= rates.functions.keys()


UNUSUAL = {
    "one channel, large pool": (Conv2D(8, 5), MaxPool2D(4)),
    "one filter": (Conv2D(1, 7), MaxPool2D(3)),
    "large depthwise": (Conv2D(8, 1), DepthwiseConv2D(15)),
    "strides": (Conv2D(9, 4, 3), PReLU(), Upsample2D()),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_networks_unlike_those_that_people_draw_are_predicted_too(name: str) -> None:
    if shutil.which(GCC) is None:
        pytest.skip(f"{GCC} is not installed")
    pytest.importorskip("unicorn")
    model = model_of(ModelSpec((*UNUSUAL[name], Flatten(), Dense(10))))
    cost = estimate(model, "c-int8", BOARD)
    vectors, setup = make_vectors(model, 1), Setup(GCC, counted=1)
    network = verify(model, "c-int8", ("cortex-m4",), vectors, setup).results[0].figures[0]
    assert cost.instructions.value == pytest.approx(network.mean, rel=0.12)
    assert cost.flash.value == pytest.approx(network.flash_bytes, rel=0.12)


def test_stages_add_up() -> None:
    cost = estimate(untrained("separable-cnn"), "c-int8", BOARD)
    layers = [layer for stage in cost.stages for layer in stage.layers]
    assert sorted(set(layers)) == layers
    assert sum(stage.instructions.value for stage in cost.stages) <= cost.instructions.value
    assert sum(stage.weights.value for stage in cost.stages) < cost.flash.value


def test_info_says_whether_a_network_fits_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "lenet", "--board", "stm32f103", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["board"]
    assert list(found) == [name for name, form in FORMATS.items() if form.has_facts]
    assert not any(cost["fits"] for cost in found.values())
    assert found["c-int8"]["arena"]["how"] == "counted"
    assert cli.main(["info", "mlp-32-32", "--board", "stm32f103", "--format", "c-int8"]) == 0
    text = capsys.readouterr().out
    assert "c-int8 on STM32F103C8" in text
    assert ": fits" in text
    assert "c-float32" not in text
