"""The stacked hourglass network and its model files. Importing the package loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoints import load_checkpoint

__all__ = ["load_checkpoint"]


def __getattr__(name: str) -> Any:
    """Import torch only when `load_checkpoint` is used."""
    if name == "load_checkpoint":
        from .checkpoints import load_checkpoint

        return load_checkpoint
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
