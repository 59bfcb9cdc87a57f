"""Certificates survive the disk, refuse what is none, and vouch only for the model that they are about."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ExportError, FileError
from engine.export import ExportOptions, prepare_export
from engine.verify.certificate import (
    Certificate,
    Figures,
    LayerCount,
    Result,
    Skipped,
    certified,
    code_options,
)
from tests.engine.verify.emulation import tiny_model

MODEL = tiny_model()
LAYERS = (LayerCount("1 Convolution, 2 Batch norm", (0, 1), 900.5), LayerCount("the rest", (), 99.5))
NETWORK = Figures("run_int8", 1200, 3400, 560, 78, "instructions", 3, 990.0, 1000.0, 1010.0, LAYERS)
UNTIMED = Figures("predict", 1, 2, 3, 4, "cycles", 0, 0.0, 0.0, 0.0)
GOOD = Result("cortex-m4", "Cortex-M4", "zig 1", "-O2", "Unicorn 2", 6, 0, 0, 0.0, "", (NETWORK, UNTIMED))
PAPER = Certificate(
    model_name='digits "*/" 数字',
    model_hash=MODEL.fingerprint,
    format="c-int8",
    vectors=6,
    origin="images of starter",
    rule="bit for bit",
    accuracy="99 %",
    date="2026-01-02 03:04 UTC",
    program="TinyML Studio 1",
    results=(GOOD,),
    skipped=(Skipped("avr", "simavr is missing."),),
    options=code_options(ExportOptions()),
)
BAD = dataclasses.replace(
    PAPER, results=(GOOD, dataclasses.replace(GOOD, mismatches=2, fault="The exported C differs."))
)


def test_it_survives_the_disk(tmp_path: Path) -> None:
    PAPER.save(tmp_path / "c.json")
    assert Certificate.load(tmp_path / "c.json") == PAPER
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["passed"] is True


def test_counted_cycles_are_a_time() -> None:
    cycles = 2_640_000.0
    timed = dataclasses.replace(
        UNTIMED, counted=1, least=cycles, mean=cycles, most=cycles, clock_hz=16_000_000
    )
    assert timed.milliseconds == 165
    assert list(timed.sentences())[-1] == (
        "predict: 2,640,000 cycles an inference, 165 ms at 16 MHz (emulated)"
    )
    assert (UNTIMED.milliseconds, UNTIMED.time_words) == (None, "")
    assert (NETWORK.milliseconds, NETWORK.time_words) == (None, "")


def test_figures_add_up() -> None:
    assert (NETWORK.flash_bytes, NETWORK.ram_bytes) == (4600, 638)
    assert GOOD.network is NETWORK
    assert dataclasses.replace(GOOD, figures=()).network is None


def test_it_says_how_each_figure_was_obtained() -> None:
    text = "\n".join(PAPER.lines())
    assert "run_int8: 4,600 bytes of flash (code 1,200, constants 3,400; compiled)" in text
    assert "run_int8: 638 bytes of RAM (static 560, compiled; stack 78, emulated)" in text
    assert "run_int8: 1,000 instructions an inference, 990 to 1,010 (emulated)" in text
    assert "predict: 0" not in text  # was not timed
    assert "avr: not tried. simavr is missing." in text
    assert "on all 6 inputs (images of starter) on: Cortex-M4." in PAPER.summary()


def test_one_difference_fails_it() -> None:
    assert PAPER.passed
    assert not BAD.passed
    assert BAD.summary() == BAD.fault == "The exported C differs."
    assert "DIFFERS" in "\n".join(BAD.lines())
    nothing = dataclasses.replace(PAPER, results=())
    assert not nothing.passed
    assert "Nothing was verified" in nothing.summary()


def test_a_difference_without_a_sentence_fails_it_too() -> None:
    for field in ("mismatches", "class_mismatches"):
        paper = dataclasses.replace(PAPER, results=(dataclasses.replace(GOOD, **{field: 2}),))
        assert not paper.passed
        assert paper.summary() == "The exported C differs on 2 inputs."
        assert "differs on 2 inputs" in "\n".join(paper.lines())


@pytest.mark.parametrize(
    "change",
    [{"model_hash": "x\n\x1b[2J"}, {"format": "x\n\x1b[2J"}, {"options": {"\x1b[2J\n": "\r\n" * 900}}],
)
def test_what_a_certificate_says_cannot_steer_a_terminal(change: dict[str, Any]) -> None:
    with pytest.raises(ExportError) as caught:
        dataclasses.replace(PAPER, **change).check_for(MODEL, "c-int8", ExportOptions())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the certificate's JSON with the value at a path replaced, or removed where it is ..."""
    whole: Any = json.loads(json.dumps(PAPER.to_json()))
    *parents, last = path.split(".")
    place = whole
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return whole  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("model_hash", ..., "model_hash"),
        ("model_hash", 7, "model_hash"),
        ("vectors", "6", "vectors"),
        ("vectors", True, "vectors"),
        ("vectors", 6.5, "vectors"),
        ("unheard_of", 1, "unheard_of"),
        ("results", {}, "results"),
        ("results", [None] * 3, r"results\[0\]"),
        ("results", [0] * 5000, "results"),
        ("results.0.figures.0.mean", None, r"results\[0\].figures\[0\].mean"),
        ("results.0.figures.0.mean", float("inf"), "mean"),
        ("results.0.figures.0.layers.0.layers", ["x"], r"layers\[0\].layers\[0\]"),
        ("results.0.fault", "x" * 5000, "fault"),
        ("options", [], "options"),
        ("options.variant", ["x"], "options.variant"),
        ("vectors", 10**309, "vectors"),
        ("results.0.figures.0.code_bytes", -(10**4000), "code_bytes"),
        ("results.0.figures.0.mean", 10**309, "mean"),
        ("options", {"ram_limit": 10**309}, "ram_limit"),
        ("model_name", "half \ud800", "model_name"),
        ("options.variant", "\udfff", "options.variant"),
        ("options", {"\ud800": 1}, "options"),
    ],
)
def test_what_is_no_certificate_is_refused(path: str, value: Any, named: str, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(changed(path, value)), encoding="utf-8")
    with pytest.raises(FileError, match=named) as caught:
        Certificate.load(file)
    assert str(caught.value).startswith(f"{file}: this is no certificate")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"passed": true}', "\xff"])
def test_any_file_is_refused_in_one_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match="no certificate"):
        Certificate.load(file)
    with pytest.raises(FileError, match="no such file"):
        Certificate.load(tmp_path / "other.json")


def test_numbers_are_of_the_declared_type(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(changed("results.0.figures.0.mean", 7)), encoding="utf-8")
    network = Certificate.load(file).results[0].network
    assert network is not None
    assert isinstance(network.mean, float)


def test_an_infinite_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    with file.open("wb") as stream:
        stream.truncate(1 << 21)
    with pytest.raises(FileError, match="larger than"):
        Certificate.load(file)


def test_it_goes_into_the_head_comment_alone() -> None:
    options = ExportOptions("digits", test_vectors=2)
    files = prepare_export(MODEL, "c-int8", options).files
    proved = certified(files, PAPER, MODEL, "c-int8", options)
    assert list(proved) == list(files)
    assert [name for name in files if proved[name] != files[name]] == ["digits.h"]
    old, new = (made["digits.h"].decode().partition(" */\n") for made in (files, proved))
    assert new[0].startswith(old[0])
    assert new[2] == old[2]
    assert " * Cortex-M4: agrees; compiled by zig 1 -O2; run by Unicorn 2" in new[0]
    assert new[0].isascii()
    assert "*/" not in new[0]


@pytest.mark.parametrize(
    ("paper", "said"),
    [
        (dataclasses.replace(PAPER, model_hash="0123"), "another model"),
        (dataclasses.replace(PAPER, format="c-float32"), "c-float32, not c-int8"),
        (dataclasses.replace(PAPER, options={"variant": "small"}), "other options"),
        (BAD, "differs"),
        (dataclasses.replace(PAPER, results=()), "cannot vouch"),
    ],
)
def test_it_vouches_for_nothing_else(paper: Certificate, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        certified({"digits.h": b""}, paper, MODEL, "c-int8", ExportOptions())


def test_names_and_test_vectors_do_not_matter() -> None:
    options = ExportOptions("other", test_vectors=0, preprocess=True)
    assert code_options(options) == PAPER.options
    PAPER.check_for(MODEL, "c-int8", options)
    with pytest.raises(ExportError, match="other options"):
        PAPER.check_for(MODEL, "c-int8", ExportOptions(variant="small"))
