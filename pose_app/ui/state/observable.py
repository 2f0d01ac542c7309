"""Observable values, free of Qt."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

Slot = Callable[..., object]


class Signal:
    """Calls every connected function with the emitted values, in the order of connection.

    Bound methods are held weakly: connecting does not keep their object alive.
    """

    def __init__(self) -> None:
        self._slots: list[Callable[[], Slot | None]] = []

    def connect(self, slot: Slot) -> None:
        """Call `slot` at every `emit`."""
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
    """Base of states: attributes that emit `changed(name)` when they get another value.

    A subclass annotates its attributes with their first values; assigning any other attribute
    raises AttributeError.
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
