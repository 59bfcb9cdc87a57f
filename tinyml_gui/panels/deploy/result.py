"""What was written, and code that calls it, where the format has such code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, IconButton, button, caption, label, muted, section
from tinyml_gui.viewmodels.deploy import file_rows, page_of

__all__ = ["ResultCard"]

_AROUND_CODE: Final = 12 * theme.GRID  # its frame, padding and margins, and a bar below long lines


class _Code(QPlainTextEdit):
    """Code to copy, all of its lines in view: the page scrolls, it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAccessibleName("Code that calls the model")
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_code(self, code: str) -> None:
        """Show `code`."""
        self.setPlainText(code.rstrip())
        self.ensurePolished()
        lines = self.blockCount() * self.fontMetrics().lineSpacing()
        self.setFixedHeight(lines + _AROUND_CODE)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class ResultCard(Card):
    """Hidden until something was written.

    Signals
    -------
    copied()
        The code is on the clipboard.
    """

    copied = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path()
        self._page: Path | None = None
        self._where = muted()
        self.files = QGridLayout()
        self.proof = muted(wrap=True)
        self.usage = QWidget()
        self.snippet = _Code()
        self.copy_button = IconButton("copy", "Copy the code")
        self.open_button = button("Open folder")
        self.browser_button = button("Open in browser")
        self._lay_out()
        self.copy_button.clicked.connect(self._copy)
        self.open_button.clicked.connect(self._open_folder)
        self.browser_button.clicked.connect(self._open_page)
        self.hide()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(section("Exported"))
        row.addStretch()
        row.addWidget(self.browser_button)
        row.addWidget(self.open_button)
        self.body.addLayout(row)
        self.files.setHorizontalSpacing(theme.GAP_WIDE)
        self.files.setVerticalSpacing(theme.GRID)
        self.files.setColumnStretch(2, 1)
        self.body.addLayout(self.files)
        self.body.addWidget(self.proof)
        self.body.addWidget(self.usage)
        column = QVBoxLayout(self.usage)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(self.body.spacing())
        row = QHBoxLayout()
        row.addWidget(caption("Call it like this"))
        row.addStretch()
        row.addWidget(self.copy_button)
        column.addLayout(row)
        column.addWidget(self.snippet)

    def show_result(self, folder: Path, paths: tuple[Path, ...], usage: str, proof: str = "") -> None:
        """List `paths`, say what proves them and show the code `usage`; nothing where these are empty."""
        self._folder, self._page = folder, page_of(paths)
        self.browser_button.setVisible(self._page is not None)
        while (item := self.files.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for row, file in enumerate(file_rows(folder, paths)):
            size = label(file.size, "figure")
            size.setFont(theme.number_font())
            self.files.addWidget(label(file.name), row, 0)
            self.files.addWidget(size, row, 1, Qt.AlignmentFlag.AlignRight)
        self.proof.setText(proof)
        self.proof.setVisible(bool(proof))
        self.snippet.show_code(usage)
        self.usage.setVisible(bool(usage))
        self.show()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.snippet.toPlainText())
        self.copied.emit()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))

    def _open_page(self) -> None:
        if self._page is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._page)))
