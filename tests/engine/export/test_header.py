"""The header as a user meets it: its contract, its self-test, two of them in one program."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.export import ExportOptions, export_model, kernel_files, make_vectors, write_files
from engine.export.kernel_files import parameters
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.record import UNTRAINED, Metrics, TrainingRecord
from tests.engine.export.programs import C99, STRICT, build, compiler, random_model

SPEC = ModelSpec((Conv2D(4, 3), MaxPool2D(2), Flatten(), Dense(3)), (6, 8, 2))
CLASSES = ("a", 'quote " \\ ??/', "ä♥")
MODEL = random_model(SPEC, 1, CLASSES).replace(
    name="*/ evil ??/ \n\u202e name",
    record=TrainingRecord(metrics=Metrics(accuracy=0.9876, images=10, data="MNIST")),
)
FILES = export_model(MODEL, "c-float32", ExportOptions("net", test_vectors=4))
HEADER = FILES["net.h"]
KERNELS = sorted(Path(kernel_files.__file__).with_name("kernels").glob("*.c"))


def run(program: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program], capture_output=True, check=False)


def selftest(folder: Path, *flags: str) -> subprocess.CompletedProcess[bytes]:
    build([compiler("gcc"), *C99, *STRICT, *flags], [folder / "net_selftest.c"], folder / "test")
    return run(folder / "test")


def test_the_files_of_an_export() -> None:
    assert list(FILES) == ["net.h", "net_test_vectors.h", "net_selftest.c"]
    assert list(export_model(MODEL, "c-float32", ExportOptions("net", test_vectors=0))) == ["net.h"]


def test_macros_state_the_contract() -> None:
    macros = dict(re.findall(r"^#define NET_(\w+) (\S+)", HEADER, re.MULTILINE))
    expected = {
        "INPUT_WIDTH": "8",
        "INPUT_HEIGHT": "6",
        "INPUT_CHANNELS": "2",
        "INPUT_SIZE": "96",
        "CLASS_COUNT": "3",
        "PARAMETER_COUNT": str(SPEC.parameters),
        "MACS": str(SPEC.macs),
        "ARENA_BYTES": str(4 * (3 * 4 * 4 + 4 * 10 * 2)),  # the pooled map, and lines with zeros around
        "MODEL_HASH": f'"{MODEL.fingerprint}"',
    }
    assert expected.items() <= macros.items()


def test_the_header_needs_nothing_but_stdint() -> None:
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    assert re.findall(r"#include (\S+)", code) == ["<stdint.h>", "<avr/pgmspace.h>"]
    assert "#if defined(__AVR__)\n#include <avr/pgmspace.h>" in code
    assert not re.search(r"\b(malloc|printf|expf|tanhf|memcpy|tm_\w+|TM_\w+)\b", code)


def test_the_head_comment_states_what_is_known() -> None:
    head = HEADER[: HEADER.index("*/")]
    for fact in (MODEL.fingerprint, "98.76 % of 10 test images of MNIST", "#define NET_IMPLEMENTATION"):
        assert fact in head
    assert HEADER.isascii()


def test_an_untrained_model_says_so() -> None:
    files = export_model(MODEL.replace(record=UNTRAINED), "c-float32", ExportOptions("net"))
    assert "Accuracy: not measured" in files["net.h"]


def test_the_same_model_gives_the_same_text() -> None:
    assert export_model(MODEL, "c-float32", ExportOptions("net", test_vectors=4)) == FILES


def test_the_selftest_passes_in_silence(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    result = selftest(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert b"0 of 4 test vectors differ" in selftest(tmp_path, "-DNET_SELFTEST_PRINT").stdout


def test_the_selftest_counts_what_differs(tmp_path: Path) -> None:
    changed = re.sub(r"(net_stage_2_weight\[\d+\] = \{\s+)", r"\g<1>1.0f + ", HEADER)
    assert changed != HEADER
    write_files(tmp_path, {**FILES, "net.h": changed})
    assert selftest(tmp_path).returncode == 4


MAIN = """
#include "net.h"
#include "net.h"
#include "other.h"
#include <string.h>
const char *net_other(void);
int main(void)
{
    static uint8_t image[NET_INPUT_SIZE];
    float scores[OTHER_CLASS_COUNT];
    int best = net_predict(image, 0) + other_predict(image, scores);
    return best < 0 || strcmp(net_class_names[2], "\\303\\244\\342\\231\\245")
        || strcmp(net_other(), "quote \\" \\\\ ?\\?/");
}
"""
FIRST = """
#include "net.h"
#define NET_IMPLEMENTATION
#include "net.h"
const char *net_other(void);
const char *net_other(void) { return net_class_names[1]; }
"""
SECOND = '#define OTHER_IMPLEMENTATION\n#include "other.h"\n'


@pytest.mark.parametrize("flags", [C99, ("-x", "c++", "-std=c++17")], ids=["c", "c++"])
def test_two_models_live_in_one_program_of_several_files(flags: tuple[str, ...], tmp_path: Path) -> None:
    other = random_model(ModelSpec((Flatten(), Dense(5, "sigmoid")), (6, 8, 2)), 2)
    write_files(tmp_path, {**FILES, **export_model(other, "c-float32", ExportOptions("other"))})
    sources = []
    for name, text in (("main", MAIN), ("first", FIRST), ("second", SECOND)):
        sources.append(tmp_path / f"{name}.c")
        sources[-1].write_text(text, encoding="utf-8")
    program = compiler("gcc" if flags is C99 else "g++")
    build([program, *flags, *STRICT, "-O1"], sources, tmp_path / "program")
    assert run(tmp_path / "program").returncode == 0


def test_vectors_come_from_a_data_set_when_there_is_one() -> None:
    images = np.arange(20 * 96, dtype=np.uint8).reshape(20, 6, 8, 2)
    data = Dataset("mine", images, np.zeros(20, np.uint8), CLASSES)
    vectors = make_vectors(MODEL, 3, data)
    np.testing.assert_array_equal(vectors.images, images[[0, 9, 19]])
    files = export_model(MODEL, "c-float32", ExportOptions("net", test_vectors=3), data)
    assert "3 inputs (images of mine)" in files["net_test_vectors.h"]
    assert len(make_vectors(MODEL, 50, data)) == 20


def test_images_of_another_size_are_refused() -> None:
    data = Dataset("mine", np.zeros((2, 5, 5, 1), np.uint8), np.zeros(2, np.uint8), CLASSES)
    with pytest.raises(ExportError, match="mine are 5×5×1 but the network reads 6×8×2"):
        make_vectors(MODEL, 2, data)


def test_numbers_without_a_literal_are_refused() -> None:
    params = MODEL.params.copy()
    params[0] = np.inf
    with pytest.raises(ExportError, match="net_stage_1_weight are finite"):
        export_model(MODEL.replace(params=params), "c-float32", ExportOptions("net", test_vectors=0))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ExportError, match="no format 'cobol'; choose one of: c-float32"):
        export_model(MODEL, "cobol", ExportOptions("net"))


def test_kernels_are_called_by_their_parameters_names() -> None:
    assert parameters("dense") == ("x", "y", "bytes", "in_size", "out_size", "block", "weight", "function")


def test_a_model_without_weights_is_expressed() -> None:
    model = Model(ModelSpec((Flatten(),), (1, 2, 3)), np.empty(0, np.float32), tuple("abcdef"))
    assert "net_gather" in export_model(model, "c-float32", ExportOptions("net"))["net.h"]


@pytest.mark.parametrize("source", KERNELS, ids=lambda path: path.name)
def test_each_kernel_file_stands_alone_in_an_editor(source: Path) -> None:
    command = [compiler("gcc"), *C99, "-Wall", "-Wextra", "-Wno-unused", "-fsyntax-only", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
