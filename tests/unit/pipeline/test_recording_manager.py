"""Recordings that go on in new files, fed from the reader's and the inference thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pose_app.drawing.options import DrawOptions
from pose_app.pipeline.delivery import DeliveryPolicy
from pose_app.pipeline.events import EventList
from pose_app.pipeline.options import Controls, SessionOptions
from pose_app.pipeline.recording_manager import RecordingManager
from pose_app.pipeline.sinks import CapturedFrame, ProcessedFrame
from pose_app.recording import files
from pose_app.recording.active import ActiveRecording
from pose_app.recording.recording import RecordingRequest
from pose_app.recording.verify import verify
from pose_app.sources.base import SourceInfo
from pose_app.types import Frame
from tests.media import numbered_picture
from tests.poses import make_result
from tests.unit.recording.test_verify import MODEL
from tests.unit.recording.test_video_writer import _until, read_back

FIRST = SourceInfo(kind="camera", name="first", size=(192, 96), fps=10.0, live=True)
SECOND = replace(FIRST, name="second")


def captured(number: int, source: SourceInfo = FIRST) -> CapturedFrame:
    policy = DeliveryPolicy.of(SessionOptions(lossless=True), replace(source, live=False))
    frame = Frame(number, 0, number / 10, numbered_picture(number))
    return CapturedFrame(frame, number / 10, 0, source, policy)


@pytest.fixture
def keeper(tmp_path: Path) -> RecordingManager:
    made = RecordingManager(EventList(), Controls(SessionOptions()))
    request = RecordingRequest(tmp_path / "a.mp4", tmp_path / "r.mp4", tmp_path / "a.jsonl")
    made.start(request)
    return made


def through_network(keeper: RecordingManager, item: CapturedFrame, model: str = "model") -> None:
    keeper.on_inference(item)
    keeper.on_result(ProcessedFrame(item, make_result(item.frame), {**MODEL, "model": model}, 2))


def frames(folder: Path, kind: str) -> list[int]:
    found = {path.name: verify(path) for path in folder.glob(f"{kind}*.mp4")}
    assert all(check.good for check in found.values()), found
    return [found[name].frames for name in sorted(found, key=len)]


def test_poses_of_the_old_source_after_the_new_one_has_begun(
    keeper: RecordingManager, tmp_path: Path
) -> None:
    """The reader is ahead of the network: it opens the new files, the network's next frames are
    still of the old source. They go into its files, which are closed after that.
    """
    for number in range(6):
        keeper.on_frame(captured(number))
    for number in range(4):
        through_network(keeper, captured(number))
    keeper.on_frame(captured(6, SECOND))
    for number in (4, 5):
        through_network(keeper, captured(number))
    assert not keeper._closed
    for number in range(6, 9):
        if number > 6:
            keeper.on_frame(captured(number, SECOND))
        through_network(keeper, captured(number, SECOND))
        assert len(keeper._closed) == 1
    reports = keeper.close()
    assert len(reports) == 2
    assert frames(tmp_path, "r") == [6, 3]
    assert frames(tmp_path, "a") == [6, 3]


def test_the_new_source_begins_while_a_pose_of_the_old_one_is_taken(
    keeper: RecordingManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader opens the new files when the network's thread has chosen those of the pose."""
    for number in range(5):
        keeper.on_frame(captured(number))
    for number in range(4):
        through_network(keeper, captured(number))
    real, waiting = ActiveRecording.offer_result, [captured(5, SECOND)]

    def offer_result(self: ActiveRecording, *arguments: Any) -> None:
        if waiting:
            keeper.on_frame(waiting.pop())
        real(self, *arguments)

    monkeypatch.setattr(ActiveRecording, "offer_result", offer_result)
    through_network(keeper, captured(4))
    assert not waiting
    through_network(keeper, captured(5, SECOND))
    for number in range(6, 8):
        keeper.on_frame(captured(number, SECOND))
        through_network(keeper, captured(number, SECOND))
    assert len(keeper.close()) == 2
    assert frames(tmp_path, "r") == [5, 3]
    assert frames(tmp_path, "a") == [5, 3]


def test_what_waits_for_its_poses_when_the_recording_ends_is_closed(
    keeper: RecordingManager, tmp_path: Path
) -> None:
    for number in range(6):
        keeper.on_frame(captured(number, FIRST if number < 4 else SECOND))
        if number < 2:
            through_network(keeper, captured(number))
    (first, second) = keeper.close()
    assert first.conserved
    assert second.conserved
    assert frames(tmp_path, "r") == [4, 2]
    assert frames(tmp_path, "a") == [2]


def test_poses_of_a_camera_before_the_present_one_are_left_out(
    keeper: RecordingManager, tmp_path: Path
) -> None:
    """A live recording has closed the old files: it goes on whatever becomes of the network."""

    def of(number: int, source: SourceInfo) -> CapturedFrame:
        item = captured(number, source)
        return replace(item, policy=DeliveryPolicy.of(SessionOptions(), source))

    for number in range(3):
        keeper.on_frame(of(number, FIRST))
    for number in range(2):
        through_network(keeper, of(number, FIRST))
    keeper.on_frame(of(3, SECOND))
    assert len(keeper._closed) == 1
    through_network(keeper, of(2, FIRST))
    through_network(keeper, of(3, SECOND))
    keeper.close()
    assert frames(tmp_path, "r") == [3, 1]
    assert frames(tmp_path, "a") == [2, 1]


def test_parts_are_numbered_in_their_order_on_a_slow_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second part is asked for before the first one's files are created."""
    real, first_may = files.begin, threading.Event()
    asked: list[Path] = []

    def begin(path: Path) -> Path:
        asked.append(path)
        if len(asked) == 1:
            assert first_may.wait(60)
        return real(path)

    monkeypatch.setattr(files, "begin", begin)
    keeper = RecordingManager(EventList(), Controls(SessionOptions()))
    keeper.start(RecordingRequest(raw=tmp_path / "r.mp4"))
    for number in range(5):
        keeper.on_frame(captured(number))
    for number in range(5, 8):
        keeper.on_frame(captured(number, SECOND))
    threading.Timer(0.3, first_may.set).start()
    assert len(keeper.close()) == 2
    assert frames(tmp_path, "r") == [5, 3]


def test_another_model_while_everything_is_recorded(
    keeper: RecordingManager, tmp_path: Path
) -> None:
    """The network opens the new files, before the reader has brought anything for them."""
    for number in range(10):
        keeper.on_frame(captured(number))
        through_network(keeper, captured(number), "model" if number < 5 else "another")
    reports = keeper.close()
    assert len(reports) == 2
    # Frame 5 was in the old files already when its pose showed that there is another model.
    assert frames(tmp_path, "r") == [6, 4]
    assert frames(tmp_path, "a") == [5, 4]


def test_both_threads_find_that_a_frame_does_not_fit(
    keeper: RecordingManager, tmp_path: Path
) -> None:
    """Another model and another source at the same time: no frame goes into a file of another."""
    for number in range(4):
        keeper.on_frame(captured(number))
    for number in range(3):
        through_network(keeper, captured(number))
    through_network(keeper, captured(3), "another")
    keeper.on_frame(captured(4, SECOND))
    for number in range(4, 7):
        if number > 4:
            keeper.on_frame(captured(number, SECOND))
        through_network(keeper, captured(number, SECOND), "another")
    keeper.close()
    assert frames(tmp_path, "r") == [4, 3]
    assert frames(tmp_path, "a") == [3, 3]


def test_what_is_drawn_changes_in_mid_recording_and_goes_on_in_new_files(tmp_path: Path) -> None:
    keeper = RecordingManager(EventList(), Controls(SessionOptions()))
    keeper.set_drawing(DrawOptions("raw"))  # nothing is recorded: nothing to change
    keeper.start(RecordingRequest(tmp_path / "a.mp4", drawing=DrawOptions()))
    for number in range(6):
        if number == 2:
            _until(lambda: read_all(keeper) == 2)  # options are read when a frame is drawn
            keeper.set_drawing(DrawOptions(background="black"))
        through_network(keeper, captured(number, FIRST if number < 4 else SECOND))
    keeper.close()
    shown = [
        bool(image[:4].max() < 10)  # the uppermost rows, where nobody is
        for name in ("a.mp4", "a (2).mp4")
        for _, image in read_back(tmp_path / name)
    ]
    assert shown == [False, False, True, True, True, True]


def read_all(keeper: RecordingManager) -> int:
    """Frames of the recording that are drawn and written."""
    active = keeper._active
    assert active is not None
    assert active._annotated is not None
    return active._annotated._written
