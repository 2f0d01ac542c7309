"""Which events of a session become a banner, a toast, or nothing; and when a banner goes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pose_app.pipeline.events import Event
from pose_app.pipeline.metrics import FrameMetrics
from pose_app.settings import Settings
from pose_app.sources.base import SourceInfo
from pose_app.ui.app_settings import AppSettings
from pose_app.ui.controllers.messages_controller import MessagesController
from pose_app.ui.notices import Notices
from pose_app.ui.tasks import TaskRunner
from tests.media import regular, write_video
from tests.ui.conftest import WAIT_MS

CAMERA = SourceInfo(kind="camera", name="Desk camera", size=(640, 480), live=True)
DARK = "The camera's picture is black: open its cover, or turn on a light."


@pytest.fixture
def messages(qapp, tmp_path: Path) -> MessagesController:
    settings = AppSettings(Settings(tmp_path / "settings.json"), TaskRunner())
    return MessagesController(SimpleNamespace(notices=Notices(), settings=settings))


def shown(messages: MessagesController) -> list[str]:
    return [error.text for error in messages._notices.errors]


def test_a_recording_that_starts_settles_the_recordings_trouble(messages) -> None:
    messages.happened(Event("warning", "The disk is nearly full.", topic="recording"))
    messages.happened(Event("source_lost", "Desk camera is lost."))
    messages.happened(Event("recording_started", "Recording to a.mp4."))
    assert shown(messages) == ["Desk camera is lost."]
    messages.happened(Event("source_back", "Desk camera is back.", CAMERA))
    messages.happened(Event("warning", "CUDA failed: going on with the next.", topic="model"))
    messages.happened(Event("model_loaded", "Loaded."))
    assert shown(messages) == []


def test_an_engine_that_was_replaced_is_told_until_a_model_is_loaded(messages) -> None:
    messages.happened(Event("engine_changed", "CUDA failed: going on with OpenVINO."))
    assert len(shown(messages)) == 1
    messages.happened(Event("model_loaded", "Loaded."))
    assert shown(messages) == []


def test_a_faster_engine_is_a_fact_and_hides_no_trouble(messages) -> None:
    messages.happened(Event("source_lost", "Desk camera is lost."))
    messages.happened(Event("engine_improved", "Now running on OpenVINO."))
    assert shown(messages) == ["Desk camera is lost."]
    assert messages._notices.fact.text == "Now running on OpenVINO."


def test_what_is_wrong_with_a_camera_stays_until_it_is_right(messages) -> None:
    dark = SourceInfo(kind="camera", name="Desk camera", size=(640, 480), live=True, note=DARK)
    messages.happened(Event("warning", DARK, dark))
    messages.show_stats(FrameMetrics(source=dark))
    assert shown(messages) == [DARK]
    messages.show_stats(FrameMetrics(source=CAMERA))
    assert shown(messages) == []


def test_a_camera_that_gives_another_size_than_asked_is_a_fact(messages) -> None:
    note = "Asked for 1920x1080, the camera gives 1280x720."
    info = SourceInfo(kind="camera", name="Desk camera", size=(1280, 720), live=True, note=note)
    messages.happened(Event("source_opened", "Desk camera: 1280 x 720.", info))
    messages.happened(Event("warning", note, info))
    assert shown(messages) == []
    assert messages._notices.fact.text == note


def test_another_size_is_no_trouble(messages) -> None:
    video = SourceInfo(kind="video", name="a.mp4", size=(320, 240))
    messages.happened(Event("warning", "a.mp4 is now 320 x 240.", video))
    assert shown(messages) == []
    assert messages._notices.fact.text == "a.mp4 is now 320 x 240."


def test_pictures_of_different_sizes_are_no_reason_for_a_message(
    open_window, qtbot, tmp_path
) -> None:
    for number, size in enumerate([(64, 48), (48, 64), (100, 20), (64, 48)]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((*size, 3), 90, np.uint8))
    window = open_window(str(tmp_path))
    sizes = set()
    window.bridge.result.connect(lambda result: sizes.add(result.frame.size))
    qtbot.waitUntil(lambda: window.play.paused, timeout=WAIT_MS)
    for position in ("2 of 4", "3 of 4", "4 of 4"):
        window.commands["step"].trigger()
        qtbot.waitUntil(lambda: window.playback.position.text() == position, timeout=WAIT_MS)  # noqa: B023
    assert len(sizes) > 1
    assert window.banner.text == ""
    assert window.toast.text == ""


@pytest.mark.parametrize("player", [True, False])
def test_play_in_a_toast_opens_in_the_window_where_there_is_no_player(
    open_window, qtbot, tmp_path, dialogs, player
) -> None:
    dialogs.has_player = player
    clip = tmp_path / "clip.mp4"
    write_video(clip, regular(20), size=(192, 96))
    window = open_window("demo")
    window.recordings.play(clip)
    if player:
        qtbot.waitUntil(lambda: dialogs.opened == [clip], timeout=WAIT_MS)
        assert window.sources.info is None or window.sources.info.kind == "demo"
    else:
        qtbot.waitUntil(
            lambda: window.sources.info is not None and window.sources.info.name == "clip.mp4",
            timeout=WAIT_MS,
        )
        assert dialogs.opened == []
