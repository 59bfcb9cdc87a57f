"""The Deploy page: choose a board and a format, see whether the model fits, export it, verify the export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QScrollArea, QVBoxLayout, QWidget

from engine.export import FORMATS, ExportOptions
from engine.nn.model import Model
from tinyml_gui.background.deploy_jobs import Exported, ExportOrder, VerifyOrder
from tinyml_gui.background.worker import JobOutcome
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.question import Answer, ask
from tinyml_gui.look.widgets import HeadFigures, Scrolling, page_head
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.deploy.accuracy import AccuracyCard
from tinyml_gui.panels.deploy.certificate import CertificateCard
from tinyml_gui.panels.deploy.export import ExportCard
from tinyml_gui.panels.deploy.result import ResultCard
from tinyml_gui.panels.deploy.target import TargetCard
from tinyml_gui.viewmodels.accuracy import UNTRAINED_WORDS, Activity
from tinyml_gui.viewmodels.certificate import file_name
from tinyml_gui.viewmodels.deploy import overwrite_question, proof_line
from tinyml_gui.viewmodels.fit import obstacle, vector_count
from tinyml_gui.viewmodels.model_editor import head

__all__ = ["DeployPanel"]

_REVEAL_MS: Final = 50  # until what is new has its place


class DeployPanel(QWidget):
    """Lays the cards out and leads from one to the next."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._deployment = controller.deployment
        self._quantization = controller.quantization
        self._order: ExportOrder | None = None
        self._verify_next = False
        self._refused = self._warned = False
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._reveal.setInterval(_REVEAL_MS)
        self._reveal.timeout.connect(self._show_news)
        self._news: QWidget = self
        self.head = HeadFigures()
        self.target = TargetCard(self._deployment)
        self.accuracy = AccuracyCard(controller.quantization)
        self.options = ExportCard(controller)
        self.banner = Banner()
        self.result = ResultCard()
        self.certificate = CertificateCard()
        self._area = self._lay_out()
        self._connect()
        self._fill()

    def _lay_out(self) -> QScrollArea:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        cards = (self.target, self.accuracy, self.options, self.banner, self.certificate, self.result)
        for widget in cards:
            column.addWidget(widget)
        column.addStretch()
        area = Scrolling(inside)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Deploy", self.head))
        outside.addWidget(area, stretch=1)
        return area

    def _connect(self) -> None:
        self.options.both_button.clicked.connect(self._export_and_verify)
        self.options.export_button.clicked.connect(self._export)
        self.options.verify_button.clicked.connect(self._verify)
        self.options.refused.connect(self.banner.show_error)
        self.certificate.cancelled.connect(self._deployment.cancel)
        self.certificate.details_button.toggled.connect(self._show_details)
        self.certificate.save_asked.connect(self._save_certificate)
        self.result.copied.connect(self._say_copied)
        self._controller.model_changed.connect(self._fill)
        self._controller.training.changed.connect(self._update_buttons)
        self._quantization.changed.connect(self._update_buttons)
        self._deployment.fit_changed.connect(self._show_fit)
        self._deployment.target_changed.connect(self._update_buttons)
        self._controller.opened.connect(self._forget)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._deployment.watch()
        self._fill()

    # Showing

    def _fill(self) -> None:
        if self.isVisible():
            shown = head(self._controller.state.document)
            self.head.show_figures(shown.figure, shown.caption, shown.in_int8, shown.rest)
            self._quantization.prepare()
        if self._warned and self._controller.model.trained:
            self._warned = False
            self.banner.hide()
        self._update_buttons()

    def _update_buttons(self) -> None:
        fault = self._controller.state.document.fault
        busy = self._deployment.is_busy or self._quantization.activity is Activity.CALIBRATING
        reason = f"{fault} Fix it on the Model page first." if fault else ""
        self.options.enable(fault is None and not busy, reason)

    def _show_fit(self) -> None:
        deployment = self._deployment
        self.certificate.show_outdated(deployment.proved is None)
        if self._refused and not obstacle(deployment.fit):
            self._refused = False
            self.banner.hide()

    def _forget(self) -> None:
        """Show nothing that is about another model."""
        for card in (self.banner, self.certificate, self.result):
            card.hide()

    def _say_copied(self) -> None:
        self._controller.message.emit("The code is on the clipboard")

    # Export

    def _export_and_verify(self) -> None:
        self._begin_export(then_verify=True)

    def _export(self) -> None:
        self._begin_export(then_verify=False)

    def _begin_export(self, then_verify: bool) -> None:
        options = self.options.options()
        if options is None:
            return
        reason = obstacle(self._deployment.fit)
        self._refused = bool(reason)
        if reason:
            self.banner.show_error(reason)
            self._show_soon(self.banner)
            return
        self._verify_next = then_verify
        model, data = self._controller.model, self._controller.training.data
        deployment, folder = self._deployment, self.options.folder
        self._submit(ExportOrder(model, deployment.format, options, folder, data, board=deployment.board))

    def _submit(self, order: ExportOrder) -> None:
        self._order = order
        self.banner.hide()
        self._deployment.export(order, self._exported)
        self._update_buttons()

    def _exported(self, outcome: JobOutcome) -> None:
        self._update_buttons()
        order, result = self._order, outcome.result
        if outcome.error is not None:
            self.banner.show_error(str(outcome.error))
        elif isinstance(result, Exported) and order is not None:
            if not result.in_the_way:
                self._show_result(order, result)
            elif self._may_replace(result):
                self._submit(replace(order, overwrite=True))

    def _may_replace(self, result: Exported) -> bool:
        question = overwrite_question(result.in_the_way)
        return ask(self, "Replace files", question, Answer.Yes | Answer.No, Answer.No) == Answer.Yes

    def _show_result(self, order: ExportOrder, result: Exported) -> None:
        self.options.remember_folder()
        self._list_files(order, result)
        self._warned = not order.model.trained
        if self._warned:
            self.banner.show_warning(f"Exported, but: {UNTRAINED_WORDS} Train it, then export again.")
        if self._verify_next:
            self._begin_verification(order.model, order.options)
        else:
            self._controller.message.emit(f"Exported to {order.folder}")

    def _list_files(self, order: ExportOrder, result: Exported) -> None:
        usage = FORMATS[order.format].usage
        code = "" if usage is None else usage(order.model, order.options)
        self.result.show_result(order.folder, result.paths, code, proof_line(result.proof))

    # Verification

    def _verify(self) -> None:
        options = self.options.options()
        if options is not None:
            self._order = None
            self._begin_verification(self._controller.model, options)

    def _begin_verification(self, model: Model, options: ExportOptions) -> None:
        deployment, data = self._deployment, self._controller.training.data
        count = vector_count(deployment.fit)
        order = VerifyOrder(model, deployment.format, options, deployment.board, data, count)
        self.certificate.begin(deployment.board)
        deployment.verify(order, self._verified, self.certificate.progressed)
        self._update_buttons()
        self._show_soon(self.certificate)

    def _verified(self, outcome: JobOutcome) -> None:
        cancelled = self.certificate.cancel_button.hasFocus()
        self.certificate.end(outcome)
        certificate = self.certificate.certificate
        if certificate is not None:
            self._deployment.take_certificate(certificate)
            if certificate.passed and self._order is not None:
                self._deployment.certify(self._order, certificate, self._certified)
        self._update_buttons()
        if cancelled:  # the button that had the focus is gone
            self.options.verify_button.setFocus()
        self._show_soon(self.certificate)

    def _certified(self, outcome: JobOutcome) -> None:
        self._update_buttons()
        if outcome.error is not None:
            self.banner.show_error(str(outcome.error))
        elif isinstance(outcome.result, Exported) and self._order is not None:
            self._list_files(self._order, outcome.result)
            self._controller.message.emit("Exported and verified; the header says so")

    def _save_certificate(self) -> None:
        certificate = self.certificate.certificate
        if certificate is None:
            return
        proposed = str(self.options.folder / file_name(certificate))
        path, _ = QFileDialog.getSaveFileName(self, "Save certificate", proposed, "JSON (*.json)")
        if path:
            self._deployment.save_certificate(certificate, Path(path), self._certificate_saved)

    def _certificate_saved(self, outcome: JobOutcome) -> None:
        if outcome.error is not None:
            self.banner.show_error(str(outcome.error))
        elif isinstance(outcome.result, Path):
            self._controller.message.emit(f"Saved as {outcome.result.name}")

    def _show_soon(self, news: QWidget) -> None:
        """Scroll to `news` once it has its place."""
        self._news = news
        self._reveal.start()

    def _show_details(self, shown: bool) -> None:
        if shown:
            self._show_soon(self.certificate)

    def _show_news(self) -> None:
        self._area.ensureWidgetVisible(self._news, 0, theme.GAP)
