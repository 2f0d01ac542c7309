"""The messages of the window and how long each is shown. Free of Qt.

- An *error* stays in the banner until its topic is settled (it works again) or the user closes
  it. Errors of different topics wait behind each other; none is lost.
- A *fact* is shown once as a toast and disappears by itself; the newest replaces the one before.
- A *state* is what goes on now ("Opening the camera…"), in the status bar; it ends with its topic
  or with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["error", "fact", "state"]
Action = tuple[str, Callable[[], object]]  # what a button says, and what it does


@dataclass(frozen=True)
class Notice:
    """One sentence for the user.

    `topic` is what it is about (`source`, `model`, `recording`, ...); an error without one stays
    until it is closed by hand. `actions` become buttons; a state has none.
    """

    topic: str
    kind: Kind
    text: str
    actions: tuple[Action, ...] = ()


class Notices:
    """The messages to be shown now. Not thread-safe: for the UI thread alone."""

    def __init__(self) -> None:
        self._errors: list[Notice] = []  # the newest first
        self._states: list[Notice] = []  # the newest last
        self._fact: Notice | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def errors(self) -> tuple[Notice, ...]:
        """The errors that are not settled, the newest first."""
        return tuple(self._errors)

    @property
    def state(self) -> str:
        """The newest state; empty where there is none."""
        return self._states[-1].text if self._states else ""

    @property
    def fact(self) -> Notice | None:
        """The newest fact, until `forget`."""
        return self._fact

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed()` after every change of what is to be shown."""
        self._listeners.append(changed)

    def show(self, notice: Notice) -> None:
        """Add a notice. Raises ValueError for an empty text."""
        if not notice.text:
            raise ValueError("a notice needs a text")
        if notice.kind == "error":
            self._errors = [notice, *(old for old in self._errors if not _same(old, notice))]
            self._end_states(notice.topic)
        elif notice.kind == "state":
            self._end_states(notice.topic)
            self._states.append(notice)
        else:
            self._fact = notice
        self._tell()

    def error(self, topic: str, text: str, *actions: Action) -> None:
        """What went wrong and what to do about it; replaces the error of the same topic."""
        self.show(Notice(topic, "error", text, actions))

    def tell(self, topic: str, text: str, *actions: Action) -> None:
        """Show a fact."""
        self.show(Notice(topic, "fact", text, actions))

    def begin(self, topic: str, text: str) -> None:
        """A state: what goes on from now until `end` or `settle` of its topic."""
        self.show(Notice(topic, "state", text))

    def end(self, topic: str) -> None:
        """The state of this topic is over; an error of it stays."""
        if self._end_states(topic):
            self._tell()

    def settle(self, topic: str) -> None:
        """All is well with this topic: its error and its state go."""
        kept = [error for error in self._errors if not topic or error.topic != topic]
        settled = len(kept) < len(self._errors)
        self._errors = kept
        if self._end_states(topic) or settled:
            self._tell()

    def dismiss(self) -> None:
        """The user closed the error that is shown; the one behind it is shown next."""
        if self._errors:
            del self._errors[0]
            self._tell()

    def forget(self) -> None:
        """The fact was shown for long enough."""
        if self._fact is not None:
            self._fact = None
            self._tell()

    def _end_states(self, topic: str) -> bool:
        kept = [state for state in self._states if state.topic != topic]
        ended = len(kept) < len(self._states)
        self._states = kept
        return ended

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _same(old: Notice, new: Notice) -> bool:
    """Whether the new error replaces the old one: same topic, or the same text."""
    return old.text == new.text if not new.topic else old.topic == new.topic
