"""What every part of the window may use, in one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..pipeline.session import Session
    from .app_settings import AppSettings
    from .dialogs.asking import Dialogs
    from .notices import Notices
    from .tasks import TaskRunner


@dataclass(frozen=True)
class AppContext:
    """Handed to every controller.

    The session, what is remembered, work on other threads, messages and the dialogs that wait for a
    person.

    A controller gets this and the widgets that it owns. What it knows reaches others through its
    signals, which the main window connects.
    """

    session: Session
    settings: AppSettings
    tasks: TaskRunner
    notices: Notices
    dialogs: Dialogs
