"""Recording in the real window: one state, whatever happens to the source; what is seen is kept."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest
from PySide6.QtCore import Qt

from pose_app.ui.controllers import recordings_controller
from tests.media import regular, write_video
from tests.ui.conftest import WAIT_MS, close, wait_for_pose


def last_frame(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of the last frame of a video."""
    with av.open(str(path)) as container:
        *_, frame = container.decode(video=0)
        return frame.to_ndarray(format="rgb24")


def record(window, qtbot, command: str, seconds: str = "0:01") -> list[Path]:
    """Record with a command, stop with the pill; the videos."""
    before = window.recordings.last
    window.commands[command].trigger()
    qtbot.waitUntil(lambda: window.record_button.text().startswith(f"■ {seconds}"), timeout=WAIT_MS)
    qtbot.mouseClick(window.record_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.recordings.last is not before, timeout=WAIT_MS)
    return [path for path in window.recordings.last.paths if path.suffix == ".mp4"]


def test_a_recording_that_goes_on_in_another_source_can_be_stopped(open_window, qtbot, tmp_path):
    clip = tmp_path / "other.mp4"
    write_video(clip, regular(200), size=(192, 96))
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["record_both"].trigger()
    qtbot.waitUntil(lambda: window.record_button.text().startswith("■ 0:01"), timeout=WAIT_MS)
    window.sources.open(str(clip))
    qtbot.waitUntil(lambda: "recording goes on in" in window.toast.text, timeout=WAIT_MS)
    assert window.record_button.text().startswith("■")
    assert window.commands["record"].text() == "Stop the recording"
    before = window.bridge.session.metrics().processed
    qtbot.waitUntil(
        lambda: window.bridge.session.metrics().processed > before + 10, timeout=WAIT_MS
    )
    window.commands["record_raw"].trigger()  # any record key stops it
    qtbot.waitUntil(lambda: not window.recording.running, timeout=WAIT_MS)
    assert window.record_button.text() == "Record"
    qtbot.waitUntil(lambda: "goes on" not in window.toast.text, timeout=WAIT_MS)
    files = window.recordings.last.files
    first, second = (file.path for file in files if file.kind == "annotated")
    assert first != second
    assert window.toast.text == f"Saved {second.name}, the last of 2 parts"


def test_the_pill_stops_in_full_screen_too(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    assert window.pill.isHidden()
    window.commands["fullscreen"].trigger()
    window.commands["record"].trigger()
    qtbot.waitUntil(window.pill.isVisible, timeout=WAIT_MS)
    assert window.canvas.rect().contains(window.pill.geometry())
    window.pill.click()
    qtbot.waitUntil(lambda: not window.recording.running, timeout=WAIT_MS)
    assert window.pill.isHidden()
    window.commands["fullscreen"].trigger()


def test_a_blurred_background_is_blurred_in_the_file_and_the_heatmap_is_in_it(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["black"].trigger()
    window.view.region = False
    (bare,) = record(window, qtbot, "record_skeleton")
    window.commands["heatmap"].trigger()
    (shown,) = record(window, qtbot, "record")
    dark = [np.mean(last_frame(path).max(axis=2) < 40) for path in (bare, shown)]
    assert dark[0] > 0.8, "nothing of the picture is in it"
    assert dark[1] > 0.5
    assert dark[0] - dark[1] > 0.005, "the heatmap is in it"


def test_stacks_side_by_side_are_one_picture(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    (video,) = record(window, qtbot, "record_stacks")
    height, width = last_frame(video).shape[:2]
    size = window.canvas.result.frame.size
    assert width * height > size[0] * size[1]


def test_a_countdown_stands_in_the_picture(open_window, qtbot, settings):
    settings.set("recording.countdown", 3)
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["record"].trigger()
    assert window.countdown.isVisible()
    assert window.countdown.text() == "3"
    assert not window.recording.running
    qtbot.waitUntil(lambda: window.recording.running, timeout=WAIT_MS)
    assert window.countdown.isHidden()
    window.commands["record"].trigger()
    window.commands["record"].trigger()
    assert window.countdown.isVisible()
    window.commands["record"].trigger()
    assert window.countdown.isHidden()


def test_what_quitting_completed_is_told_at_the_next_start(open_window, qtbot, settings):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["record"].trigger()
    qtbot.waitUntil(lambda: "0:01" in window.record_button.text(), timeout=WAIT_MS)
    close(window, qtbot)
    again = open_window("demo")
    told: list[str] = []  # other facts may follow at once
    again.notices.listen(lambda: told.append(again.toast.text))
    expected = "Completed when pose-app was quit: pose-"
    qtbot.waitUntil(lambda: any(text.startswith(expected) for text in told), timeout=WAIT_MS)
    wait_for_pose(again, qtbot)


@pytest.mark.parametrize("seconds", [15])
def test_the_last_seconds_can_be_saved(open_window, qtbot, settings, seconds):
    settings.set("recording.replay_seconds", seconds)
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    qtbot.waitUntil(
        lambda: "MB in memory" in window.commands["save_replay"].text(), timeout=WAIT_MS
    )
    qtbot.wait(1500)
    window.commands["save_replay"].trigger()
    qtbot.waitUntil(lambda: "Saved the last seconds" in window.toast.text, timeout=WAIT_MS)
    (video,) = window.recordings.folder.glob("replay-*.mp4")
    assert last_frame(video).shape[0] > 0


@pytest.mark.parametrize("there", [True, False])
def test_the_folder_is_made_on_another_thread_and_opened(
    open_window, qtbot, settings, dialogs, monkeypatch, tmp_path, there
):
    """A disk may be a network's that does not answer: the window must not wait for it."""
    if not there:
        (tmp_path / "file").touch()
        settings.set("recording.folder", str(tmp_path / "file" / "recordings"))
    threads = []
    made = recordings_controller.made_folder

    def make(known):
        threads.append(threading.current_thread())
        return made(known)

    monkeypatch.setattr(recordings_controller, "made_folder", make)
    window = open_window("demo")
    window.commands["open_recordings"].trigger()
    if there:
        qtbot.waitUntil(lambda: dialogs.opened == [window.recordings.folder], timeout=WAIT_MS)
        assert window.recordings.folder.is_dir()
    else:
        qtbot.waitUntil(lambda: "choose another one" in window.banner.text, timeout=WAIT_MS)
        assert dialogs.opened == []
    assert threads
    assert threading.main_thread() not in threads
