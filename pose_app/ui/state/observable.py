"""Values that tell when they change, without Qt."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

Slot = Callable[..., object]


class Signal:
    """Calls every connected function with what is emitted, in the order they were connected.

    Bound methods are held weakly: an object that nobody else holds is not called any more.
    """

    def __init__(self) -> None:
        self._slots: list[Callable[[], Slot | None]] = []

    def connect(self, slot: Slot) -> None:
        """Call `slot` from now on whenever something is emitted."""
        if inspect.ismethod(slot):
            self._slots.append(weakref.WeakMethod(slot))
        else:
            self._slots.append(lambda: slot)

    def emit(self, *values: Any) -> None:
        """Call every slot with these values."""
        for reference in tuple(self._slots):
            slot = reference()
            if slot is None:
                self._slots.remove(reference)
            else:
                slot(*values)


class Observable:
    """Its attributes are those that a subclass annotates.

    Each with its value at the start; assigning another value emits `changed(name)` once.

    Raises AttributeError where something else is assigned.
    """

    changed: Signal

    def __init__(self) -> None:
        self.__dict__["changed"] = Signal()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).__annotations__:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        if getattr(self, name) != value:
            self.__dict__[name] = value
            self.changed.emit(name)
