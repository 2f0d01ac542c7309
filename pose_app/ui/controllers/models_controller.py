"""Commands about the model: which one, on what engine, how many stacks; and the badge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton

from ...engines import progress
from ...errors import PoseAppError
from ...settings_table import CHOICE_LABELS, SETTINGS
from ..dialogs import file_filters
from ..sessions import estimators

if TYPE_CHECKING:
    from ...engines.base import EngineInfo
    from ...engines.hardware import Choice
    from ...pipeline.events import Event
    from ...pipeline.metrics import FrameMetrics
    from ...pose.estimator import PoseEstimator
    from ..context import AppContext

_CHOICES = (
    ("model.engine", "Engine"),
    ("model.device", "Device"),
    ("model.precision", "Precision"),
)
_DEFAULTS = {
    "model.name": "default",
    "model.engine": "auto",
    "model.device": "auto",
    "model.precision": "auto",
}

_PATIENCE = 8  # figures without all of a network, each a fifth of a second, before it is explained


class ModelsController(QObject):
    """Loads models; keeps the model button (a badge that shows what really runs) and its menu.

    `preparing(str)`: there are pictures, but the model, or all but its first stack, is not ready
    because this is being done; empty where nothing is.
    """

    preparing = Signal(str)

    def __init__(
        self, context: AppContext, button: QToolButton, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._context = context
        self._button = button
        context.settings.changed.connect(self._settings_changed)
        self._waited = 0  # figures in a row without a network, or with its first stack alone
        self._grown: EngineInfo | None = None  # the engine of which more than one stack ran
        self._loading = True
        self._asked = self._requested()
        self._running: dict[str, str] | None = None
        self._opened = self._asked  # by the session, which may be behind what was asked for last
        self._choices: dict[tuple[str, str], QAction] = {}
        self._present = QMenu(self.tr("Model"), button)
        self._present.aboutToShow.connect(self.look_for_models)
        self._stacks = QMenu(self.tr("Stacks to run"), button)
        self._stacks_all = 0
        self._entries: list[Any] = []

    @property
    def slots(self) -> dict[str, Callable[..., object]]:
        """What this controller's commands do, by their names in `chrome.actions`."""
        return {
            "models": self.show_dialog,
            "open_model": self.choose_file,
            "smooth": self.set_smoothing,
        }

    def fill(self, menu: QMenu, before: QAction) -> None:
        """Fill the model menu with the models and the choices."""
        menu.insertMenu(before, self._present)
        for key, title in _CHOICES:
            menu.insertMenu(before, self._choice_menu(key, self.tr(title)))
        menu.insertMenu(before, self._stacks)
        menu.insertSeparator(before)
        self._renew_stacks(0)
        self._renew_models()
        self.look_for_models()
        menu.aboutToShow.connect(self.look_for_devices)  # not at the start: it takes a while

    def open(self, model: str) -> None:
        """Load a model by name or file; the old one runs until it is loaded."""
        if model == self._asked["model.name"]:
            self._load()  # its file may be another one now
        else:
            self._context.settings.set("model.name", model)

    def choose_file(self) -> None:
        path = self._context.dialogs.open_file(
            self._button.window(),
            self.tr("Open model file"),
            str(Path.home()),
            file_filters.models(),
        )
        if path:
            self.open(path)

    def show_dialog(self) -> None:
        from ..dialogs.models import ModelsDialog

        dialog = ModelsDialog(
            self._context.tasks,
            self._button.window(),
            current=self._asked["model.name"],
            dialogs=self._context.dialogs,
            metrics=self._context.session.metrics,
        )
        dialog.model_chosen.connect(self.open)
        self._context.dialogs.show(dialog)
        self.look_for_models()

    def choose(self, key: str, choice: str) -> None:
        """Load the model again on another engine or device, or in another precision."""
        self._context.settings.set(key, choice)

    def set_stacks(self, stacks: int) -> None:
        """Run the first so many stacks; 0 = as many as the frame rate allows."""
        self._context.settings.set("model.stacks", stacks)
        self._renew_stacks(self._stacks_all)  # a tick that the click has set

    def set_smoothing(self, smooth: bool) -> None:
        self._context.settings.set("pose.smoothing", smooth)

    def _settings_changed(self, keys: frozenset[str]) -> None:
        settings, controls = self._context.settings, self._context.session.controls
        if "pose.smoothing" in keys:
            controls.smoothing = settings.get("pose.smoothing")
        if "pose.people" in keys:
            controls.people = settings.get("pose.people")
        if "model.stacks" in keys:
            controls.stacks = settings.get("model.stacks") or "auto"
            self._renew_stacks(self._stacks_all)
        if self._requested() != self._asked:
            self._load()

    # What the session tells

    def happened(self, event: Event) -> None:
        """Follow the session's model."""
        if event.kind == "model_loaded":
            self._loading = False
            self._running = self._opened
        elif event.kind == "model_failed":
            self._failed(event.message)

    def _failed(self, message: str) -> None:
        """Put the settings back to the model that still runs.

        Where none runs, try the saved settings if the command line asked for something else, then
        the default model.
        """
        self._loading = False
        if self._running is None and self._context.settings.end_overrides(_DEFAULTS):
            saved = self.tr("The model of the preferences is used instead.")
            self._context.notices.error("", f"{message} {saved}")
            return
        good = self._running or _DEFAULTS
        if self._asked == good:
            return
        if self._running is not None:
            self._asked = good  # nothing is to be loaded
            self._context.settings.update(good)
            self._renew_models()
            return
        self._context.settings.update(good)
        # No topic: it stays when the default model is loaded.
        instead = self.tr("The default model is used instead, on the engine chosen automatically.")
        self._context.notices.error("", f"{message} {instead}")

    def show_stats(self, stats: FrameMetrics) -> None:
        """Show what really runs in the badge, amber when that is not what was asked for."""
        button = self._button
        info = stats.engine
        if stats.stacks_now not in (None, 1) or stats.stacks_all == 1:
            self._grown = info
        waits = stats.captured > 0 and (self._loading if info is None else info != self._grown)
        self._waited = self._waited + 1 if waits else 0
        self.preparing.emit((progress.current() or "") if self._waited >= _PATIENCE else "")
        if info is None:
            text, tip, amber = self.tr("Loading the model…"), "", False
            if not self._loading:
                text, amber = self.tr("No model"), True
        else:
            text = info.badge(stats.stacks_now, stats.stacks_all)
            amber = info.reason is not None
            tip = info.reason or self.tr("Model {name}").format(name=stats.model or "")
            if info.table:
                tip += "\n" + self.tr("Measured here: {table}").format(table=info.table)
        if button.text() != text:
            button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(f"{text}. {tip}")
        state = "amber" if amber else ""
        if button.property("state") != state:
            button.setProperty("state", state)
            button.style().unpolish(button)
            button.style().polish(button)
        if stats.stacks_all and stats.stacks_all != self._stacks_all:
            self._renew_stacks(stats.stacks_all)

    def look_for_models(self) -> None:
        """Read the models folder on another thread."""
        from ...network import catalogue

        self._context.tasks.run(catalogue.installed, self._models_found)

    def _models_found(self, entries: list[Any] | None, error: PoseAppError | None) -> None:
        if error is not None:
            self._context.notices.error("model", str(error))
        elif entries is not None and entries != self._entries:
            self._entries = entries
            self._renew_models()

    def _load(self) -> None:
        self._loading = True
        settings = self._context.settings.stored
        asked = self._asked = self._requested()
        self._renew_models()
        factory = estimators(settings)

        def open_estimator() -> PoseEstimator:
            estimator = factory.open()
            self._opened = asked
            return estimator

        self._context.session.set_estimator(open_estimator, factory.others)

    def _requested(self) -> dict[str, str]:
        return {key: self._context.settings.get(key) for key in _DEFAULTS}

    def _renew_models(self) -> None:
        for (key, choice), action in self._choices.items():
            action.setChecked(self._asked[key] == choice)
        asked = self._asked["model.name"]
        self._present.clear()
        names = [entry.name for entry in self._entries] or ["default"]
        if asked not in names:
            names.append(asked)
        for name in names:
            label = self.tr("Default") if name == "default" else Path(name).name
            action = self._present.addAction(label.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(name == asked)
            action.triggered.connect(lambda checked=False, name=name: self.open(name))

    def look_for_devices(self) -> None:
        """Find, on another thread, which engines and devices are available."""
        from ...engines import kinds

        self._context.tasks.run(kinds.available, self._devices_found)

    def _devices_found(self, found: list[Choice] | None, error: PoseAppError | None) -> None:
        """Disable what is not available, with the reason as the tooltip."""
        for (key, word), action in self._choices.items():
            name = key.removeprefix("model.")
            if found is None or name not in ("engine", "device") or word == "auto":
                continue
            problems = [c.problem for c in found if getattr(c, name) == word]
            missing = bool(problems) and None not in problems
            action.setEnabled(not missing)
            action.setToolTip((problems[0] or "") if missing else "")

    def _choice_menu(self, key: str, title: str) -> QMenu:
        menu = QMenu(title, self._button)
        menu.setToolTipsVisible(True)
        group = QActionGroup(menu)
        choices = next(setting.choices for setting in SETTINGS if setting.key == key)
        for choice in choices:
            action = menu.addAction(self.tr(CHOICE_LABELS[choice]))
            action.setCheckable(True)
            self._choices[key, choice] = action
            group.addAction(action)
            action.triggered.connect(lambda checked=False, choice=choice: self.choose(key, choice))
        return menu

    def _renew_stacks(self, stacks: int) -> None:
        self._stacks_all = stacks
        self._stacks.clear()
        chosen = self._context.settings.get("model.stacks")
        for count in range(stacks + 1):
            text = self.tr("Automatic: as many as the frame rate allows") if count == 0 else ""
            action = self._stacks.addAction(text or str(count))
            action.setCheckable(True)
            action.setChecked(count == min(chosen, stacks))
            action.triggered.connect(lambda checked=False, count=count: self.set_stacks(count))
