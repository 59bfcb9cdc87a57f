from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QFont, QFontDatabase, QIcon
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QStyle
from pytestqt.qtbot import QtBot

from tinyml_gui.look import icons, theme
from tinyml_gui.look.icon_theme import NAMED
from tinyml_gui.look.stylesheet import stylesheet
from tinyml_gui.look.theme import DARK, LIGHT, Tokens, contrast
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.look.widgets import label

BOTH = pytest.mark.parametrize("t", [LIGHT, DARK], ids=lambda t: t.name)
READABLE = [
    ("text", "window"),
    ("text", "surface"),
    ("text", "accent_soft"),
    ("muted", "window"),
    ("muted", "surface"),
    ("accent", "window"),
    ("accent", "surface"),
    ("accent", "accent_soft"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("good", "surface"),
    ("warning", "surface"),
    ("bad", "surface"),
    ("bad", "bad_soft"),
    ("ink", "paper"),
]


@BOTH
@pytest.mark.parametrize(("front", "back"), READABLE)
def test_text_is_readable(t: Tokens, front: str, back: str) -> None:
    assert contrast(getattr(t, front), getattr(t, back)) >= 4.5


@BOTH
def test_controls_stand_out_from_their_surface(t: Tokens) -> None:
    assert contrast(t.outline, t.surface) >= 3


@BOTH
def test_all_colours_of_charts_can_be_seen(qapp: QApplication, t: Tokens) -> None:
    Theme(qapp, t.name)
    colours = theme.plot_colours()
    background = colours.pop("background")
    assert background == t.surface
    assert {name: c for name, c in colours.items() if contrast(c, background) < theme.SEEN} == {}
    assert [c for c in t.series if contrast(c, t.surface) < theme.SEEN] == []
    assert (
        contrast(colours["training"], colours["spread"]) > 1.3
    )  # the curve stands out from what lies around it


@BOTH
@pytest.mark.parametrize("bar", ["accent", "muted", "warning", "bad"])
def test_bars_can_be_seen_on_their_track(t: Tokens, bar: str) -> None:
    assert contrast(getattr(t, bar), t.sunken) >= theme.SEEN


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_measures_sit_on_the_grid() -> None:
    measures = (theme.GAP, theme.GAP_WIDE, theme.PAGE_MARGIN, theme.CONTROL_HEIGHT, theme.RADIUS)
    assert [m % theme.GRID for m in measures] == [0] * len(measures)


def test_switching_is_live_and_said(qapp: QApplication) -> None:
    look = Theme(qapp, "light")
    said: list[str] = []
    look.mode_changed.connect(said.append)
    look.toggle()
    assert theme.tokens() is DARK
    assert theme.plot_colours()["background"] == DARK.surface
    look.toggle()
    assert theme.tokens() is LIGHT
    look.set_mode("light")
    assert said == ["dark", "light"]


def test_an_unknown_mode_from_old_settings_means_the_system(qapp: QApplication) -> None:
    assert Theme(qapp, "purple").mode == "system"


def test_widgets_are_told(qapp: QApplication, qtbot: QtBot) -> None:
    class Told(QLabel):
        count = 0

        def changeEvent(self, event: object) -> None:
            self.count += theme.is_theme_change(event)  # type: ignore[arg-type]

    look = Theme(qapp, "light")
    told = Told()
    qtbot.addWidget(told)
    told.show()
    told.count = 0
    look.set_mode("dark")
    assert told.count >= 1


@BOTH
def test_the_corners_of_a_list_of_choices_are_its_border(qapp: QApplication, qtbot: QtBot, t: Tokens) -> None:
    Theme(qapp, t.name)
    combo = QComboBox()
    combo.addItems(["one", "two"])
    qtbot.addWidget(combo)
    combo.show()
    combo.showPopup()
    popup = combo.view().window()
    image = popup.grab().toImage()
    right, bottom = image.width() - 1, image.height() - 1
    corners = {image.pixelColor(x, y).name() for x in (0, right) for y in (0, bottom)}
    combo.hidePopup()
    assert corners == {t.border.lower()}


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_text_grows_with_the_text_of_the_desktop(qapp: QApplication, qtbot: QtBot, scale: float) -> None:
    Theme(qapp, "light", text_scale=scale)
    words = label("words")
    qtbot.addWidget(words)
    words.ensurePolished()
    assert words.fontInfo().pixelSize() == pytest.approx(scale * theme.BODY, abs=1)
    assert theme.number_font().pixelSize() == pytest.approx(scale * theme.BODY, abs=1)
    assert theme.scaled(100) == pytest.approx(100 * scale, abs=4)


@pytest.mark.parametrize(("pixels", "scale"), [(9, 1), (15, 1), (24, 1.6), (90, 2)])
def test_the_system_says_how_large_text_is(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, pixels: int, scale: float
) -> None:
    font = QFont()
    font.setPixelSize(pixels)
    monkeypatch.setattr(QFontDatabase, "systemFont", lambda _: QFont(font))
    Theme(qapp, "light")
    assert theme.text_scale() == pytest.approx(scale, abs=0.05)


@BOTH
@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (QStyle.StandardPixmap.SP_DirIcon, "folder"),
        (QStyle.StandardPixmap.SP_FileIcon, "text-x-generic"),
        (QStyle.StandardPixmap.SP_ArrowBack, "go-previous"),
        (QStyle.StandardPixmap.SP_FileDialogNewFolder, "folder-new"),
        (QStyle.StandardPixmap.SP_FileDialogDetailedView, "view-list-details"),
    ],
)
def test_dialogs_of_qt_have_icons_of_ours(
    qapp: QApplication, t: Tokens, asked: QStyle.StandardPixmap, name: str
) -> None:
    Theme(qapp, t.name)
    image = qapp.style().standardIcon(asked).pixmap(24, 24).toImage()
    expected = QIcon.fromTheme(name).pixmap(24, 24).toImage()
    assert image == expected
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    assert {pixel.name() for pixel in pixels if pixel.alpha() == 255} == {t.text.lower()}


def test_every_icon_that_is_named_for_qt_is_one_of_ours() -> None:
    assert set(NAMED.values()) <= set(icons.NAMES)


@BOTH
def test_the_stylesheet_names_files_that_exist(t: Tokens, tmp_path: object) -> None:
    text = stylesheet(t, str(tmp_path))
    paths = re.findall(r'url\("(.+?)"\)', text)
    assert paths
    assert all(path.endswith(f"{t.name}.svg") for path in paths)
    assert "$" not in text


@pytest.mark.parametrize("name", icons.NAMES)
def test_icons_draw_something(qapp: QApplication, name: str) -> None:
    image = icons.icon(name).pixmap(20, 20).toImage()
    alphas = [image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height())]
    assert sum(alpha > 127 for alpha in alphas) > 10
