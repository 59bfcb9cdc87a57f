"""Verification compiles, runs, compares, counts and names what differs."""

from __future__ import annotations

import dataclasses
import shutil
import signal
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from engine.boards import compilers
from engine.boards.compilers import find_compiler, find_cross_compiler
from engine.boards.targets import TARGETS, find_target
from engine.errors import ExportError, FitError, MissingToolError, VerifyError
from engine.export import ExportOptions, Vectors, make_vectors
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.terminal.progress import asking_for_interrupts
from engine.terminal.signals import ending_signals
from engine.verify import session as verification
from engine.verify.differences import AnswerDifferences, compare_answers
from engine.verify.firmware import Image
from engine.verify.reference import REFERENCES, Answers, FloatReference, IntegerReference
from engine.verify.session import OPTIMIZATIONS, Setup, verify
from tests.engine.export.programs import compiler
from tests.engine.verify.emulation import EMULATED, SPEC, need, tiny_model

MODEL = tiny_model()
VECTORS = make_vectors(MODEL, 6)
BEST = VECTORS.outputs.argmax(axis=1).astype(np.int32)
FORMATS = tuple(REFERENCES)


def test_int8_that_learns_is_refused_before_anything_is_compiled() -> None:
    setup = Setup(options=ExportOptions(training=True, train_layers=1))
    with pytest.raises(VerifyError, match="switch training off"):
        verify(MODEL, "c-int8", ("host",), VECTORS, setup)


def test_code_without_functions_of_stages_has_no_figures_of_layers() -> None:
    need("cortex-m4")
    setup = Setup(options=ExportOptions(training=True), counted=1)
    (result,) = verify(MODEL, "c-float32", ("cortex-m4",), VECTORS, setup).results
    assert result.passed, result.fault
    assert [(figures.mean > 0, figures.layers) for figures in result.figures] == [(True, ())] * 2


def test_a_function_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(VerifyError, match="no function run_int8;"):
        Image((), (), (), 0, 0, 0).address("run_int8")


def with_outputs(outputs: np.ndarray, best: np.ndarray = BEST) -> AnswerDifferences:
    answers = Answers(best, VECTORS.probabilities, outputs.astype(np.float32))
    return compare_answers(FloatReference(MODEL, VECTORS), answers)


def on_host(model: Model, vectors: Vectors, wanted: str | None = "gcc", name: str = "c-float32") -> str:
    return verify(model, name, ("host",), vectors, Setup(wanted)).fault


def test_a_difference_is_counted_and_named() -> None:
    outputs = VECTORS.outputs.copy()
    outputs[2, 1] += 1
    outputs[4] = np.nan
    found = with_outputs(outputs)
    assert (found.mismatches, found.class_mismatches, found.first) == (2, 0, 2)
    assert "differs on 2 of 6 inputs on a chip, first on input 3" in found.sentence(6, "a chip")
    assert found.worst_error == np.inf
    assert not with_outputs(VECTORS.outputs).sentence(6)


def test_another_class_is_a_mismatch_unless_it_is_a_tie() -> None:
    other = BEST.copy()
    other[0] = VECTORS.outputs[0].argmin()
    other[1] = 77
    found = with_outputs(VECTORS.outputs, other)
    assert (found.class_mismatches, found.mismatches) == (2, 2)
    assert f"class {MODEL.classes[other[0]]} where the engine says {MODEL.classes[BEST[0]]}" in found.detail
    level = Vectors(VECTORS.images[:1], np.ones((1, 3), np.float32), np.full((1, 3), 1 / 3, np.float32), "x")
    answers = Answers(np.array([2], np.int32), level.probabilities, level.outputs)
    assert compare_answers(FloatReference(MODEL, level), answers).first is None


@pytest.mark.parametrize("name", FORMATS)
def test_wrong_probabilities_are_a_mismatch(name: str) -> None:
    reference = REFERENCES[name](MODEL, VECTORS)
    best = reference.outputs.argmax(axis=1).astype(np.int32)
    right = Answers(best, reference.probabilities, reference.outputs)
    assert compare_answers(reference, right).first is None
    wrong = dataclasses.replace(right, scores=reference.probabilities + np.float32(0.01))
    assert compare_answers(reference, wrong).mismatches == 6


def test_int8_must_be_equal_to_the_bit() -> None:
    reference = IntegerReference(MODEL, VECTORS)
    outputs = reference.outputs.copy()
    outputs[5, 0] += 1 if outputs[5, 0] < 0 else -1
    best = reference.outputs.argmax(axis=1).astype(np.int32)
    found = compare_answers(reference, Answers(best, reference.probabilities, outputs))
    assert (found.mismatches, found.first, found.worst_error) == (1, 5, 1.0)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("target", TARGETS)
def test_each_format_agrees_on_each_target(target: str, name: str) -> None:
    need(target)
    if target == "host":
        compiler("cc")
    told = []
    setup = Setup(counted=2)
    found = verify(MODEL, name, (target,), VECTORS, setup, lambda what, share: told.append(share))
    assert found.passed, found.fault
    (result,) = found.results
    assert (result.vectors, result.mismatches, result.class_mismatches) == (6, 0, 0)
    assert "-Werror" in result.flags
    assert result.compiler
    assert TARGETS[target].title in found.summary()
    assert told == sorted(told)
    assert told[-1] == 1.0
    if target != "host":
        check_figures(result.figures, REFERENCES[name].run)


def check_figures(figures: tuple, run: str) -> None:
    assert [f.function for f in figures] == [run, "predict"]
    for f in figures:
        assert 0 < f.code_bytes < 20_000
        assert f.constant_bytes > 100  # the weights, with all that the linker keeps beside them
        assert 0 < f.static_bytes < 3_000
        assert 8 <= f.stack_bytes < 1_000
        assert 0 < f.least <= f.mean <= f.most < 3_000_000
        if f.layers:
            assert sum(layer.count for layer in f.layers) == pytest.approx(f.mean)
            assert all(layer.count > 0 for layer in f.layers)
            read = [i for layer in f.layers for i in layer.layers]
            assert read == [0, 1, 2, 3, 4, 6, 7]  # flattening only leaves its order behind


@pytest.mark.parametrize(("optimization", "name"), [*zip(OPTIMIZATIONS, cycle(FORMATS))])
def test_stages_are_found_at_any_optimization(optimization: str, name: str) -> None:
    need("cortex-m0plus", "arm-none-eabi-gcc")
    setup = Setup("arm-none-eabi-gcc", optimization, counted=1)
    found = verify(MODEL, name, ("cortex-m0plus",), VECTORS, setup)
    assert found.passed, found.fault
    assert found.results[0].network is not None
    assert all(layer.count > 20 for layer in found.results[0].network.layers[:-1])


def test_both_compilers_count_the_same_inputs_differently() -> None:
    for name in ("zig", "arm-none-eabi-gcc"):
        need("cortex-m4", name)
    counts = {}
    for name in ("zig", "arm-none-eabi-gcc"):
        (result,) = verify(MODEL, "c-int8", ("cortex-m4",), VECTORS, Setup(name)).results
        assert name.partition("-")[0] in result.compiler
        assert result.network is not None
        counts[name] = result.network.mean
    assert counts["zig"] != counts["arm-none-eabi-gcc"]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Exports in which all numbers of each array that is named here have changed."""
    arrays: list[str] = []
    true = verification.export_model

    def changed(*arguments: object) -> dict[str, str]:
        files = dict(true(*arguments))
        for array in arrays:
            files["verified.h"] = with_fault(files["verified.h"], array)
        return files

    monkeypatch.setattr(verification, "export_model", changed)
    return arrays


def with_fault(text: str, array: str) -> str:
    head, start, rest = text.partition(f" {array}[")
    assert start, array
    length, brace, body = rest.partition("{\n")
    numbers, end, others = body.partition("}")
    changed = [f"{float(n.strip()[:-1]) + 1}f" if "f" in n else str(int(n) ^ 4) for n in numbers.split(",")]
    return head + start + length + brace + ",".join(changed) + end + others


@pytest.mark.parametrize(
    ("stage", "title", "name"),
    [
        (1, "1 Convolution", "c-float32"),
        (2, "4 Convolution", "c-int8"),
        (4, "7 Dense", "c-float32"),
        (5, "8 Dense", "c-int8"),
    ],
)
def test_a_planted_fault_is_found_and_its_layer_named(
    stage: int, title: str, name: str, planted: list[str]
) -> None:
    compiler("cc")
    planted.append(f"verified_stage_{stage}_weight")
    fault = on_host(MODEL, VECTORS, None, name)
    assert "differs on " in fault
    assert f"first in layer {title}" in fault


@pytest.mark.parametrize(
    ("target", "name"),
    [("cortex-m3", "c-float32"), ("rv32imc", "c-int8"), ("avr", "c-float32"), ("avr", "c-int8")],
)
def test_emulated_targets_name_the_layer_too(target: str, name: str, planted: list[str]) -> None:
    need(target)
    planted.append("verified_stage_2_weight")
    found = verify(MODEL, name, (target,), VECTORS)
    assert not found.passed
    assert f"inputs on {TARGETS[target].title}, first on input" in found.fault
    assert "first in layer 4 Convolution" in found.fault


def test_a_wrong_reference_is_found_by_a_real_run() -> None:
    wrong = dataclasses.replace(VECTORS, outputs=VECTORS.outputs + np.float32(1))
    assert on_host(MODEL, wrong, compiler("gcc"))


def test_no_vectors_are_refused() -> None:
    with pytest.raises(ExportError, match="no test vectors"):
        on_host(MODEL, make_vectors(MODEL, 0))


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(VerifyError, match=r"no target 'moon'.*cortex-m4"):
        find_target("moon")
    with pytest.raises(VerifyError, match="Exports as genann cannot be run here"):
        verify(MODEL, "genann", ("host",), VECTORS)
    with pytest.raises(MissingToolError, match=r"does not compile for Cortex-M4; choose one of: zig"):
        verify(MODEL, "c-float32", ("cortex-m4",), VECTORS, Setup("avr-gcc"))
    with pytest.raises(MissingToolError, match="avr-gcc does not compile for this computer"):
        verify(MODEL, "c-float32", ("host",), VECTORS, Setup("avr-gcc"))


@pytest.mark.parametrize(
    ("target", "units", "said"), [("avr", 3, "AVR takes 32767 in one array"), ("avr-uno", 2, "fit in region")]
)
def test_a_network_beyond_a_chip_is_one_sentence_or_skipped(target: str, units: int, said: str) -> None:
    need(target)
    model = tiny_model(ModelSpec((Flatten(), Dense(units)), (120, 100, 1)))
    vectors = make_vectors(model, 1)
    with pytest.raises(FitError, match=said):
        verify(model, "c-int8", (target,), vectors)
    found = verify(model, "c-int8", (target,), vectors, Setup(skip_missing=True))
    assert "does not fit" in found.skipped[0].reason
    assert not found.passed


@pytest.mark.parametrize("target", ["host", *EMULATED[:1], "rv32imc", "avr"])
def test_cancelling_ends_it(target: str) -> None:
    need(target)
    if target == "host":
        compiler("cc")
    asked = []
    with pytest.raises(VerifyError, match="cancelled"):
        verify(MODEL, "c-int8", (target,), VECTORS, cancel=lambda: bool(asked.append(0)) or len(asked) > 1)


@pytest.mark.parametrize("number", ending_signals())
def test_whether_one_is_told_to_end_can_be_asked(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with asking_for_interrupts() as pressed:
        assert not pressed()
        signal.raise_signal(number)
        assert pressed()
    assert signal.getsignal(number) is before


def test_a_compiler_that_fails_is_quoted(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int main(void) { return nonsense; }\n", encoding="utf-8")
    with pytest.raises(VerifyError, match=r"does not compile the exported code: .*nonsense"):
        find_compiler(compiler("gcc")).compile([str(source), "-o", str(tmp_path / "x")])


def test_a_program_that_is_no_compiler_is_one_sentence() -> None:
    with pytest.raises(VerifyError):
        on_host(MODEL, VECTORS, "false")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A computer without compilers."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compilers, "_packaged_zig", lambda: None)
    return monkeypatch


@pytest.mark.parametrize(
    ("platform", "advice"), [("linux", "apt install gcc"), ("darwin", "xcode-select"), ("win32", "MinGW")]
)
def test_without_a_compiler_it_says_which_to_install(
    platform: str, advice: str, bare: pytest.MonkeyPatch
) -> None:
    bare.setattr(compilers.sys, "platform", platform)
    with pytest.raises(MissingToolError, match=advice) as caught:
        on_host(MODEL, VECTORS, None)
    assert "ziglang" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "advice"),
    [("cortex-m4", r"pip install 'tinyml-studio\[verify\]'"), ("avr", "apt install gcc-avr avr-libc simavr")],
)
def test_without_a_cross_compiler_it_says_how_to_get_one(
    target: str, advice: str, bare: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingToolError, match=advice):
        verify(MODEL, "c-int8", (target,), VECTORS)


def test_missing_targets_can_be_skipped(bare: pytest.MonkeyPatch) -> None:
    found = verify(MODEL, "c-int8", tuple(TARGETS), VECTORS, Setup(skip_missing=True))
    assert [skipped.target for skipped in found.skipped] == list(TARGETS)
    assert not found.passed
    assert "nothing" in found.summary().lower()


def test_a_compiler_that_was_asked_for_must_exist(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CC", "no-such-compiler -m32")
    with pytest.raises(MissingToolError, match="'no-such-compiler -m32' is not installed"):
        find_compiler()


def test_the_environment_names_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", f"{compiler('gcc')} -g0")
    assert find_compiler().command == (shutil.which("gcc"), "-g0")
    assert find_compiler(compiler("clang")).command == (shutil.which("clang"),)


def test_zig_serves_where_nothing_else_is(bare: pytest.MonkeyPatch) -> None:
    bare.setattr(compilers, "_packaged_zig", lambda: "/packages/ziglang/zig")
    for found in (find_compiler(), find_compiler("zig"), find_cross_compiler(["other", "zig"])[1]):
        assert found.command[:2] == ("/packages/ziglang/zig", "cc")
        assert "ZIG_GLOBAL_CACHE_DIR" in found.environment
    bare.setattr(compilers, "_packaged_zig", lambda: None)
    bare.setattr(compilers, "find_program", lambda name: f"/bin/{name}" if name == "zig" else None)
    assert find_compiler().command[:2] == ("/bin/zig", "cc")


@pytest.mark.parametrize("name", FORMATS)
def test_a_reference_knows_what_each_stage_gives(name: str) -> None:
    reference = REFERENCES[name](MODEL, VECTORS)
    values = reference.stage_values(2)
    assert len(values) == len(reference.stages) == len(reference.titles())
    assert values[-1] is not None
    assert reference.agrees(values[-1], reference.outputs[2])
    assert [len(v) for v in values if v is not None] == [
        int(np.prod(s.call.out_shape)) for s, v in zip(reference.stages, values, strict=True) if v is not None
    ]


def test_options_reach_the_export() -> None:
    compiler("cc")
    setup = Setup(options=ExportOptions("anything", variant="small"))
    found = verify(MODEL, "c-int8", ("host",), VECTORS, setup)
    assert found.passed
    assert found.options["variant"] == "small"
    assert found.model_hash == MODEL.fingerprint
    assert MODEL.spec is SPEC
