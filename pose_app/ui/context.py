"""What all controllers share, in one object."""

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
    """The session, the settings, background tasks, notices and modal questions.

    A controller is given this and the widgets that it owns. It informs others through its
    signals, which the main window connects.
    """

    session: Session
    settings: AppSettings
    tasks: TaskRunner
    notices: Notices
    dialogs: Dialogs
