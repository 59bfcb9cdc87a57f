"""An export proves itself on this computer before its files are kept, as far as this computer can."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.boards import compilers
from engine.errors import VerifyError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport, Proof
from engine.export.options import VARIANTS
from engine.export.writers import c_float32, c_int8
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.conftest import Run
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import compiler

MODEL = quantized(ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(4), Dense(3)), (6, 5, 1)))
OPTIONS = ExportOptions("net", test_vectors=3)
LEARNING = {
    "c-float32": ExportOptions("net", training=True),
    "c-int8": ExportOptions("net", training=True, train_layers=1),
}
WITH_VECTORS = [name for name, form in FORMATS.items() if "test_vectors" in form.takes]
SENTENCE = "on this computer, the self-test gives the engine's answers."


def proof_of(form: Format, options: ExportOptions) -> Proof:
    return form.prove(MODEL, form.prepare(MODEL, options))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.tinyml"
    model_file.save(MODEL.replace(name="net"), path)
    return path


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every format expect other answers than those that its code gives."""
    for module in (c_float32, c_int8):
        monkeypatch.setattr(module, "make_vectors", shifted(module.make_vectors))
        if hasattr(module, "IntegerPredictor"):
            monkeypatch.setattr(module, "IntegerPredictor", Shifted)


def shifted(make):  # type: ignore[no-untyped-def]
    def made(*arguments):  # type: ignore[no-untyped-def]
        vectors = make(*arguments)
        return dataclasses.replace(vectors, outputs=vectors.outputs + 1)

    return made


class Shifted:
    """An engine whose answers are others than those of the code."""

    def __init__(self, model) -> None:  # type: ignore[no-untyped-def]
        self._true = c_int8_predictor(model)

    def run(self, images):  # type: ignore[no-untyped-def]
        return self._true.run(images) ^ 1


c_int8_predictor = c_int8.IntegerPredictor


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compilers, "_packaged_zig", lambda: None)


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_proved(form: Format, variant: str) -> None:
    compiler("cc")
    if "variant" not in form.takes:
        pytest.skip(f"{form.name} has no variants")
    assert proof_of(form, dataclasses.replace(OPTIONS, variant=variant)).passed


@pytest.mark.parametrize("name", LEARNING)
def test_code_that_learns_is_proved_too(name: str) -> None:
    compiler("cc")
    assert proof_of(FORMATS[name], LEARNING[name]).sentence.endswith(SENTENCE)


@pytest.mark.parametrize("count", [0, 3])
def test_wrong_code_is_not_kept_with_or_without_test_vectors(
    count: int, wrong: None, run: Run, net: Path
) -> None:
    compiler("cc")
    before = {}
    for name in WITH_VECTORS:
        words = ("export", net, "--format", name, "--test-vectors", count, "--out", f"made/{name}")
        assert run(*words, "--no-check")[0] == 0
        before |= {path: path.read_bytes() for path in Path("made", name).iterdir()}
        for more in ((), ("--variant", "small")):
            code, out, err = run(*words, "--force", *more)
            assert (code, out) == (1, "")
            assert "differs from the engine on" in err
            assert "not kept" in err
    assert {path: path.read_bytes() for path in Path("made").rglob("*.*")} == before


def test_what_there_is_no_place_for_is_refused_before_anything_is_compiled(
    wrong: None, run: Run, net: Path
) -> None:
    Path("made").mkdir()
    Path("made/net.h").write_bytes(b"")
    assert "exists already" in run("export", net, "--out", "made")[2]
    Path("made/net.h").chmod(0o400)
    code, _, err = run("export", net, "--out", "made", "--force")
    assert code == 2
    assert "net.h: the file is write-protected" in err


def test_the_command_says_what_is_proved(run: Run, net: Path) -> None:
    compiler("cc")
    code, out, _ = run("export", net, "--out", "made", "--json")
    assert code == 0
    assert json.loads(out)["proved"] is True
    assert json.loads(out)["proof"] == f"Compiled by cc {SENTENCE}"
    assert f"Compiled by cc {SENTENCE}\n" in run("export", net, "--out", "made", "--force")[1]


def test_without_a_compiler_the_files_are_written_and_it_is_said(
    no_compiler: None, wrong: None, run: Run, net: Path
) -> None:
    code, out, _ = run("export", net, "--out", "made")
    assert code == 0
    assert "It was not tried out. No C compiler was found; " in out
    assert Path("made/net.h").exists()
    code, out, _ = run("export", net, "--out", "made", "--force", "--json")
    assert (json.loads(out)["proved"], code) == (False, 0)


@pytest.mark.skipif(os.name == "nt", reason="POSIX programs")
@pytest.mark.parametrize(
    "text",
    [
        "exit 1",  # has no C library
        'while [ $# -gt 1 ]; do [ "$1" = -o ] && echo "exit 77" > "$2" && chmod +x "$2"; shift; done',
        'while [ $# -gt 1 ]; do [ "$1" = -o ] && echo "not for this computer" > "$2"; shift; done',
    ],
    ids=["fails", "no loader", "another computer"],
)
def test_a_compiler_that_makes_no_programs_proves_nothing(
    text: str, run: Run, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "cross-cc"
    fake.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setenv("CC", str(fake))
    code, out, err = run("export", net, "--out", "made")
    assert (code, err) == (0, "")
    assert "It was not tried out. cross-cc makes no programs that run on this computer" in out


def test_no_check_starts_nothing(run: Run, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.selftest.run_program", None)
    monkeypatch.setattr("engine.export.selftest.find_compiler", None)
    code, out, _ = run("export", net, "--out", "made", "--no-check", "--json")
    assert code == 0
    assert (json.loads(out)["proved"], json.loads(out)["proof"]) == (False, None)


def test_the_section_of_a_chip_is_no_obstacle(run: Run, net: Path) -> None:
    compiler("cc")
    out = run("export", net, "--out", "made", "--section", ".text", "--json")[1]
    assert json.loads(out)["proved"] is True


def test_a_format_without_c_names_its_own_proof() -> None:
    """It gets the files as they will be written, and decides; one that names none says so."""
    seen: list[Mapping[str, bytes]] = []

    def prove(model, files, options, cancel) -> Proof:  # type: ignore[no-untyped-def]
        seen.append(files)
        raise VerifyError("Its numbers are others.")

    def prepare(model, options, data) -> PreparedExport:  # type: ignore[no-untyped-def]
        return PreparedExport(options, lambda: {"net.txt": "text"})

    bare = Format("bare", "Bare", "one text", prepare)
    unproved = proof_of(bare, ExportOptions("net"))
    assert not unproved.passed
    assert "no way to try bare out" in unproved.words
    with pytest.raises(VerifyError, match="others"):
        proof_of(dataclasses.replace(bare, proof=prove), ExportOptions("net"))
    assert seen == [{"net.txt": b"text"}]


def test_a_proof_can_be_cancelled() -> None:
    compiler("cc")
    form = FORMATS["c-int8"]
    with pytest.raises(VerifyError, match="cancelled"):
        form.prove(MODEL, form.prepare(MODEL, OPTIONS), cancel=lambda: True)
