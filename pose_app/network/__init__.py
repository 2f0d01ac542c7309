"""The stacked hourglass network and the files it is stored in; the only room that needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoints import load_checkpoint

__all__ = ["load_checkpoint"]


def __getattr__(name: str) -> Any:
    """Import torch only when a network is really loaded."""
    if name == "load_checkpoint":
        from .checkpoints import load_checkpoint

        return load_checkpoint
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
