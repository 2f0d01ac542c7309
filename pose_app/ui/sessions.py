"""The window's sessions, made from the settings. Needs no Qt, so that the model loads before it."""

from __future__ import annotations

import argparse
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import SourceError
from ..paths import expanded
from ..pose.factory import EstimatorFactory, import_engine
from ..settings import Settings
from .controllers.openers import FIRST, last_target, opener

if TYPE_CHECKING:
    from ..pipeline.session import Session
    from ..sources.base import Source
    from ..sources.discover import CameraInfo

log = logging.getLogger(__name__)

# Seconds for which the thread that loads the model has Python for itself. It needs so many to find
# what to compile, and three times as many while Qt is imported; compiling needs no Python.
_HEAD_START = 0.05


@dataclass(frozen=True)
class Beginning:
    """What the window begins with: `target` is the source that `session` opens."""

    settings: Settings
    target: str | CameraInfo
    session: Session


def begin(arguments: argparse.Namespace) -> Beginning:
    """Read the settings and begin to load the model: it is half of the time to the first pose.

    `arguments` are those of `window_command`. Raises SettingsError for one that is none.
    """
    settings = Settings.load()
    for name in ("engine", "device", "precision"):
        if getattr(arguments, name, None):
            settings.override(f"model.{name}", getattr(arguments, name))
    if getattr(arguments, "model", None):
        settings.set("model.name", model_name(arguments.model))
    import_engine(settings.get("model.engine"))
    source = getattr(arguments, "source", None)
    target = last_target(settings) if source is None else str(source)
    session = make_session(settings, target, or_demo=True)
    load_first(session)
    return Beginning(settings, target, session)


def load_first(session: Session) -> None:
    """Begin to load a session's model, before Qt is imported."""
    session.load()
    time.sleep(_HEAD_START)


def model_name(text: str) -> str:
    """A model's name; of a file the absolute path, so that it is found from any folder."""
    path = expanded(text)
    return str(path.resolve()) if path.exists() else text


def make_session(settings: Settings, target: str | CameraInfo, *, or_demo: bool = False) -> Session:
    """A session made from the settings; nothing is opened or loaded before it is started.

    `or_demo`: where the first camera is asked for and there is none, the demo clip runs.
    """
    from ..pipeline.session import Session, SessionOptions
    from ..sources.opening import open_source

    factory = estimators(settings)
    open_target = opener(target, settings)

    def open_or_demo() -> Source:
        try:
            return open_target()
        except SourceError as error:
            log.info("the demo clip runs, because there is no camera to show: %s", error)
            return open_source("demo")

    return Session(
        open_or_demo if or_demo and target == FIRST else open_target,
        factory.open,
        SessionOptions(
            lossless=False,
            paced=True,
            stacks=settings.get("model.stacks") or "auto",
            threshold=threshold(settings),
            smoothing=settings.get("pose.smoothing"),
            people=settings.get("pose.people"),
            loop=settings.get("source.loop"),
        ),
        factory.others,
    )


def estimators(settings: Settings) -> EstimatorFactory:
    """The factory that loads the model on the session's thread, with the settings of now.

    Where the number of stacks is free, the first pose does not wait for all of them.
    """
    choice = {name: settings.get(f"model.{name}") for name in ("engine", "device", "precision")}
    return EstimatorFactory(
        settings.get("model.name"),
        **choice,
        threshold=threshold(settings),
        smoothing=settings.get("pose.smoothing"),
        first=None if settings.get("model.stacks") else 1,
    )


def threshold(settings: Settings) -> float | None:
    """The joint threshold of the settings; None = the model's own."""
    value = settings.get("pose.threshold")
    return None if value < 0 else float(value)
