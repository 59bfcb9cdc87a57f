"""The pages in the order of the navigation; the first is on Ctrl+1, the second on Ctrl+2, and so on.

Window, navigation, menu, shortcuts and the contract tests read this list and nothing else.
"""

from __future__ import annotations

from typing import Final

from tinyml_gui.panels import data, deploy, evaluate, model, sweep, train
from tinyml_gui.panels.page import Page

__all__ = ["FIRST_SHOWN", "PAGES"]

PAGES: Final[tuple[Page, ...]] = (
    data.PAGE,
    model.PAGE,
    train.PAGE,
    sweep.PAGE,
    evaluate.PAGE,
    deploy.PAGE,
)

FIRST_SHOWN: Final = model.PAGE.name
"""The page that is shown at the first start."""
