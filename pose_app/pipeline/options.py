"""Options of a session: fixed at its start (`SessionOptions`) or changeable (`Controls`)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Literal

from ..types import Region

Stacks = int | Literal["auto", "all"]


@dataclass(frozen=True)
class SessionOptions:
    """How a session processes its frames.

    Attributes:
        lossless: Sources that are not live wait for the network, so that no frame is dropped
            (`run`); otherwise the newest frame wins.
        paced: Files are played at the speed of their timestamps (the window).
        stacks: As in `Controls`.
        target_fps: The rate for stacks "auto"; None = the source's.
        threshold: As in `Controls`.
        smoothing: As in `Controls`.
        region: As in `Controls`.
        loop: As in `Controls`.
        reconnect: A lost live source is opened again when it is back; otherwise the session ends.
        stall_seconds: How long a live source may be silent before it counts as lost; an engine,
            three times as long.
        frames: End the session after so many frames.
        seconds: End the session at this time of its timeline; of live sources with `lossless`, so
            long after the first frame that reached the network.
        people: As in `Controls`.
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
    """Values that any thread may change at any time, from the next frame on.

    Attributes:
        stacks: How many stacks run: a number, "all", or "auto" for as many as keep up with the
            source.
        fewest: The least number of stacks to run, because they are shown.
        all_every: With "auto", run all stacks for one frame every so many seconds, because all are
            shown; None = never.
        shown: The stack (0 = first) that the joints of the poses come from; None = the last one.
        threshold: Score 0..1 from which a joint is present; None = the model's.
        smoothing: Whether joints are smoothed over time.
        region: A region that the user chose; None = track the people.
        people: How many are tracked at most, the largest first.
        paused: Hold the newest frame, with all stacks. Frames of live sources are dropped.
        speed: Of files, 1.0 = as recorded.
        loop: Whether files start again at their end.
        recording: Whether a recording runs; set by `RecordingManager`.
        replay: Whether the last seconds are kept in memory; set by `Session.keep_replay`.
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
    recording: bool
    replay: bool

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
        self.recording = False
        self.replay = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "changed" and name not in Controls.__annotations__:
            raise AttributeError(f"there is no control {name!r}")
        super().__setattr__(name, value)
        if name != "changed":
            self.wake()

    def wake(self) -> None:
        """Wake all threads that wait for a change."""
        with self.changed:
            self.changed.notify_all()
