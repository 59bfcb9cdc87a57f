from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from engine.boards.targets import TARGETS
from engine.data import Dataset
from engine.errors import MissingToolError
from engine.export import FORMATS, ExportOptions, Format, PreparedExport
from engine.nn.model import Model
from engine.quantize.network import IntegerPredictor
from engine.record import TrainingRecord
from engine.verify.certificate import Certificate
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import change_layer, remove_layer
from tinyml_gui.look.question import Answer
from tinyml_gui.panels.deploy import panel as panel_module
from tinyml_gui.panels.deploy.panel import DeployPanel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot, controller: Controller, tmp_path: Path) -> DeployPanel:
    made = DeployPanel(controller)
    qtbot.addWidget(made)
    made.resize(720, 660)
    made.show()
    made.options.folder_edit.setText(str(tmp_path / "c"))
    qtbot.waitUntil(
        lambda: controller.model.quantization is not None and not controller.quantization.is_running
    )
    return made


@pytest.fixture(autouse=True)
def unproved(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports find no compiler, which takes time, where a test is about something else."""
    if "proving" not in request.fixturenames:
        monkeypatch.setattr("engine.export.selftest.find_compiler", missing_compiler)


def missing_compiler(*_: object) -> None:
    raise MissingToolError("No C compiler was found; install gcc.")


@pytest.fixture
def proving() -> None:
    """Let exports prove themselves."""
    if shutil.which("cc") is None:
        pytest.skip("a C compiler is needed: cc")


def export(panel: DeployPanel, controller: Controller, qtbot: QtBot) -> None:
    qtbot.mouseClick(panel.options.export_button, LEFT)
    qtbot.waitUntil(lambda: not controller.deployment.is_busy)


def listed(panel: DeployPanel) -> set[str]:
    return {w.text() for w in panel.result.findChildren(QLabel)}


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.has_facts])
def test_export_writes_the_files_that_it_lists(
    name: str, panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    panel.target.format_picker.choose(name)
    export(panel, controller, qtbot)
    written = {path.name for path in (tmp_path / "c").iterdir()}
    assert written
    assert written <= listed(panel)
    assert "spots_predict" in panel.result.snippet.toPlainText()
    qtbot.mouseClick(panel.result.copy_button, LEFT)
    assert QGuiApplication.clipboard().text() == panel.result.snippet.toPlainText()
    assert panel.result.snippet.verticalScrollBar().maximum() == 0


def test_an_export_says_what_proves_it(
    proving: None, panel: DeployPanel, controller: Controller, qtbot: QtBot
) -> None:
    export(panel, controller, qtbot)
    assert panel.result.proof.text().endswith("the self-test gives the engine's answers.")
    assert panel.result.proof.isVisible()


def test_an_export_that_could_not_be_proved_says_why(
    panel: DeployPanel, controller: Controller, qtbot: QtBot
) -> None:
    export(panel, controller, qtbot)
    said = "It was not tried out. No C compiler was found; install gcc."
    assert panel.result.proof.text() == said


def test_code_with_other_answers_is_not_written(
    proving: None,
    panel: DeployPanel,
    controller: Controller,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other(IntegerPredictor):
        def run(self, images: Any) -> Any:
            return super().run(images) ^ 1

    monkeypatch.setattr("engine.export.writers.c_int8.IntegerPredictor", Other)
    panel.target.format_picker.choose("c-int8")
    export(panel, controller, qtbot)
    assert "differs from the engine on" in panel.banner.text
    assert panel.banner.property("state") == "error"
    assert not panel.result.isVisible()
    assert not (tmp_path / "c").exists()


@pytest.fixture
def numbers_format(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A format that is no C, in a folder of its own, with a text about it; it takes none of the options."""

    def prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
        text = {f"{options.name}/about.txt": model.name}
        return PreparedExport(options, lambda: {f"{options.name}/{options.name}.bin": b"1234", **text})

    made = Format("numbers", "Numbers", "all parameters as they are", prepare)
    monkeypatch.setitem(FORMATS, made.name, made)
    return made


def visible_options(panel: DeployPanel) -> set[str]:
    return {name for name, field in panel.options.form.fields.items() if not field.isHidden()}


def test_a_format_that_is_no_c_shows_nothing_of_c(
    numbers_format: Format, panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    options, result = panel.options, panel.result
    assert visible_options(panel) == set(options.form.fields)
    options.form.fields["test_vectors"].editor.setValue(3)
    options.form.fields["section"].show_error("No such section.")
    panel.target.format_picker.choose("numbers")
    assert visible_options(panel) == {"name"}
    assert controller.deployment.options.test_vectors == 10  # not an option of this format
    assert not options.form.error_label.isVisible()
    assert not options.form.more_button.isVisible()
    assert not options.both_button.isEnabled()
    assert "cannot be verified" in options.verify_button.toolTip()
    assert options.export_button.property("role") == "primary"
    export(panel, controller, qtbot)
    assert (tmp_path / "c" / "spots" / "spots.bin").read_bytes() == b"1234"
    assert {"spots/spots.bin", "spots/about.txt"} <= listed(panel)
    assert result.isVisible()
    assert not result.usage.isVisible()
    panel.target.format_picker.choose("c-float32")
    assert visible_options(panel) == set(options.form.fields)
    assert controller.deployment.options.test_vectors == 3
    assert options.form.more_button.isVisible()
    assert options.verify_button.isEnabled()
    options.form.fields["section"].show_error("")
    export(panel, controller, qtbot)
    assert result.usage.isVisible()


def test_the_folder_may_be_given_as_the_path_of_the_header(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    panel.options.folder_edit.setText(str(tmp_path / "spots.h"))
    export(panel, controller, qtbot)
    assert (tmp_path / "spots.h").is_file()
    assert {"spots.h", "spots_selftest.c"} <= listed(panel)


def test_a_name_that_c_refuses_is_marked_and_nothing_is_written(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    edit = panel.options.form.findChild(QLineEdit, "name")
    edit.selectAll()
    qtbot.keyClicks(edit, "9 lives")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert "identifier" in panel.options.form.error_label.text()
    export(panel, controller, qtbot)
    assert not (tmp_path / "c").exists()
    edit.selectAll()
    qtbot.keyClicks(edit, "lives")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert not panel.options.form.error_label.isVisible()
    export(panel, controller, qtbot)
    assert (tmp_path / "c" / "lives.h").is_file()


@pytest.mark.parametrize(("answer", "replaced"), [("No", False), ("Yes", True)])
def test_files_are_replaced_only_when_the_user_says_so(
    answer: str,
    replaced: bool,
    panel: DeployPanel,
    controller: Controller,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(parent: object, title: str, text: str, answers: Answer, default: Answer) -> Answer:
        asked.append(text)
        return Answer[answer]

    monkeypatch.setattr(panel_module, "ask", ask)
    old = tmp_path / "c" / "spots.h"
    old.parent.mkdir()
    old.write_text("mine")
    export(panel, controller, qtbot)
    assert "spots.h exists already" in asked[0]
    assert (old.read_text() != "mine") is replaced


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_gives_one_sentence(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    tmp_path.chmod(0o500)
    export(panel, controller, qtbot)
    assert "permission" in panel.banner.text


def test_a_file_where_the_folder_should_be_gives_one_sentence(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "c").write_text("a file")
    export(panel, controller, qtbot)
    assert panel.banner.property("state") == "error"
    assert str(tmp_path / "c") in panel.banner.text
    assert not panel.result.isVisible()


def test_a_network_with_a_fault_cannot_be_exported(panel: DeployPanel, controller: Controller) -> None:
    controller.edit(remove_layer(controller.model.spec, 0))
    assert not panel.options.export_button.isEnabled()
    assert "Model page" in panel.options.export_button.toolTip()
    controller.undo()
    assert panel.options.export_button.isEnabled()


def test_a_network_that_is_not_trained_is_exported_with_a_warning(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    qtbot.waitUntil(lambda: panel.target.verdict.text().startswith("Fits"))
    assert panel.target.verdict.property("role") == panel.accuracy.words.property("role") == "warning"
    export(panel, controller, qtbot)
    assert (tmp_path / "c" / "spots.h").is_file()
    assert panel.banner.isVisible()
    assert "not trained" in panel.banner.text
    assert panel.banner.property("state") == "warning"
    controller.state.replace_model(controller.model.replace(record=TrainingRecord(data="starter")))
    assert not panel.banner.isVisible()


def test_the_name_follows_the_model_until_it_is_edited(panel: DeployPanel, controller: Controller) -> None:
    controller.state.reset(spot_model().replace(name="My digits 2"))
    assert panel.options.form.values()["name"] == "my_digits_2"
    panel.options.form.set_values({"name": "own"})
    controller.state.mark_saved()
    assert panel.options.form.values()["name"] == "own"


def warnings(panel: DeployPanel) -> list[str]:
    labels = panel.certificate.findChildren(QLabel)
    return [w.text() for w in labels if w.property("role") == "warning" and w.isVisible()]


def finish(controller: Controller, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not controller.deployment.is_busy, timeout=120_000)


def test_verify_gives_a_verdict(panel: DeployPanel, controller: Controller, qtbot: QtBot) -> None:
    if shutil.which("cc") is None:
        pytest.skip("a C compiler is needed: cc")
    controller.deployment.choose_board("esp32-s3")  # without an emulator: this computer alone
    qtbot.mouseClick(panel.options.verify_button, LEFT)
    assert panel.certificate.cancel_button.isVisible()
    assert not panel.options.export_button.isEnabled()
    finish(controller, qtbot)
    assert panel.certificate.verdict.property("role") == "good"
    assert "on this computer" in panel.certificate.verdict.text()
    assert not panel.certificate.progress.isVisible()
    assert not panel.result.isVisible()


def test_one_button_exports_and_verifies_and_the_header_says_so(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("a C compiler is needed: cc")
    controller.deployment.choose_board("esp32-s3")
    qtbot.mouseClick(panel.options.both_button, LEFT)
    with qtbot.waitSignal(controller.message, timeout=120_000) as told:
        pass
    assert "verified" in told.args[0]
    assert panel.options.both_button.isEnabled()
    assert "Verified" in (tmp_path / "c" / "spots.h").read_text()
    qtbot.mouseClick(panel.certificate.details_button, LEFT)
    target = tmp_path / "certificate.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    qtbot.mouseClick(panel.certificate.save_button, LEFT)
    finish(controller, qtbot)
    assert Certificate.load(target).model_hash == controller.model.fingerprint


def test_what_is_missing_is_said_and_the_rest_is_done(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.verify import session as verify

    if shutil.which("cc") is None:
        pytest.skip("a C compiler is needed: cc")

    def missing(*arguments: object) -> None:
        raise MissingToolError('The compiler is not there; run "pip install it".')

    monkeypatch.setattr(verify, "find_cross_compiler", missing)
    qtbot.mouseClick(panel.options.verify_button, LEFT)
    finish(controller, qtbot)
    qtbot.waitUntil(lambda: bool(warnings(panel)))
    core = TARGETS[controller.deployment.board.target or ""].title
    assert warnings(panel) == [f'Not tried on {core}: The compiler is not there; run "pip install it".']
    assert panel.certificate.verdict.property("role") == "good"


def test_without_any_tool_nothing_is_verified(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.verify import session as verify

    monkeypatch.setattr(verify, "find_compiler", missing_compiler)
    controller.deployment.choose_board("esp32-s3")
    qtbot.mouseClick(panel.options.verify_button, LEFT)
    finish(controller, qtbot)
    assert panel.certificate.verdict.text() == "Nothing could be verified."
    said = "Not tried on this computer: No C compiler was found; install gcc."
    qtbot.waitUntil(lambda: said in warnings(panel))


def test_verification_can_be_cancelled(panel: DeployPanel, controller: Controller, qtbot: QtBot) -> None:
    qtbot.mouseClick(panel.options.verify_button, LEFT)
    qtbot.mouseClick(panel.certificate.cancel_button, LEFT)
    qtbot.waitUntil(lambda: not controller.deployment.is_busy)
    assert panel.certificate.verdict.text().startswith("Cancelled")
    assert panel.options.verify_button.isEnabled()


def test_what_does_not_fit_the_board_is_not_exported(
    panel: DeployPanel, controller: Controller, qtbot: QtBot, tmp_path: Path
) -> None:
    layers = controller.model.spec.layers
    controller.edit(change_layer(controller.model.spec, 1, layers[1].replace(units=2000)))
    controller.deployment.choose_board("arduino-uno")
    qtbot.waitUntil(lambda: not controller.deployment.is_measuring and not controller.quantization.is_running)
    qtbot.mouseClick(panel.options.export_button, LEFT)
    assert panel.banner.text.startswith("Too large for Arduino Uno")
    assert not controller.deployment.is_busy
    assert not (tmp_path / "c").exists()
    controller.deployment.choose_board("pico")
    qtbot.waitUntil(lambda: not panel.banner.isVisible())


def test_a_certificate_says_when_it_is_outdated(
    panel: DeployPanel, controller: Controller, qtbot: QtBot
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("a C compiler is needed: cc")
    controller.deployment.choose_board("esp32-s3")
    qtbot.mouseClick(panel.options.verify_button, LEFT)
    finish(controller, qtbot)
    assert not panel.certificate.outdated.isVisible()
    controller.deployment.choose_format("c-float32")
    qtbot.waitUntil(panel.certificate.outdated.isVisible)
    controller.deployment.choose_format("c-int8")
    qtbot.waitUntil(lambda: not panel.certificate.outdated.isVisible())
    controller.state.mark_saved()
    controller.open_shipped("digits")
    assert not panel.certificate.isVisible()


def test_the_focus_comes_back_to_the_button(panel: DeployPanel, controller: Controller, qtbot: QtBot) -> None:
    panel.activateWindow()
    panel.options.export_button.setFocus()
    qtbot.waitUntil(panel.options.export_button.hasFocus)
    qtbot.keyClick(panel.options.export_button, Qt.Key.Key_Space)
    assert not panel.options.export_button.isEnabled()
    qtbot.waitUntil(lambda: not controller.deployment.is_busy)
    assert panel.options.export_button.hasFocus()
