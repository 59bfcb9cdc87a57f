"""Lists of boards and of formats; the application has one choice of each, so all lists show the same."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QComboBox, QWidget

from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.viewmodels.targets import Choice, board_choices, format_choices

__all__ = ["BoardPicker", "FormatPicker"]


class _Picker(QComboBox):
    """A list of choices whose explanations are tooltips."""

    def __init__(self, name: str, choices: Sequence[Choice], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMaxVisibleItems(max(10, len(choices)))
        for row, choice in enumerate(choices):
            self.addItem(choice.title, choice.name)
            self.setItemData(row, choice.tip or choice.doc, Qt.ItemDataRole.ToolTipRole)
        self._choices = {choice.name: choice for choice in choices}
        calm_wheel(self)

    @property
    def choice(self) -> Choice:
        """What is shown."""
        return self._choices[str(self.currentData())]

    def choose(self, name: str) -> None:
        """Choose `name`, as the user would."""
        self.setCurrentIndex(self.findData(name))

    def show_choice(self, name: str) -> None:
        """Show `name` without emitting a signal."""
        with QSignalBlocker(self):
            self.choose(name)
        self.setToolTip(self.choice.tip or self.choice.doc)


class BoardPicker(_Picker):
    """Chooses the board."""

    def __init__(self, deployment: DeploymentController, parent: QWidget | None = None) -> None:
        super().__init__("Board", board_choices(), parent)
        self._deployment = deployment
        self._show_chosen()
        self.currentIndexChanged.connect(self._chosen)
        deployment.target_changed.connect(self._show_chosen)

    def _chosen(self) -> None:
        self._deployment.choose_board(self.choice.name)

    def _show_chosen(self) -> None:
        self.show_choice(self._deployment.board.name)


class FormatPicker(_Picker):
    """Chooses the format."""

    def __init__(self, deployment: DeploymentController, parent: QWidget | None = None) -> None:
        super().__init__("Format", format_choices(), parent)
        self._deployment = deployment
        self._show_chosen()
        self.currentIndexChanged.connect(self._chosen)
        deployment.target_changed.connect(self._show_chosen)

    def _chosen(self) -> None:
        self._deployment.choose_format(self.choice.name)

    def _show_chosen(self) -> None:
        self.show_choice(self._deployment.format)
