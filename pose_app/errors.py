"""The errors that users see.

Every message is one sentence that says what to do. The command line prints it without a traceback
and exits with status 2; the window shows it in a banner and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping


class PoseAppError(Exception):
    """Base of all errors that users can do something about."""


class SourceError(PoseAppError):
    """A camera, video, stream or image cannot be read."""


class CameraError(SourceError):
    """A camera cannot be opened; `identity` is as in `SourceInfo`."""

    def __init__(self, message: str, identity: Mapping[str, str]) -> None:
        super().__init__(message)
        self.identity = dict(identity)

    def is_of(self, identity: Mapping[str, str]) -> bool:
        """Whether `identity` is of the same camera, in any mode."""
        known = ("name", "backend", "index", "path", "vid", "pid")
        return bool(identity) and all(self.identity.get(k) == identity.get(k) for k in known)


class ModelError(PoseAppError):
    """A model file, its description or its download is not usable."""


class EngineError(PoseAppError):
    """A network cannot run on the engine, device or precision asked for."""


class RecordingError(PoseAppError):
    """A recording or log cannot be written, read, verified or repaired."""


class SettingsError(PoseAppError):
    """A setting has an invalid value, or the settings cannot be written."""


class DataError(PoseAppError):
    """Training or evaluation data cannot be read."""


def without_frames(error: BaseException) -> None:
    """Remove the tracebacks of an exception that is stored after it was handled.

    Their stack frames would keep objects alive: decoders with their threads, engines, images.
    """
    found: BaseException | None = error
    while found is not None and found.__traceback__ is not None:
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
