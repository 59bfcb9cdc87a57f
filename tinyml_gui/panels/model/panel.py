"""The Model page: the layers as cards, and below them the fields of the selected one."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import SpecError
from engine.knobs import knobs_of, knobs_to_json
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec
from engine.shapes import describe_shape
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import add_layer, change_layer, move_layer, remove_layer
from tinyml_gui.look import icons, theme
from tinyml_gui.look.tab_order import order_focus
from tinyml_gui.look.widgets import (
    Card,
    Elided,
    HeadFigures,
    IconButton,
    Scrolling,
    Shrinking,
    caption,
    page_head,
    section,
    set_role,
)
from tinyml_gui.panels.forms import KnobForm
from tinyml_gui.panels.model.budget_strip import BudgetStrip
from tinyml_gui.panels.model.layer_card import COLUMNS, NUMBER_WIDTH, LayerList
from tinyml_gui.viewmodels.model_editor import head, layer_choices, layer_views, new_layer

__all__ = ["ModelPanel"]

_LOCKED: Final = "The network cannot be changed while it is being trained; stop training first"
_FIELDS_HEIGHT: Final = 47 * theme.GRID  # two rows of fields: the page does not jump between layers
_LIST_HEIGHT: Final = 28 * theme.GRID  # at least: three cards
_INPUT_TIP: Final = "What the network reads: height × width × channels"


class ModelPanel(QWidget):
    """Shows and edits the network."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._forms: dict[type[LayerSpec], KnobForm] = {}
        self.head, self._rest = HeadFigures(), Shrinking()
        self.layers = LayerList()
        self.add_button = _menu_button("add", "Add layer", _layer_menu(self, self._add))
        self.preset_button = _menu_button("model", "Start from preset", _preset_menu(self, self._use_preset))
        self.up_button = IconButton("up", "Move layer up (Alt+Up in the list)")
        self.down_button = IconButton("down", "Move layer down (Alt+Down in the list)")
        self.remove_button = IconButton("remove", "Remove layer (Delete in the list)")
        self._fields_title, self._fields_hint = section(""), Elided()
        self._forms_stack = QStackedLayout()
        self._fields = self._make_fields()
        self._input = caption()
        self.budget = BudgetStrip(controller.deployment)
        self._input.setToolTip(_INPUT_TIP)
        self._lay_out()
        self._connect()
        self._fill()

    @property
    def form(self) -> KnobForm | None:
        """The fields of the selected layer."""
        widget = self._forms_stack.currentWidget()
        return widget if isinstance(widget, KnobForm) else None

    # Layout

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addLayout(page_head("Model", self.head))
        column.addLayout(self._tools())
        column.addLayout(self._column_names())
        column.addWidget(self._scrolled(), stretch=1)
        below = QVBoxLayout()
        below.setContentsMargins(0, 0, theme.SCROLL_BAR, 0)  # as wide as the cards, which scroll
        below.setSpacing(column.spacing())
        below.addWidget(self._fields)
        below.addWidget(self.budget)
        column.addLayout(below)

    def _tools(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, theme.SCROLL_BAR, 0)
        row.setSpacing(theme.GAP)
        row.addWidget(self.add_button)
        row.addWidget(self.preset_button)
        row.addStretch()
        row.addWidget(self._rest)
        return row

    def _column_names(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(3 * theme.GRID, 0, 3 * theme.GRID + theme.SCROLL_BAR, 0)
        row.setSpacing(theme.GAP)
        row.addSpacing(theme.scaled(NUMBER_WIDTH) + theme.GAP)
        row.addWidget(self._input)
        row.addStretch()
        for name, width in COLUMNS.items():
            made = caption(name)
            made.setFixedWidth(theme.scaled(width))
            made.setToolTip("Counted from the description of the network")
            made.setAlignment(Qt.AlignmentFlag.AlignRight)
            row.addWidget(made)
        return row

    def _scrolled(self) -> QScrollArea:
        self._area = Scrolling(self.layers)
        self._area.setMinimumHeight(theme.around_text(_LIST_HEIGHT, lines=3))
        return self._area

    def _make_fields(self) -> Card:
        card = Card()
        card.setMinimumHeight(theme.around_text(_FIELDS_HEIGHT, lines=5))
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(self._fields_title)
        row.addSpacing(theme.GAP)
        row.addWidget(self._fields_hint, stretch=1)
        for widget in (self.up_button, self.down_button, self.remove_button):
            row.addWidget(widget)
        card.body.addLayout(row)
        card.body.addLayout(self._forms_stack)
        self._forms_stack.addWidget(QWidget())
        return card

    def _connect(self) -> None:
        controller = self._controller
        controller.model_changed.connect(self._fill)
        controller.selection_changed.connect(self._fill)
        controller.params_published.connect(self._fill_head)
        controller.training.changed.connect(self._update_lock)
        self.layers.selected.connect(controller.select)
        self.layers.resized.connect(self._show_selected)
        self.layers.moved.connect(self._move)
        self.layers.remove_asked.connect(self._remove)
        self.up_button.clicked.connect(self._move_up)
        self.down_button.clicked.connect(self._move_down)
        self.remove_button.clicked.connect(self._remove_selected)

    # Showing

    def _fill(self) -> None:
        state = self._controller.state
        document = state.document
        self._input.setText(f"Input {describe_shape(document.spec.input_shape)}")
        self.layers.fill(layer_views(document.spec, document.fault), state.selection)
        self._fill_head()
        self._fill_fields()
        self._update_lock()
        self._show_selected()

    def _show_selected(self) -> None:
        """Scroll to the selected card: after a selection, and once new cards have their places."""
        if self.layers.cards:
            self._area.ensureWidgetVisible(self.layers.cards[self.layers.selection], 0, theme.GAP)

    def _fill_head(self) -> None:
        shown = head(self._controller.state.document)
        self.head.show_figures(shown.figure, shown.caption, shown.in_int8)
        self._rest.show_text(shown.rest)

    def _fill_fields(self) -> None:
        layer = self._selected()
        if layer is None:
            self._fields_title.setText("No layers")
            self._show_hint("Add one to begin")
            self._forms_stack.setCurrentIndex(0)
            return
        form = self._form_of(type(layer))
        form.set_values(knobs_to_json(layer))
        self._forms_stack.setCurrentWidget(form)
        self._fields_title.setText(f"{self._controller.state.selection + 1}  {layer.title}")
        self._show_hint("" if form.fields else "This layer has nothing to set")
        fault = self._controller.state.document.fault
        if fault is not None and fault.layer == self._controller.state.selection:
            form.show_error(fault.field, "See the card above")

    def _show_hint(self, words: str, role: str = "muted") -> None:
        set_role(self._fields_hint, role)
        self._fields_hint.show_text(words)

    def _show_form_error(self, sentence: str) -> None:
        self._show_hint(sentence, "error")

    def _form_of(self, cls: type[LayerSpec]) -> KnobForm:
        if cls not in self._forms:
            form = KnobForm(knobs_of(cls), below=False)  # there is no room that would not move the page
            form.errors_changed.connect(self._show_form_error)
            form.changed.connect(self._change)
            self._forms[cls] = form
            self._forms_stack.addWidget(form)
            order_focus(self)
        return self._forms[cls]

    def _selected(self) -> LayerSpec | None:
        layers = self._controller.state.document.spec.layers
        return layers[self._controller.state.selection] if layers else None

    def _update_lock(self) -> None:
        free = not self._controller.training.is_running
        index, count = self._controller.state.selection, len(self.layers.cards)
        usable = {
            self.add_button: free,
            self.preset_button: free,
            self.up_button: free and index > 0,
            self.down_button: free and index < count - 1,
            self.remove_button: free and count > 0,
        }
        for widget, enabled in usable.items():
            widget.setEnabled(enabled)
            widget.setToolTip(widget.accessibleName() if free else _LOCKED)
        if self._fields.isEnabled() != free:
            self._fields.setEnabled(free)
            self._fields.setToolTip("" if free else _LOCKED)
        self.setToolTip("" if free else _LOCKED)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event):
            self.add_button.setIcon(icons.icon("add"))
            self.preset_button.setIcon(icons.icon("model"))

    # Intents

    def _change(self, name: str, value: object) -> None:
        state, layer = self._controller.state, self._selected()
        if layer is None or getattr(layer, name) == value:
            return
        try:
            changed = layer.replace(**{name: value})
        except SpecError as error:
            if self.form is not None:
                self.form.show_error(error.field or name, error.reason)
            return
        edit = change_layer(state.document.spec, state.selection, changed)
        self._controller.edit(edit, merge=("field", state.selection, name))

    def _add(self) -> None:
        state, kind = self._controller.state, _data_of(self.sender())
        at = state.selection + 1 if state.document.spec.layers else 0
        self._controller.edit(add_layer(state.document.spec, at, new_layer(kind)), select=at)
        self.layers.setFocus()

    def _use_preset(self) -> None:
        self._controller.use_preset(_data_of(self.sender()))

    def _move(self, index: int, to: int) -> None:
        self._controller.edit(move_layer(self._controller.state.document.spec, index, to), select=to)

    def _move_up(self) -> None:
        self._move(self.layers.selection, self.layers.selection - 1)

    def _move_down(self) -> None:
        self._move(self.layers.selection, self.layers.selection + 1)

    def _remove(self, index: int) -> None:
        self._controller.edit(remove_layer(self._controller.state.document.spec, index))

    def _remove_selected(self) -> None:
        self._remove(self.layers.selection)


def _data_of(sender: object) -> str:
    return str(sender.data()) if isinstance(sender, QAction) else ""


def _menu_button(icon: str, text: str, menu: QMenu) -> QToolButton:
    made = QToolButton()
    made.setText(f" {text}")  # the style puts no room between icon and text
    made.setAccessibleName(text)
    made.setIcon(icons.icon(icon))
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    made.setProperty("role", "menu")
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.setMenu(menu)
    return made


def _layer_menu(parent: QWidget, slot: object) -> QMenu:
    menu = QMenu(parent)
    for kind, words, doc in layer_choices():
        _add_action(menu, words, doc, kind, slot)
    return menu


def _preset_menu(parent: QWidget, slot: object) -> QMenu:
    menu = QMenu(parent)
    for name, preset in PRESETS.items():
        _add_action(menu, preset.title, preset.doc, name, slot)
    return menu


def _add_action(menu: QMenu, words: str, tip: str, data: str, slot: object) -> None:
    action = QAction(words, menu)
    action.setStatusTip(tip)
    action.setData(data)
    action.triggered.connect(slot)
    menu.addAction(action)
