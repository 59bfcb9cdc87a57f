"""The recipe for a page, applied to a copy of the tree: two files, and the window shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.tree import copy_of_tree, replace_once, run_in, touched

PANELS = "tinyml_gui/panels"
FILES = {f"{PANELS}/hello.py", f"{PANELS}/pages.py"}
PANEL = '''"""The Hello page: says hello to the model that is open."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.look.widgets import label, title
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


class HelloPanel(QWidget):
    """Greets the model."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.addWidget(title("Hello"))
        column.addWidget(label(f"Hello, {controller.title}"))
        column.addStretch()


PAGE = Page("Hello", "model", "Say hello to the model", HelloPanel)
'''
#: Starts the program's window with settings of its own, and goes to the last page as a user does.
VISIT = """
import sys
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

import tinyml_gui
from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.pages import PAGES
from tinyml_gui.program.app import create_window

here = Path(__file__).parent
assert Path(tinyml_gui.__file__).is_relative_to(here), tinyml_gui.__file__
app = QApplication(sys.argv[:1])
store = QSettings(str(here / "settings.ini"), QSettings.Format.IniFormat)
window = create_window(app, Settings(store), here / "data")
window.show()
assert QTest.qWaitForWindowActive(window, 60_000)
key = Qt.Key(Qt.Key.Key_0 + len(PAGES))
QTest.keyClick(window.draw_panel.canvas, key, Qt.KeyboardModifier.ControlModifier)
app.processEvents()
shown = [label.text() for label in window.pages.currentWidget().findChildren(QLabel) if label.isVisible()]
print(*shown, *(action.text() for action in window.navigation.actions_of_pages), sep="|")
window.close()
"""


def with_the_page(tmp_path: Path) -> Path:
    """Return a copy of the tree with the two files of the recipe."""
    tree = copy_of_tree(tmp_path)
    (tree / PANELS / "hello.py").write_text(PANEL, encoding="utf-8")
    registry = tree / PANELS / "pages.py"
    replace_once(registry, " evaluate, model, sweep, train\n", " evaluate, hello, model, sweep, train\n")
    replace_once(registry, "    deploy.PAGE,\n", "    deploy.PAGE,\n    hello.PAGE,\n")
    return tree


def recipe() -> str:
    """Return the recipe as it stands in ARCHITECTURE.md."""
    text = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    return text.partition("## To add a page\n")[2].partition("\n## ")[0]


def test_the_recipe_names_the_two_files() -> None:
    assert "two files" in recipe()
    assert f"{PANELS}/x.py" in recipe()
    assert f"{PANELS}/pages.py" in recipe()


def test_two_files_make_a_page(tmp_path: Path) -> None:
    tree = with_the_page(tmp_path)
    assert touched(tree) == FILES
    (tree / "visit.py").write_text(VISIT, encoding="utf-8")
    assert (
        run_in(tree, "visit").stdout.strip()
        == "Hello|Hello, digits|&Data|&Model|&Train|&Sweep|&Evaluate|&Deploy|&Hello"
    )


def test_the_contract_test_tries_the_page_on_arrival(tmp_path: Path) -> None:
    tree = with_the_page(tmp_path)
    replace_once(tree / PANELS / "hello.py", 'title("Hello")', 'title("Goodbye")')
    options = ("-n", "0", "-p", "no:cacheprovider", "-k", "shortcuts")
    with pytest.raises(AssertionError, match=r"\['Goodbye'\] == \['Hello'\]"):
        run_in(tree, "pytest", *options, f"tests/{PANELS}/test_pages.py")
