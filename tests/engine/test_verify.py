"""Verification compiles, runs, compares and names what differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from engine import compilers
from engine.compilers import find_compiler, run_program
from engine.errors import ExportError, MissingToolError, VerifyError
from engine.export import Vectors, make_vectors
from engine.layers import Conv2D, Dense, Flatten
from engine.specs import ModelSpec
from engine.verify import compare, verify_host
from tests.engine.export.programs import compiler, random_model

SPEC = ModelSpec((Conv2D(3, 3), Flatten(), Dense(3)), (5, 5, 1))
MODEL = random_model(SPEC, 1, ("a", "b", "c")).replace(name='"; /* 数字 */ #error\n')
VECTORS = make_vectors(MODEL, 6)
BEST = VECTORS.outputs.argmax(axis=1).astype(np.int32)


def with_outputs(outputs: np.ndarray, best: np.ndarray = BEST) -> object:
    return compare(MODEL, VECTORS, best, VECTORS.probabilities, outputs.astype(np.float32))


def test_exported_code_agrees_whatever_the_models_name() -> None:
    stages = []
    result = verify_host(
        MODEL, VECTORS, compiler("gcc"), progress=lambda what, share: stages.append((what, share))
    )
    assert result.passed, result.fault
    assert (result.vectors, result.mismatches, result.class_mismatches) == (6, 0, 0)
    assert result.worst_error < 1e-5
    assert "gcc" in result.compiler
    assert "-Werror" in result.flags
    assert "agrees with the engine on all 6 inputs" in result.summary()
    assert [share for _, share in stages] == sorted(share for _, share in stages)
    assert stages[-1][1] == 1.0


def test_a_difference_is_counted_and_named() -> None:
    outputs = VECTORS.outputs.copy()
    outputs[2, 1] += 1
    outputs[4] = np.nan
    result = with_outputs(outputs)
    assert (result.passed, result.mismatches, result.class_mismatches) == (False, 2, 0)
    assert "differs on 2 of 6 inputs, first on input 3" in result.summary()
    assert result.worst_error == np.inf


def test_another_class_is_a_mismatch_unless_it_is_a_tie() -> None:
    other = BEST.copy()
    other[0] = VECTORS.outputs[0].argmin()
    other[1] = 77
    result = with_outputs(VECTORS.outputs, other)
    assert (result.class_mismatches, result.mismatches) == (2, 2)
    assert f"class {MODEL.classes[other[0]]} where the engine says {MODEL.classes[BEST[0]]}" in result.fault
    level = Vectors(VECTORS.images[:1], np.ones((1, 3), np.float32), np.full((1, 3), 1 / 3, np.float32), "x")
    tie = compare(MODEL, level, np.array([2], np.int32), level.probabilities, level.outputs)
    assert tie.passed


def test_wrong_probabilities_are_a_mismatch() -> None:
    result = compare(MODEL, VECTORS, BEST, VECTORS.probabilities + np.float32(0.01), VECTORS.outputs)
    assert (result.passed, result.mismatches) == (False, 6)


def test_a_wrong_reference_is_found_by_a_real_run() -> None:
    wrong = dataclasses.replace(VECTORS, outputs=VECTORS.outputs + np.float32(1))
    assert not verify_host(MODEL, wrong, compiler("gcc")).passed


def test_no_vectors_are_refused() -> None:
    with pytest.raises(ExportError, match="no test vectors"):
        verify_host(MODEL, make_vectors(MODEL, 0))


def test_cancelling_ends_it() -> None:
    with pytest.raises(VerifyError, match="cancelled"):
        run_program(["sleep", "60"], cancel=lambda: True)


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int main(void) { return nonsense; }\n", encoding="utf-8")
    with pytest.raises(VerifyError, match=r"does not compile the exported code: .*nonsense"):
        find_compiler(compiler("gcc")).compile([str(source), "-o", str(tmp_path / "x")])


def test_a_program_that_is_no_compiler_is_one_sentence() -> None:
    with pytest.raises(VerifyError):
        verify_host(MODEL, VECTORS, "false")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A computer without compilers."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compilers.importlib.util, "find_spec", lambda name: None)
    return monkeypatch


@pytest.mark.parametrize(
    ("platform", "advice"), [("linux", "apt install gcc"), ("darwin", "xcode-select"), ("win32", "MinGW")]
)
def test_without_a_compiler_it_says_which_to_install(
    platform: str, advice: str, bare: pytest.MonkeyPatch
) -> None:
    bare.setattr(compilers.sys, "platform", platform)
    with pytest.raises(MissingToolError, match=advice) as caught:
        verify_host(MODEL, VECTORS)
    assert "ziglang" in str(caught.value)


def test_a_compiler_that_was_asked_for_must_exist(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CC", "no-such-compiler -m32")
    with pytest.raises(MissingToolError, match="'no-such-compiler -m32' is not installed"):
        find_compiler()


def test_the_environment_names_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{compiler('gcc')} -g0")
    assert find_compiler().command == ("gcc", "-g0")
    assert find_compiler(compiler("clang")).command == ("clang",)


def test_zig_serves_where_nothing_else_is(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(compilers.importlib.util, "find_spec", lambda name: object())
    found = find_compiler()
    assert found.command[1:4] == ("-m", "ziglang", "cc")
    assert "ZIG_GLOBAL_CACHE_DIR" in found.environment
