"""The Deploy page: write the model as C, show how to call it, and check it on this computer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from engine.errors import TinyMLError
from engine.export import FORMATS, ExportOptions, suggest_name
from engine.knobs import knobs_of, knobs_to_json
from tinyml_gui import jobs, theme
from tinyml_gui.controller import Controller
from tinyml_gui.jobs import ExportOrder
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.forms import KnobForm, calm_wheel
from tinyml_gui.viewmodels.deploy import file_rows, head, name_error, overwrite_question, snippet
from tinyml_gui.widgets import (
    Card,
    IconButton,
    button,
    caption,
    key_figure,
    label,
    muted,
    page_head,
    scrolling,
    section,
    set_role,
)
from tinyml_gui.worker import Outcome

__all__ = ["DeployPanel"]

_NAME: Final = "name"  # the option that has to be a C identifier
_COMBO_WIDTH: Final = 60 * theme.GRID
_SNIPPET_HEIGHT: Final = 39 * theme.GRID
_VECTORS: Final = 100  # that are compared on this computer
_VERIFY_WORDS: Final = "Verifying compiles the C here and compares its answers with the application's."


class DeployPanel(QWidget):
    """Exports and verifies."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._suggested = ""
        self._order: ExportOrder | None = None
        self._figure, self._figure_caption = key_figure(), muted()
        self.format_combo, self._format_note = QComboBox(), caption()
        self.form = KnobForm(knobs_of(ExportOptions), columns=4, more="More options")
        self.folder_edit = QLineEdit()
        self.folder_button = button("Choose…")
        self.export_button = button("Export", "primary")
        self.banner = Banner()
        self.verify_button = button("Verify on this computer")
        self.cancel_button = button("Cancel")
        self.verdict = muted(_VERIFY_WORDS, wrap=True)
        self.progress = QProgressBar()
        self.result = Card()
        self.files = QGridLayout()
        self.snippet = QPlainTextEdit()
        self.copy_button = IconButton("copy", "Copy the code")
        self.open_button = button("Open folder")
        self._fill_choices()
        self._lay_out()
        self._connect()
        self._fill()

    # Layout

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        for widget in (self._settings(), self.banner, self._make_result()):
            column.addWidget(widget)
        column.addStretch()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Deploy", self._figure, self._figure_caption))
        outside.addWidget(scrolling(inside), stretch=1)

    def _settings(self) -> Card:
        card = Card()
        card.body.setSpacing(theme.GAP + theme.GRID)
        self.format_combo.setFixedWidth(_COMBO_WIDTH)
        self.format_combo.setAccessibleName("Format")
        calm_wheel(self.format_combo)
        column = QVBoxLayout()
        column.setSpacing(theme.GRID)
        column.addWidget(caption("Format"))
        column.addWidget(self.format_combo)
        column.addWidget(self._format_note)
        card.body.addLayout(column)
        card.body.addWidget(self.form)
        card.body.addLayout(self._folder_row())
        card.body.addLayout(self._button_row())
        card.body.addWidget(self.verdict)
        return card

    def _folder_row(self) -> QVBoxLayout:
        self.folder_edit.setAccessibleName("Folder")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self.folder_edit, stretch=1)
        row.addWidget(self.folder_button)
        column = QVBoxLayout()
        column.setSpacing(theme.GRID)
        column.addWidget(caption("Folder"))
        column.addLayout(row)
        return column

    def _button_row(self) -> QHBoxLayout:
        self.export_button.setMinimumWidth(36 * theme.GRID)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 0)
        self.progress.setMinimumWidth(8 * theme.GRID)
        self.progress.setMaximumWidth(30 * theme.GRID)
        self.progress.setAccessibleName("Progress of the verification")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self.export_button)
        row.addWidget(self.verify_button)
        row.addStretch()
        for widget in (self.progress, self.cancel_button):
            row.addWidget(widget)
            self._keep_space(widget)
        return row

    def _keep_space(self, widget: QWidget) -> None:
        """Hide `widget` without moving what is around it."""
        policy = widget.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        widget.setSizePolicy(policy)
        widget.hide()

    def _make_result(self) -> Card:
        body = self.result.body
        row = QHBoxLayout()
        row.addWidget(section("Exported"))
        row.addStretch()
        row.addWidget(self.open_button)
        body.addLayout(row)
        self.files.setHorizontalSpacing(theme.GAP_WIDE)
        self.files.setVerticalSpacing(theme.GRID)
        self.files.setColumnStretch(2, 1)
        body.addLayout(self.files)
        row = QHBoxLayout()
        row.addWidget(caption("Call it like this"))
        row.addStretch()
        row.addWidget(self.copy_button)
        body.addLayout(row)
        self.snippet.setReadOnly(True)
        self.snippet.setAccessibleName("Code that calls the model")
        self.snippet.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.snippet.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.snippet.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.snippet.setFixedHeight(_SNIPPET_HEIGHT)
        body.addWidget(self.snippet)
        self.result.hide()
        return self.result

    # Wiring

    def _connect(self) -> None:
        self.format_combo.currentIndexChanged.connect(self._show_format)
        self.form.changed.connect(self._option_changed)
        self.folder_button.clicked.connect(self._choose_folder)
        self.export_button.clicked.connect(self._export)
        self.verify_button.clicked.connect(self._verify)
        self.cancel_button.clicked.connect(self._controller.cancel_verification)
        self.copy_button.clicked.connect(self._copy)
        self.open_button.clicked.connect(self._open_folder)
        self._controller.model_changed.connect(self._fill)
        self._controller.training.changed.connect(self._update_buttons)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fill()

    # Showing

    def _fill_choices(self) -> None:
        for name, offered in FORMATS.items():
            self.format_combo.addItem(offered.title, name)
        self._show_format()
        folder = self._controller.settings.text("export_folder") or str(Path.home() / "tinyml-export")
        self.folder_edit.setText(folder)
        self._suggest()
        self.form.set_values(knobs_to_json(ExportOptions(name=self._suggested)))

    def _show_format(self) -> None:
        if self.isVisible():
            self._fill_head()
        doc = FORMATS[str(self.format_combo.currentData())].doc
        self._format_note.setText(doc[:1].upper() + doc[1:])

    def _suggest(self) -> bool:
        """Think of a name; tell whether it is another than before."""
        before, self._suggested = self._suggested, suggest_name(self._controller.path_or_name)
        return before != self._suggested

    def _fill(self) -> None:
        if self.isVisible():
            self._fill_head()
        if self._suggest():
            self.form.set_values({_NAME: self._suggested})
        self._update_buttons()

    def _fill_head(self) -> None:
        shown = head(self._controller.state.document, str(self.format_combo.currentData()))
        self._figure.setText(shown.figure)
        self._figure_caption.setText(shown.caption)
        for widget in (self._figure, self._figure_caption):
            widget.setToolTip(shown.rest)

    def _update_buttons(self) -> None:
        fault = self._controller.state.document.fault
        busy = self._controller.is_exporting
        self.export_button.setEnabled(not busy and fault is None)
        self.verify_button.setEnabled(not busy and fault is None)
        reason = f"{fault} Fix it on the Model page first." if fault else ""
        self.export_button.setToolTip(reason)
        self.verify_button.setToolTip(reason)

    def _option_changed(self, name: str, value: object) -> None:
        if name == _NAME:
            self.form.fields[_NAME].show_error(name_error(str(value)))

    # Export

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Export to", self.folder_edit.text())
        if path:
            self.folder_edit.setText(path)

    def _options(self) -> ExportOptions | None:
        """Return what was chosen, or mark the field at fault."""
        fault = name_error(str(self.form.fields[_NAME].value()))
        if fault:
            self.form.fields[_NAME].show_error(fault)
            self.form.fields[_NAME].editor.setFocus()
            return None
        try:
            return ExportOptions(**self.form.values())
        except TinyMLError as error:
            self.banner.show_error(str(error))
            return None

    def _export(self) -> None:
        options = self._options()
        if options is None:
            return
        folder = Path(self.folder_edit.text().strip() or ".").expanduser()
        self._submit(
            ExportOrder(
                self._controller.model,
                str(self.format_combo.currentData()),
                options,
                folder,
                self._controller.training.data,
            )
        )

    def _submit(self, order: ExportOrder) -> None:
        self._order = order
        self.banner.hide()
        self._controller.export(order, self._exported)
        self._update_buttons()

    def _exported(self, outcome: Outcome) -> None:
        self._update_buttons()
        order, result = self._order, outcome.result
        if outcome.error is not None:
            self.banner.show_error(str(outcome.error))
        elif isinstance(result, jobs.Exported) and order is not None:
            if not result.in_the_way:
                self._show_result(order, result)
            elif self._may_replace(result):
                self._submit(replace(order, overwrite=True))

    def _may_replace(self, result: jobs.Exported) -> bool:
        answer = QMessageBox.question(self, "Replace files", overwrite_question(result.in_the_way))
        return answer == QMessageBox.StandardButton.Yes

    def _show_result(self, order: ExportOrder, result: jobs.Exported) -> None:
        self._controller.settings.set_text("export_folder", str(order.folder))
        while (item := self.files.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for row, file in enumerate(file_rows(result.paths)):
            size = label(file.size, "figure")
            size.setFont(theme.number_font())
            self.files.addWidget(label(file.name), row, 0)
            self.files.addWidget(size, row, 1, Qt.AlignmentFlag.AlignRight)
        self.snippet.setPlainText(snippet(order.options.name, order.model))
        self.result.show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.snippet.toPlainText())
        self._controller.message.emit("The code is on the clipboard")

    def _open_folder(self) -> None:
        if self._order is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._order.folder)))

    # Verification

    def _verify(self) -> None:
        self._show_verdict("Compiling and comparing…", "muted")
        self.progress.show()
        self.cancel_button.show()
        self._controller.verify(_VECTORS, self._verified)
        self._update_buttons()

    def _verified(self, outcome: Outcome) -> None:
        self.progress.hide()
        self.cancel_button.hide()
        self._update_buttons()
        if outcome.error is not None:
            self._show_verdict(str(outcome.error), "error")
        elif outcome.result is None:
            self._show_verdict("Cancelled; nothing was compared.", "muted")
        else:
            self._show_verdict(outcome.result.summary(), "good" if outcome.result.passed else "error")

    def _show_verdict(self, sentence: str, role: str) -> None:
        set_role(self.verdict, role)
        self.verdict.setText(sentence)
