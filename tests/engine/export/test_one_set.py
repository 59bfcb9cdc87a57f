"""Files of different exports do not make a set: header, test vectors and self-test compile only together."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.export import ExportOptions, export_model
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.calibrate import calibrate
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import C99, CPP, STRICT, compiler

SPEC = ModelSpec((Flatten(), Dense(4), Dense(3)), (2, 3, 1))
MODEL = quantized(SPEC)
OPTIONS = ExportOptions("net", test_vectors=2)
NAMES = ("net.h", "net_test_vectors.h", "net_selftest.c")


def recalibrated(model: Model) -> Model:
    """Return `model` with the same parameters, but other int8 numbers."""
    images = (MODEL.params[:6] * 0 + 200).astype("uint8").reshape(1, *SPEC.input_shape)
    return model.replace(quantization=calibrate(model, images, "min-max"))


OTHERS: Mapping[str, tuple[Model, str, ExportOptions]] = {
    "another model": (quantized(SPEC, 1), "c-int8", OPTIONS),
    "other ranges": (recalibrated(MODEL), "c-int8", OPTIONS),
    "another format": (MODEL, "c-float32", OPTIONS),
    "learning": (MODEL, "c-float32", dataclasses.replace(OPTIONS, training=True)),
}


def preprocessed(files: Mapping[str, str], folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [compiler("gcc"), *C99, *STRICT, "-Wundef", *flags, "-c", "net_selftest.c", "-o", "test.o"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("other", OTHERS)
def test_every_mixture_of_two_exports_is_refused(other: str, tmp_path: Path) -> None:
    """Whatever was renamed before a kill, what is there is one export, the other, or does not compile."""
    sets = export_model(MODEL, "c-int8", OPTIONS), export_model(*OTHERS[other])
    assert sets[0]["net.h"] != sets[1]["net.h"]
    for chosen in itertools.product((0, 1), repeat=len(NAMES)):
        mixed = {name: sets[which][name] for name, which in zip(NAMES, chosen, strict=True)}
        done = preprocessed(mixed, tmp_path, "-E")
        if len(set(chosen)) == 1:
            assert done.returncode == 0, done.stderr
        else:
            assert done.returncode != 0, chosen
            assert "belongs to another net.h: export both together" in done.stderr


def test_a_header_of_an_earlier_version_of_this_program_is_refused(tmp_path: Path) -> None:
    files = dict(export_model(MODEL, "c-int8", OPTIONS))
    files["net.h"] = re.sub("#define NET_CODE_ID .*\n", "", files["net.h"])
    assert "belongs to another net.h" in preprocessed(files, tmp_path, "-E").stderr


@pytest.mark.parametrize("language", [C99, CPP], ids=["C", "C++"])
def test_a_set_compiles_without_a_warning_and_test_vectors_alone_do_too(
    language: tuple[str, ...], tmp_path: Path
) -> None:
    files = dict(export_model(MODEL, "c-float32", OPTIONS))
    if language is C99:
        assert preprocessed(files, tmp_path).stderr == ""
    files["net_selftest.c"] = '#include "net_test_vectors.h"\nint main(void) { return net_test_images[0]; }\n'
    command = [compiler("gcc"), *language, "-Wundef", "-Werror", "-fsyntax-only", "net_selftest.c"]
    (tmp_path / "net_selftest.c").write_text(files["net_selftest.c"], encoding="utf-8")
    (tmp_path / "net_test_vectors.h").write_text(files["net_test_vectors.h"], encoding="utf-8")
    subprocess.run(command, cwd=tmp_path, check=True)


def test_the_hash_of_the_model_would_not_do() -> None:
    """It does not tell the formats, nor what an export was asked for."""
    for other in ("another format", "learning"):
        model, *form = OTHERS[other]
        assert model.fingerprint == MODEL.fingerprint
        assert export_model(model, *form)["net.h"] != export_model(MODEL, "c-int8", OPTIONS)["net.h"]


def test_vectors_of_the_same_code_are_exchangeable() -> None:
    """The number is about the code: other test vectors, or a certificate in the comment, do not change it."""
    more = dataclasses.replace(OPTIONS, test_vectors=5)
    assert export_model(MODEL, "c-int8", OPTIONS)["net.h"] == export_model(MODEL, "c-int8", more)["net.h"]
