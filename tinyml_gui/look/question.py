"""A question in a box of its own, in the application's looks: no stock icons, no markup."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

__all__ = ["Answer", "ask"]

Answer = QMessageBox.StandardButton


def ask(
    parent: QWidget,
    title: str,
    question: str,
    answers: Answer,
    default: Answer,
    consequence: str = "",
) -> Answer:
    """Ask and wait for the answer.

    Parameters
    ----------
    parent : QWidget
    title, question : str
        May hold names from files: both are shown as they are.
    answers : Answer
        One or several, joined by ``|``.
    default : Answer
        What Enter gives.
    consequence : str
        A sentence below the question.
    """
    box = QMessageBox(parent)
    box.setWindowTitle(title)
    box.setText(question)
    box.setInformativeText(consequence)
    box.setStandardButtons(answers)
    box.setDefaultButton(default)
    return Answer(box.exec())
