"""What a session is asked to do: fixed at its start, or changed while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

from ..types import Region

Stacks = int | Literal["auto", "all"]


@dataclass(frozen=True)
class SessionOptions:
    """How a session treats its frames.

    `lossless`: sources that are not live wait for the network, so that no frame is dropped (`run`);
    otherwise the newest frame wins. `paced`: files are played at the speed of their timestamps (the
    window). `stacks` "auto" spends as many stacks as keep up with `target_fps`, by default the
    source's own rate. `threshold` None takes the model's. `reconnect`: a live source that is lost
    is looked for until it is back; otherwise losing it ends the session. `stall_seconds`: how long
    a live source or the engine may give no answer before it counts as lost. `frames` and `seconds`
    (of the session's timeline) end the session by itself. `people` is how many are followed at
    most, the largest first.
    """

    lossless: bool = False
    paced: bool = True
    stacks: Stacks = "auto"
    target_fps: float | None = None
    threshold: float | None = None
    smoothing: bool = True
    region: Region | None = None
    loop: bool = True
    reconnect: bool = True
    stall_seconds: float = 10.0
    frames: int | None = None
    seconds: float | None = None
    people: int = 4


class Controls:
    """Settable from any thread at any time; takes effect with the next frame.

    Attributes:
        stacks: "auto", "all" or how many run.
        fewest: So many run in any case (somebody looks at them).
        all_every: With "auto", so many seconds may pass until all stacks run for a frame (somebody
            looks at all of them); None = any number.
        shown: The stack (0 = first) whose joints the poses have; None = the last that ran.
        threshold: Score 0..1 from which a joint is present; None = the model's.
        smoothing: Whether joints are steadied over time.
        region: A square that somebody chose; None = follow the people.
        people: How many are followed at most, the largest first.
        paused: The newest frame is held, with all stacks. Live sources drop their frames.
        speed: Of files, 1.0 = as recorded.
        loop: Whether files begin again at their end.
    """

    stacks: Stacks
    fewest: int
    all_every: float | None
    shown: int | None
    threshold: float | None
    smoothing: bool
    region: Region | None
    paused: bool
    speed: float
    loop: bool
    people: int

    def __init__(self, options: SessionOptions) -> None:
        self.changed = threading.Condition()
        self.stacks = options.stacks
        self.fewest = 1
        self.all_every = None
        self.shown = None
        self.threshold = options.threshold
        self.smoothing = options.smoothing
        self.region = options.region
        self.paused = False
        self.speed = 1.0
        self.loop = options.loop
        self.people = options.people

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "changed" and name not in Controls.__annotations__:
            raise AttributeError(f"there is no control {name!r}")
        super().__setattr__(name, value)
        if name != "changed":
            self.wake()

    def wake(self) -> None:
        """Let every thread that waits for a change look again."""
        with self.changed:
            self.changed.notify_all()
