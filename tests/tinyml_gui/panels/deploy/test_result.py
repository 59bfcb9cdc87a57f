"""What was exported can be opened: its folder always, a page in the browser where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from tinyml_gui.panels.deploy.result import ResultCard


def test_a_page_is_opened_in_the_browser(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(Path(url.toLocalFile())))
    card = ResultCard()
    qtbot.addWidget(card)
    page, header = tmp_path / "net.html", tmp_path / "net.h"
    for path in (page, header):
        path.write_text("", encoding="utf-8")
    card.show_result(tmp_path, (header,), "")
    assert card.browser_button.isHidden()
    card.show_result(tmp_path, (header, page), "")
    assert not card.browser_button.isHidden()
    card.browser_button.click()
    card.open_button.click()
    assert opened == [page, tmp_path]
