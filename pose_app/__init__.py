"""pose-app: watch a stacked hourglass network estimate poses, live.

`PoseEstimator` and the value types are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import PoseAppError
    from .pose.estimator import PoseEstimator
    from .types import Box, Frame, FrameResult, Pose, Region

__version__ = "0.1.0"

__all__ = [
    "Box",
    "Frame",
    "FrameResult",
    "Pose",
    "PoseAppError",
    "PoseEstimator",
    "Region",
    "__version__",
]

_HOMES = {
    "PoseEstimator": ".pose.estimator",
    "Box": ".types",
    "Frame": ".types",
    "FrameResult": ".types",
    "Pose": ".types",
    "Region": ".types",
    "PoseAppError": ".errors",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
