"""What every export format promises, tried on all that are registered and on every layer."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import engine.export.arena_plan
from engine.boards.boards import BOARDS
from engine.cost.estimate import estimate
from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport, prepare_export
from engine.export.output import is_safe_path
from engine.export.writers import c_header, c_int8
from engine.knobs import Knob, knobs_of
from engine.nn.layers import LAYERS, AvgPool2D, Conv2D, Dense, Flatten
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.conftest import Run
from tests.engine.export.int8_programs import quantized
from tests.engine.helpers import CASES, network_around

OPTIONS = ExportOptions("net", test_vectors=0)
KNOBS = {knob.name: knob for knob in knobs_of(ExportOptions)}
BOARD = "nano-33-ble"
LAYER_NETWORKS = {
    kind: [network_around(layer, shape, probe=False) for layer, shape in CASES if layer.kind == kind][:2]
    for kind in LAYERS
}
FORMS = pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))


def other_value(knob: Knob) -> object:
    """Return a value of `knob` that is not its default."""
    if knob.type is bool:
        return not knob.default
    if knob.choices:
        return next(choice for choice in knob.choices if choice != knob.default)
    return "other" if knob.type is str else int(knob.default) + 1


def is_one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and text[0].isupper()


def check_facts(form: Format, prepared: PreparedExport, model: Model) -> None:
    assert (prepared.facts is not None) == form.has_facts
    if prepared.facts is not None:
        assert prepared.facts.model.spec == model.spec
        assert 0 <= sum(w.weight_bytes for w in prepared.facts.workloads) <= prepared.facts.weight_bytes
        assert prepared.facts.arena_bytes > 0


@FORMS
@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_is_exported_or_refused_in_one_sentence(form: Format, kind: str) -> None:
    for spec in LAYER_NETWORKS[kind]:
        model = quantized(spec)
        prepared, refused = exported(form, model, OPTIONS)
        assert not refused or is_one_sentence(refused)
        if prepared is not None:
            assert prepared.files
            assert all(map(is_safe_path, prepared.files))
            assert all(isinstance(content, bytes) for content in prepared.files.values())
            check_facts(form, prepared, model)
            assert form.prepare(model, OPTIONS).files == prepared.files


def exported(form: Format, model: Model, options: ExportOptions) -> tuple[PreparedExport | None, str]:
    """Return the export, whose files are made, or why there is none."""
    try:
        prepared = form.prepare(model, options)
        assert prepared.files is not None
    except ExportError as error:
        return None, str(error)
    return prepared, ""


@cache
def expressible(form: Format) -> Model:
    """Return the first of some usual networks that the format can express."""
    presets = (PRESETS[name].build() for name in ("mlp-32-32", "lenet"))
    convolution = Conv2D(2, 5, activation="sigmoid", bias=False)
    plain = ModelSpec((convolution, AvgPool2D(2), Flatten(), Dense(10, "sigmoid")))
    models = (quantized(spec) for spec in (*presets, plain))
    return next(model for model in models if exported(form, model, OPTIONS)[0])


@FORMS
def test_some_usual_network_is_exported_with_its_usual_options(form: Format) -> None:
    assert exported(form, expressible(form), ExportOptions("net"))[0]


@FORMS
@pytest.mark.parametrize("name", [name for name in KNOBS if name != "name"])
def test_an_option_is_taken_or_refused_by_its_name(form: Format, name: str) -> None:
    options = dataclasses.replace(ExportOptions(), **{name: other_value(KNOBS[name])})
    _, refused = exported(form, quantized(PRESETS["mlp-32-32"].build()), options)
    assert (f'does not take the option "{KNOBS[name].label}"' in refused) == (name not in form.takes)
    assert not refused or is_one_sentence(refused)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.usage is c_header.usage])
def test_the_code_that_calls_a_header_compiles_with_it(name: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler is needed: cc")
    model, options = quantized(PRESETS["mlp-32-32"].build()), ExportOptions("net", test_vectors=1)
    for path, content in prepare_export(model, name, options).files.items():
        (tmp_path / path).write_bytes(content)
    head, _, code = c_header.usage(model, options).partition("\n\n")
    body = code.replace("uint8_t image", "static uint8_t image")
    main = f"{head}\nint main(void) {{\n{body}return answer[0] == 0 || best < 0;\n}}\n"
    (tmp_path / "main.c").write_text(main)
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True)


@FORMS
def test_a_format_takes_only_options_that_there_are(form: Format) -> None:
    assert form.takes <= KNOBS.keys()
    assert FORMATS[form.name] is form


@FORMS
def test_figures_are_known_before_training(form: Format) -> None:
    model = expressible(form)
    check_facts(form, form.prepare(model.replace(quantization=None), OPTIONS), model)


@FORMS
def test_the_command_line_writes_every_file(form: Format, run: Run, tmp_path: Path) -> None:
    model_file.save(expressible(form), tmp_path / "net.tinyml")
    code, out, err = run(
        "export", "net.tinyml", "--format", form.name, "--out", "made", "--no-check", "--json"
    )
    assert (code, err) == (0, "")
    options = ExportOptions(json.loads(out)["name"])
    files = form.prepare(model_file.load(tmp_path / "net.tinyml"), options).files
    assert {path: (Path("made") / path).read_bytes() for path in files} == files
    assert json.loads(out)["files"] == [str(Path("made") / path) for path in files]
    assert ("ram_bytes" in json.loads(out)) == form.has_facts


def test_formats_without_figures_are_left_out_where_boards_are_asked(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Format(
        "bare", "Bare", "one text", lambda model, options, data: PreparedExport(options, lambda: {"a/b": "c"})
    )
    monkeypatch.setitem(FORMATS, "bare", bare)
    code, out, _ = run("info", saved, "--board", BOARD, "--json")
    assert code == 0
    assert list(json.loads(out)["board"]) == [name for name, form in FORMATS.items() if form.has_facts]
    code, _, err = run("export", saved, "--format", "bare", "--board", BOARD, "--out", "made")
    assert code == 2
    assert "What bare takes on a board is not known; choose one of the formats c-float32" in err
    assert run("export", saved, "--format", "bare", "--out", "made")[0] == 0
    assert Path("made/a/b").read_bytes() == b"c"


def test_files_are_made_once_and_when_they_are_asked_for() -> None:
    made = []
    prepared = PreparedExport(OPTIONS, lambda: made.append(1) or {"a": "ü"})
    assert made == []
    assert prepared.files is prepared.files
    assert (made, prepared.files) == ([1], {"a": "ü".encode()})


@pytest.mark.parametrize(("variant", "tried"), [("fast", ["fast"]), ("auto", ["auto", "compact"])])
def test_an_export_for_a_board_plans_each_variant_once(
    variant: str, tried: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = quantized(PRESETS["tinyml-cnn"].build(10))
    model_file.save(model, tmp_path / "net.tinyml")
    largest = ExportOptions(variant=tried[-1])
    flash = int(estimate(model, "c-int8", BOARDS[BOARD], largest).flash.value) + 1
    monkeypatch.setitem(BOARDS, BOARD, dataclasses.replace(BOARDS[BOARD], flash_bytes=flash))
    plan, network = engine.export.arena_plan.plan, c_int8.integer_network
    plans, networks = [], []
    monkeypatch.setattr(engine.export.arena_plan, "plan", lambda *a: plans.append(a) or plan(*a))
    monkeypatch.setattr(c_int8, "integer_network", lambda *a: networks.append(a) or network(*a))
    words = ("--format", "c-int8", "--board", BOARD, "--variant", variant, "--out", "made", "--name", "net")
    assert run("export", "net.tinyml", *words)[0] == 0
    assert len(plans) == len(networks) == len(tried)
    options = ExportOptions("net", variant=tried[-1])
    files = prepare_export(model_file.load(tmp_path / "net.tinyml"), "c-int8", options).files
    assert {path: (Path("made") / path).read_bytes() for path in files} == files
