"""The one stylesheet, a template filled from the tokens of `tinyml_gui.look.theme`.

A widget says what it is by the dynamic property ``role`` (see `tinyml_gui.look.widgets`), which selects its
rules here; no widget has a stylesheet of its own.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from string import Template

from tinyml_gui.look import icons, theme
from tinyml_gui.look.theme import Tokens

__all__ = ["stylesheet"]

_TEMPLATE = Template("""
* { font-size: ${body}px; }
/* Names come from files of unknown origin: no label, message box or tooltip takes them for HTML. */
QToolTip { qproperty-textFormat: PlainText; background: $text; color: $window; border: 0; padding: 4px 8px; }

QLabel { qproperty-textFormat: PlainText; background: transparent; color: $text; }
QLabel:disabled { color: $disabled; }
QLabel[role="title"] { font-size: ${title}px; font-weight: 600; }
QLabel[role="section"] { font-size: ${section}px; font-weight: 600; }
QLabel[role="caption"] { font-size: ${caption}px; color: $muted; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="key-figure"] { font-size: ${key_figure}px; font-weight: 300; }
QLabel[role="top-class"] { font-size: ${top_class}px; }
QLabel[role="key-percent"] { font-size: ${section}px; color: $muted; }
QLabel[role="good"] { color: $good; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="caption-warning"] { font-size: ${caption}px; color: $warning; }
QLabel[role="caption-good"] { font-size: ${caption}px; color: $good; }
QLabel[role="caption-strong"] { font-size: ${caption}px; }
QLabel[role="field-error"] { font-size: ${caption}px; color: $bad; }
QLabel[role="error"] { color: $bad; }

QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: ${radius}px; }
QFrame[role="layer"] {
    background: $surface; border: 1px solid $border; padding: 1px; border-radius: ${radius}px;
}
QFrame[role="layer"][state="selected"] { border-color: $accent; }
QFrame[role="layer"][state="selected-focus"] { border: 2px solid $accent; padding: 0; }
QFrame[role="layer"][state="error"] { border-color: $bad; background: $bad_soft; }
QFrame[role="layer"][state="error-focus"] { border: 2px solid $bad; padding: 0; background: $bad_soft; }
QFrame[role="insertion"] { background: $accent; border: 0; border-radius: 1px; }
QFrame[role="card"][state="error"] { border-color: $bad; background: $bad_soft; }
QFrame#central { border: 0; }
QFrame#central[state="target"] { border: 3px solid $accent; }
QWidget#titleBar { background: $surface; border: 0; border-bottom: 1px solid $border; }
QWidget#footer { background: $surface; border: 0; border-top: 1px solid $border; }
QWidget#navigation { background: $window; border: 0; border-right: 1px solid $border; }
QWidget#drawPanel { background: $window; border: 0; border-left: 1px solid $border; }
QGraphicsView[role="chart"] { border: 2px solid transparent; border-radius: ${small}px; }
QGraphicsView[role="chart"]:focus { border-color: $accent; }
QScrollArea, QScrollArea > QWidget > QWidget#scrolled { background: transparent; border: 0; }

QPushButton, QToolButton {
    background: $surface; color: $text; border: 1px solid $outline; border-radius: ${small}px;
    padding: 0 12px; min-height: ${inner}px;
}
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed { background: $sunken; }
QPushButton:focus, QToolButton:focus {
    border: 2px solid $accent; padding: 0 11px; min-height: ${inner_focus}px;
}
QPushButton:disabled, QToolButton:disabled {
    color: $disabled; border-color: $border; background: transparent;
}
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QPushButton[role="primary"] {
    background: $accent; color: $on_accent; border-color: $accent; font-weight: 600;
}
QPushButton[role="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $sunken; color: $disabled; border-color: $sunken; }
QToolButton[role="icon"] {
    background: transparent; border: 1px solid transparent; padding: 0;
    min-width: ${inner}px; max-width: ${inner}px; min-height: ${inner}px; max-height: ${inner}px;
}
QToolButton[role="icon"]:hover { background: $hover; }
QToolButton[role="icon"]:pressed, QToolButton[role="icon"]:checked { background: $sunken; }
QToolButton[role="icon"]:focus {
    border: 2px solid $accent; min-width: ${inner_focus}px; max-width: ${inner_focus}px;
    min-height: ${inner_focus}px; max-height: ${inner_focus}px;
}
QFileDialog QToolButton { padding: 0; min-width: ${inner}px; max-width: ${inner}px; }
QToolButton[role="file"] {
    background: transparent; border: 1px solid transparent; padding: 0 20px 0 8px; font-weight: 600;
}
QToolButton[role="file"]:hover { background: $hover; }
QToolButton[role="file"]:focus { border: 2px solid $accent; padding: 0 19px 0 7px; }
QToolButton::menu-indicator {
    image: url("$down"); subcontrol-position: right center; right: 4px; width: 12px; height: 12px;
}
QToolButton[role="menu"] { padding: 0 26px 0 10px; max-height: ${inner}px; }
QToolButton[role="menu"]:focus { padding: 0 25px 0 9px; max-height: ${inner_focus}px; }
QToolButton[role="disclosure"] {
    background: transparent; border: 1px solid transparent; color: $muted; padding: 0 8px 0 2px;
}
QToolButton[role="disclosure"]:hover { background: $hover; color: $text; }
QToolButton[role="disclosure"]:focus { border: 2px solid $accent; padding: 0 7px 0 1px; }
QToolButton[role="page"] {
    background: transparent; border: 2px solid transparent; border-radius: ${small}px; color: $muted;
    padding: 0 8px; min-height: ${page_button}px; text-align: left;
}
QToolButton[role="page"]:hover { background: $hover; color: $text; }
QToolButton[role="page"]:checked { background: $accent_soft; color: $accent; font-weight: 600; }
QToolButton[role="page"]:focus { border-color: $accent; }

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
    background: $surface; color: $text; border: 1px solid $outline; border-radius: ${small}px;
    padding: 0 8px; min-height: ${inner}px; selection-background-color: $accent; selection-color: $on_accent;
}
QPlainTextEdit, QTextEdit { padding: 8px; }
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover, QComboBox:hover { border-color: $muted; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {
    border: 2px solid $accent; padding: 0 7px; min-height: ${inner_focus}px;
}
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $accent; padding: 7px; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
    background: $sunken; color: $disabled; border-color: $border;
}
QLineEdit[state="error"], QSpinBox[state="error"], QDoubleSpinBox[state="error"], QComboBox[state="error"] {
    border-color: $bad;
}
QSpinBox, QDoubleSpinBox { max-height: ${inner}px; }
QSpinBox:focus, QDoubleSpinBox:focus { max-height: ${inner_focus}px; }
QAbstractSpinBox QLineEdit, QAbstractSpinBox QLineEdit:focus {
    border: 0; padding: 0; min-height: 0; background: transparent;
}
QSpinBox::up-button, QDoubleSpinBox::up-button {
    subcontrol-origin: border; subcontrol-position: top right; width: 20px; border: 0; margin: 2px 2px 0 0;
}
QSpinBox::down-button, QDoubleSpinBox::down-button {
    subcontrol-origin: border; subcontrol-position: bottom right; width: 20px; border: 0; margin: 0 2px 2px 0;
}
QSpinBox::up-button:hover, QSpinBox::down-button:hover, QDoubleSpinBox::up-button:hover,
QDoubleSpinBox::down-button:hover { background: $hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url("$up"); width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url("$down"); width: 10px; height: 10px; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { image: url("$down"); width: 12px; height: 12px; }
QComboBox QAbstractItemView {
    background: $surface; color: $text; border: 1px solid $border; border-radius: 0; padding: 4px; outline: 0;
    selection-background-color: $accent_soft; selection-color: $text;
}
QComboBoxPrivateContainer { background: $surface; border: 0; }
QComboBox QAbstractItemView::item { min-height: ${entry}px; padding: 0 4px; }
QCheckBox {
    spacing: 8px; min-height: ${entry}px; border: 2px solid transparent; border-radius: ${small}px;
    background: transparent;
}
QCheckBox:focus { border-color: $accent; }
QCheckBox::indicator {
    width: 16px; height: 16px; border: 1px solid $outline; border-radius: 4px; background: $surface;
}
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$check"); }
QCheckBox::indicator:disabled { background: $sunken; border-color: $border; }

QSlider { min-height: ${inner_focus}px; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $sunken; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal {
    width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
    background: $surface; border: 2px solid $accent;
}
QSlider::handle:horizontal:hover { background: $accent_soft; }
QSlider::handle:horizontal:focus { background: $accent; border: 2px solid $text; }

QProgressBar {
    background: $sunken; border: 0; border-radius: 3px; max-height: 6px; min-height: 6px;
    color: transparent;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QProgressBar[state="warning"]::chunk { background: $warning; }
QProgressBar[state="error"]::chunk { background: $bad; }

QMenuBar { background: transparent; border: 0; }
QMenuBar::item { padding: 6px 10px; border-radius: ${small}px; background: transparent; color: $text; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $surface; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 6px 28px 6px 12px; border-radius: 4px; color: $text; }
QMenu::item:selected { background: $accent_soft; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }
QMenu::right-arrow { image: url("$right"); width: 12px; height: 12px; right: 8px; }

QScrollBar { background: transparent; border: 0; }
QScrollBar:vertical { width: ${scroll_bar}px; }
QScrollBar:horizontal { height: ${scroll_bar}px; }
QScrollBar::handle {
    background: $border; border-radius: 3px; margin: 2px; min-height: 32px; min-width: 32px;
}
QScrollBar::handle:hover { background: $outline; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $accent_soft; }
QTableView, QListView, QTreeView {
    background: $surface; border: 1px solid $border; border-radius: ${radius}px; gridline-color: $border;
    selection-background-color: $accent_soft; selection-color: $text;
}
QHeaderView::section {
    background: $surface; color: $muted; border: 0; border-bottom: 1px solid $border; padding: 6px 8px;
}
QHeaderView::up-arrow, QHeaderView::down-arrow {
    subcontrol-position: top center; width: 8px; height: 8px;
}
QHeaderView::up-arrow { image: url("$up"); }
QHeaderView::down-arrow { image: url("$down"); }
QTabWidget::pane { border: 0; }
QTabBar::tab {
    padding: 8px 12px; color: $muted; background: transparent; border: 0;
    border-bottom: 2px solid transparent;
}
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }
""")

_PICTURES = ("up", "down", "right", "check")


def stylesheet(t: Tokens, folder: str) -> str:
    """Return the stylesheet of theme `t`; the icons that it names are written into `folder`."""
    sizes = {
        "body": theme.scaled(theme.BODY),
        "caption": theme.scaled(theme.CAPTION),
        "section": theme.scaled(theme.SECTION),
        "title": theme.scaled(theme.TITLE),
        "key_figure": theme.scaled(theme.KEY_FIGURE),
        "top_class": theme.scaled(theme.TOP_CLASS),
        "page_button": theme.around_text(theme.CONTROL_HEIGHT + theme.GRID),
        "entry": theme.around_text(theme.CONTROL_HEIGHT - theme.GRID),
        "scroll_bar": theme.SCROLL_BAR,
        "radius": theme.RADIUS,
        "small": theme.RADIUS_SMALL,
        "inner": theme.around_text(theme.CONTROL_HEIGHT) - 2,
        "inner_focus": theme.around_text(theme.CONTROL_HEIGHT) - 4,
    }
    return _TEMPLATE.substitute(asdict(t), **sizes, **_write_pictures(t, folder))


def _write_pictures(t: Tokens, folder: str) -> dict[str, str]:
    """Write an SVG file per picture, with the theme in its name: else Qt would reuse the other theme's."""
    paths = {}
    for name in _PICTURES:
        colour = t.on_accent if name == "check" else t.muted
        path = Path(folder) / f"{name}-{t.name}.svg"
        path.write_text(icons.svg(name, colour), encoding="utf-8")
        paths[name] = path.as_posix()
    return paths
