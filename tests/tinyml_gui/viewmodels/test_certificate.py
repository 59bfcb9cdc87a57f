from __future__ import annotations

from dataclasses import replace

import pytest

from engine.boards.boards import BOARDS
from engine.cost.figures import Figure, How
from engine.export import ExportOptions
from engine.knobs import knobs_to_json
from engine.verify.certificate import Certificate, Figures, LayerCount, Result, Skipped
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.viewmodels.certificate import Fact, certificate_view, file_name, milliseconds, share_words
from tinyml_gui.viewmodels.fit import FitOrder, measure, meters, proved

BOARD = BOARDS["nano-33-ble"]
LAYERS = (
    LayerCount("1 Flatten, 2 Dense", (0, 1), 600_000),
    LayerCount("3 Dense", (2,), 39_000),
    LayerCount("calls between the layers", (), 1_000),
)
NETWORK = Figures(
    "run_int8", 4_748, 112_814, 3_196, 112, "instructions", 10, 639_000, 640_000, 641_000, LAYERS
)
HOST = Result("host", "This computer", "cc 12", "-O2", "this computer", 100, 0, 0, 0.0)
CORE = replace(
    HOST, target="cortex-m4", title="Cortex-M4", compiler="zig", emulator="unicorn", figures=(NETWORK,)
)


def certificate(*results: Result, skipped: tuple[Skipped, ...] = ()) -> Certificate:
    return Certificate(
        "spots",
        "abc",
        "c-int8",
        100,
        "images of mnist",
        "bit for bit",
        "97 %",
        "today",
        "us",
        results,
        skipped,
    )


def test_a_good_certificate_says_where_and_what_was_measured() -> None:
    view = certificate_view(certificate(HOST, CORE), BOARD)
    assert (view.role, view.unit) == ("good", "Instructions")
    assert (
        view.sentence
        == "All 100 answers are the same as in this window, on this computer and on an emulated Cortex-M4."
    )
    assert [row.title for row in view.targets] == ["This computer", "Cortex-M4"]
    assert [row.flash for row in view.targets] == ["–", "115 KB"]
    assert view.targets[1].count == "640,000"
    facts = {fact.name: fact.value for fact in view.facts}
    assert facts["Flash"] == "4,748 bytes of code + 112,814 bytes of weights"
    assert facts["RAM"] == "3,196 bytes of arena + 112 bytes of stack"
    assert facts["Work"] == "640,000 instructions an image (639,000 to 641,000)"
    assert facts["Time"] == "12.5 ms an image on Arduino Nano 33 BLE"
    assert "hash abc" in facts["Model"]
    assert [bar.title for bar in view.layers][-1] == "Calls between the layers"
    assert sum(bar.share for bar in view.layers) == pytest.approx(1)


def test_a_mismatch_is_what_the_page_says_first() -> None:
    fault = "The exported C differs on 1 of 100 inputs, first in layer 2."
    view = certificate_view(certificate(HOST, replace(CORE, mismatches=1, fault=fault)), BOARD)
    assert (view.sentence, view.role) == (fault, "error")
    assert [row.passed for row in view.targets] == [True, False]


def test_what_was_not_tried_is_said_once() -> None:
    reason = 'The emulator is missing; run "pip install".'
    view = certificate_view(
        certificate(HOST, skipped=(Skipped("cortex-m0plus", reason), Skipped("b", reason))), BOARD
    )
    assert view.notes == (f"Not tried on Cortex-M0+ and b: {reason}",)
    assert view.layers == ()


def test_a_core_without_an_emulator_is_said() -> None:
    view = certificate_view(certificate(HOST), BOARDS["esp32-s3"])
    assert "no emulator for Xtensa LX7" in view.notes[0]
    assert certificate_view(certificate(), BOARD).sentence == "Nothing could be verified."


def test_cycles_give_a_time_that_is_emulated() -> None:
    uno = BOARDS["arduino-uno"]
    cycles = replace(NETWORK, unit="cycles", mean=1_600_000)
    assert milliseconds(cycles, uno) == Figure(pytest.approx(100), How.EMULATED)
    shown = certificate(replace(CORE, target=uno.target, figures=(cycles,)))
    view = certificate_view(shown, uno)
    assert view.unit == "Cycles"
    assert Fact("Time", "100 ms an image on Arduino Uno R3", "emulated") in view.facts
    fit = proved(measure(FitOrder(spot_model(), "c-int8", uno, ExportOptions())), shown)
    time = meters(fit)[2]
    assert (time.used, time.how) == ("100 ms", "emulated")
    assert "cycles (emulated) at 16 MHz" in time.tip


def test_instructions_give_a_time_that_is_estimated() -> None:
    assert milliseconds(NETWORK, BOARD).how is How.ESTIMATED


def test_a_small_share_is_not_nothing() -> None:
    assert [share_words(share) for share in (0, 0.001, 0.005, 0.314)] == ["0 %", "< 1 %", "0 %", "31 %"]


def test_a_certificates_file_names_what_it_is_about() -> None:
    assert file_name(certificate(HOST)) == "abc-c-int8-certificate.json"


def test_measured_figures_take_the_place_of_estimated_ones() -> None:
    fit = measure(FitOrder(spot_model(), "c-int8", BOARD, ExportOptions()))
    assert fit.cost is not None
    assert fit.fingerprint == spot_model().fingerprint
    flash, ram, time = meters(proved(fit, certificate(HOST, CORE)))
    assert (flash.how, ram.how, time.how) == ("compiled", "emulated", "estimated")
    assert flash.used == "115 KB"
    assert len(time.parts) == len(LAYERS)
    assert proved(fit, certificate(HOST)) is fit


def test_an_emulator_that_cannot_tell_layers_apart_leaves_their_shares_as_estimated() -> None:
    fit = measure(FitOrder(spot_model(), "c-int8", BOARD, ExportOptions()))
    whole = replace(CORE, figures=(replace(NETWORK, layers=()),))
    before, after = meters(fit)[2], meters(proved(fit, certificate(HOST, whole)))[2]
    assert after.parts == pytest.approx(before.parts)
    assert after.share == pytest.approx(before.share)
    assert after.used != before.used


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"model_hash": "other"}, False),
        ({"format": "c-float32"}, False),
        ({"options": {"preprocess": True}}, False),
        ({"options": {"gone": 1}}, False),
    ],
)
def test_a_certificate_is_about_the_same_code_only(change: dict[str, object], same: bool) -> None:
    fit = measure(FitOrder(spot_model(), "c-int8", BOARD, ExportOptions(name="any")))
    options = {k: v for k, v in knobs_to_json(ExportOptions()).items() if k not in {"name", "test_vectors"}}
    about = replace(certificate(HOST), model_hash=fit.fingerprint, options=options)
    assert fit.is_about(replace(about, **change)) is same  # type: ignore[arg-type]
    assert How.COMPILED.word == "compiled"
