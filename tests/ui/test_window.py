"""The real window on real sources: what a person does, and what they then see."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage
from PySide6.QtWidgets import QAbstractItemView, QLabel, QPushButton, QToolButton

from pose_app.network.model_files import SUFFIXES
from pose_app.paths import bundled
from pose_app.settings import Settings
from pose_app.skeletons import MPII_16
from pose_app.ui.controllers.snapshots_controller import drawn
from pose_app.ui.dialogs import file_filters
from pose_app.ui.main_window import MainWindow
from pose_app.ui.stacks.grid import StackGrid
from tests.media import regular, write_video
from tests.servers import MjpegServer
from tests.ui.conftest import WAIT_MS, close, wait_for_pose


def truth() -> dict[int, np.ndarray]:
    """Frame of the demo clip -> (K, 2) true joints, NaN where one is outside the picture."""
    lines = [json.loads(line) for line in bundled("assets", "demo.jsonl").read_text().splitlines()]
    frames = {}
    for line in lines:
        if line["type"] == "frame":
            frames[line["index"]] = np.array(
                [[x, y] if present else [np.nan] * 2 for x, y, _, present in line["joints"]]
            )
    return frames


def pixels(widget) -> np.ndarray:
    """(H, W, 3) of what a widget shows."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def hold(window, qtbot):
    """Pause, and wait until the last result on its way has been painted, however long it takes."""
    window.commands["pause"].trigger()
    session, before = window.bridge.session, None
    while True:
        now = session.metrics()
        state = now.captured, now.processed, sum(now.dropped.values()), id(window.canvas.result)
        still = state == before and now.captured == now.processed + sum(now.dropped.values())
        if still and window.canvas.result is session.latest():
            return window.canvas.result
        before = state
        qtbot.wait(300)


def test_the_skeleton_lies_on_the_person(open_window, qtbot):
    window = open_window("demo")
    true = truth()
    distances = []

    def collect(result) -> None:
        pose = result.person()
        if pose is not None:
            at = true[round(result.frame.seconds * 30) % len(true)]
            known = [pose.skeleton.index(name) for name in MPII_16.joints]
            away = np.linalg.norm(pose.joints[known] - at, axis=1)[pose.present[known]]
            distances.append(away / result.frame.size[1])

    window.bridge.result.connect(collect)
    qtbot.waitUntil(lambda: len(distances) >= 40, timeout=WAIT_MS)
    assert float(np.nanmedian(np.concatenate(distances))) < 0.02


def test_overlay_follows_stack_and_joint(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    result = hold(window, qtbot)
    sure = [int(joint) for joint in np.argsort(result.person().scores)[::-1]]
    window.view.skeleton = window.view.region = False
    looks = [pixels(window.canvas)]
    window.commands["heatmap"].trigger()
    looks.append(pixels(window.canvas))
    window.commands["stack_1"].trigger()
    assert window.bridge.session.controls.shown == 0
    looks.append(pixels(window.canvas))
    for joint in sure[:2]:
        window.view.joint = joint
        looks.append(pixels(window.canvas))
    window.view.colour_map = "viridis"
    looks.append(pixels(window.canvas))
    for i, look in enumerate(looks):
        for other in looks[:i]:
            assert np.any(look != other, axis=2).sum() > 200
    window.commands["next_joint"].trigger()
    assert window.view.joint == (sure[1] + 1) % len(sure)
    window.commands["all_joints"].trigger()
    assert window.view.joint is None


def test_keys_choose_stacks_and_compare(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    stacks = window.bridge.session.metrics().stacks_all
    qtbot.waitUntil(lambda: not window.commands[f"stack_{stacks + 1}"].isVisible())
    window.activateWindow()
    qtbot.keyClick(window.canvas, Qt.Key.Key_1)
    assert window.view.stack == 0
    qtbot.keyClick(window.canvas, Qt.Key.Key_0)
    assert window.view.stack is None
    hold(window, qtbot)
    alone = pixels(window.canvas)
    qtbot.keyClick(window.canvas, Qt.Key.Key_C)
    assert window.view.compare == 0
    assert np.any(alone != pixels(window.canvas))


def wait_for_recorded(window, qtbot) -> None:
    """Until the button has counted a second, and some frames more have gone through the network."""
    before = window.bridge.session.metrics().processed

    def counted() -> bool:
        shown = re.match(r"■ (\d+):(\d\d)", window.record_button.text())
        return shown is not None and int(shown[1]) * 60 + int(shown[2]) >= 1

    qtbot.waitUntil(counted, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.bridge.session.metrics().processed > before + 5, timeout=WAIT_MS)


@pytest.mark.parametrize("kind", ["annotated", "raw", "both"])
def test_record_stop_and_read_back(open_window, qtbot, settings, dialogs, kind):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    command = {"annotated": "record", "raw": "record_raw", "both": "record_both"}[kind]
    window.commands[command].trigger()
    wait_for_recorded(window, qtbot)
    assert re.match(r"● 0:\d\d", window.windowTitle())
    window.commands[command].trigger()
    qtbot.waitUntil(lambda: window.toast.text.startswith("Saved"), timeout=WAIT_MS)
    report = window.recordings.last
    assert report.conserved
    videos = [path for path in report.paths if path.suffix == ".mp4"]
    assert len(videos) == (2 if kind == "both" else 1)
    for path in videos:
        written = next(file.written for file in report.files if file.path == path)
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        assert frames == written > 2
    (log,) = [path for path in report.paths if path.suffix == ".jsonl"]
    assert json.loads(log.read_text().splitlines()[0])["type"] == "header"
    window.toast._buttons[0].click()
    assert dialogs.opened == [videos[0].parent]


def test_closing_while_recording_finishes_the_file(open_window, qtbot, tmp_path):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["record"].trigger()
    wait_for_recorded(window, qtbot)
    bridge = window.bridge
    close(window, qtbot)
    report = bridge.last_report
    (video,) = (tmp_path / "recordings").glob("*.mp4")
    with av.open(str(video)) as container:
        assert (
            sum(1 for _ in container.decode(video=0)) == report.recordings[0].files[0].written > 2
        )
    assert report.conserved
    assert report.stuck == ()


def drop(window, text: str) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(text) if "://" not in text else QUrl(text)])
    event = QDropEvent(
        QPointF(10, 10),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    MainWindow.dropEvent(window, event)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_whatever_ends_like_a_model_is_one_when_dropped_and_in_dialogs(qapp, suffix):
    opened = []
    window = SimpleNamespace(
        models=SimpleNamespace(open=lambda text: opened.append(("model", text))),
        sources=SimpleNamespace(open=lambda text: opened.append(("source", text))),
    )
    for name in (f"/a/net{suffix}", "/a/clip.mp4"):
        drop(window, name)
    assert opened == [("model", f"/a/net{suffix}"), ("source", "/a/clip.mp4")]
    offered = re.findall(r"\*(\.\w+)", file_filters.models().partition(";;")[0])
    assert suffix in offered


def test_a_dropped_file_plays_and_is_remembered(open_window, qtbot, settings):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    path = str(bundled("assets", "demo.mp4"))
    drop(window, path)
    qtbot.waitUntil(
        lambda: window.sources.info is not None and window.sources.info.kind == "video",
        timeout=WAIT_MS,
    )
    assert window.playback.isVisible()
    window.playback.sought.emit(7.0)
    qtbot.waitUntil(lambda: 7.0 <= window.canvas.result.frame.seconds < 9.0, timeout=WAIT_MS)
    window.commands["step"].trigger()
    assert window.bridge.session.controls.paused
    assert settings.get("source.recent") == (path,)
    assert settings.get("source.last") == path


def test_a_bad_file_keeps_the_old_source_and_says_why(open_window, qtbot, tmp_path):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    bad = tmp_path / "no video.mp4"
    bad.write_bytes(b"no video at all" * 100)
    drop(window, str(bad))
    qtbot.waitUntil(lambda: window.banner.text != "", timeout=WAIT_MS)
    assert window.sources.info.kind == "demo"
    before = window.canvas.result.frame.index
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)


def test_a_network_camera_goes_and_comes_back(open_window, qtbot):
    with MjpegServer() as server:
        window = open_window(server.url)
        wait_for_pose(window, qtbot)
        assert window.sources.info.kind == "stream"
        assert not window.playback.isVisible()
        server.down = True
        server.fault = "reset"
        qtbot.waitUntil(lambda: window.banner.text != "", timeout=WAIT_MS)
        server.fault = None
        server.down = False
        qtbot.waitUntil(lambda: window.banner.text == "", timeout=WAIT_MS)
        before = window.canvas.result.frame.index
        qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)
        close(window, qtbot)


def test_without_a_camera_the_picture_says_what_can_be_done(
    open_window, qtbot, monkeypatch, settings, dialogs
):
    from pose_app.sources import discover

    monkeypatch.setattr(discover, "cameras", list)
    settings.set("source.recent", ("/a/file.mp4", "http://127.0.0.1:1/last"))
    window = open_window("")
    qtbot.waitUntil(window.empty.isVisible, timeout=WAIT_MS)
    assert window.canvas.rect().contains(window.empty.geometry())
    words = [label.text() for label in window.empty.findChildren(QLabel)]
    assert any("No camera found" in text for text in words)
    assert any(("camera" in text and "Allow" in text) or "group" in text for text in words)
    assert "http://" in window.empty.address.placeholderText()
    assert window.banner.text == ""
    buttons = {button.text(): button for button in window.empty.findChildren(QPushButton)}
    assert "http://127.0.0.1:1/last" in buttons
    buttons["Open a file…"].click()
    assert dialogs.shown == ["Open video or picture"]
    buttons["Demo clip"].click()
    wait_for_pose(window, qtbot)
    assert window.sources.info.kind == "demo"
    assert window.empty.isHidden()


def test_why_nothing_could_be_opened_stands_in_the_picture(open_window, qtbot, monkeypatch):
    from pose_app.sources import discover

    monkeypatch.setattr(discover, "cameras", list)
    window = open_window("/nowhere/clip.mp4")
    qtbot.waitUntil(window.empty.isVisible, timeout=WAIT_MS)
    assert any("clip.mp4" in label.text() for label in window.empty.findChildren(QLabel))


def click_on(window, qtbot, widget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_keys_work_whatever_was_clicked(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.activateWindow()
    qtbot.waitUntil(lambda: window.isActiveWindow(), timeout=WAIT_MS)
    stacks = window.docks["stacks"].widget()
    clicked = [
        window.playback.slider,
        stacks.opacity,
        stacks.grid,
        stacks.zoom,
        window.toolbar,
        window.canvas,
        window.status,
    ]
    paused = window.play.paused
    for widget in clicked:
        click_on(window, qtbot, widget)
        focus = window.focusWidget() or window
        qtbot.keyClick(focus, Qt.Key.Key_Space)
        paused = not paused
        assert window.play.paused == paused, widget
    sought = []
    window.bridge.session.seek = sought.append
    qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Home)
    assert sought == [0.0]


def test_lists_check_boxes_and_what_tab_reached_keep_their_keys(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.activateWindow()
    qtbot.waitUntil(lambda: window.isActiveWindow(), timeout=WAIT_MS)
    window.panels.toggles["joints"].trigger()
    tree = window.docks["joints"].widget().tree
    qtbot.waitUntil(lambda: tree.topLevelItemCount() == 1, timeout=WAIT_MS)
    tree.setFocus()
    tree.setCurrentItem(tree.topLevelItem(0))
    qtbot.keyClick(tree, Qt.Key.Key_Space)
    assert not window.play.paused
    assert window.view.visible == frozenset()
    window.panels.toggles["stacks"].trigger()
    opacity = window.docks["stacks"].widget().opacity
    opacity.setFocus(Qt.FocusReason.TabFocusReason)
    before = opacity.value()
    qtbot.keyClick(opacity, Qt.Key.Key_Right)
    assert opacity.value() == before + 1
    qtbot.keyClick(opacity, Qt.Key.Key_Space)
    assert not window.play.paused


def test_the_first_steps_are_ticked_and_then_gone_for_good(open_window, qtbot, settings):
    settings.set("window.hint_seen", False)
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    assert window.steps.isVisible()
    assert window.hint.isHidden()
    assert window.steps.geometry().top() >= window.canvas.geometry().bottom()
    window.commands["heatmap"].trigger()
    window.commands["stack_1"].trigger()
    assert settings.get("window.steps") == ("heatmap", "stacks")
    assert [t.text().startswith("✓") for t in window.steps._labels.values()] == [True, True, False]
    window.commands["record"].trigger()
    assert window.steps.isHidden()
    assert settings.get("window.hint_seen")
    window.commands["record"].trigger()
    close(window, qtbot)
    again = open_window("demo", settings=Settings.load(settings.path))
    assert again.steps.isHidden()


@pytest.mark.parametrize("width", [1440, 1024, 800])
def test_the_first_steps_are_never_cut(open_window, qtbot, settings, width):
    settings.set("window.hint_seen", False)
    window = open_window("demo", size=(width, 700))
    qtbot.waitUntil(lambda: window.steps.width() > 100, timeout=WAIT_MS)
    for name in ("heatmap", "stacks", "record"):
        qtbot.wait(100)
        labels = window.steps._labels
        for label in labels.values():
            assert label.width() >= label.sizeHint().width(), label.text()
        assert "Press" in labels[name].text()
        window.steps._try(name)


def test_the_first_steps_can_be_closed(open_window, qtbot, settings):
    settings.set("window.hint_seen", False)
    window = open_window("demo")
    (cross,) = window.steps.findChildren(QToolButton)
    cross.click()
    assert window.steps.isHidden()
    assert settings.get("window.hint_seen")


def test_settings_survive_a_restart(open_window, qtbot, settings):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["heatmap"].trigger()
    window.commands["black"].trigger()
    window.commands["mirror"].trigger()
    window.view.opacity = 0.25
    window.view.threshold = 0.5
    key = next(iter(window.docks))
    window.docks[key].hide()
    window.resize(1000, 700)
    close(window, qtbot)
    again = open_window("demo", settings=Settings.load(settings.path), size=(900, 600))
    assert again.view.heatmap
    assert again.view.background == "black"
    assert again.commands["black"].isChecked()
    assert again.view.opacity == 0.25
    assert again.view.threshold == 0.5
    assert again.docks[key].isHidden()
    wait_for_pose(again, qtbot)
    assert again.view.mirror
    assert again.canvas.result.person().threshold == 0.5


def test_a_snapshot_has_the_picture_and_its_joints(open_window, qtbot, tmp_path):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    result = hold(window, qtbot)
    window.commands["snapshot"].trigger()
    qtbot.waitUntil(lambda: "Saved snapshot" in window.toast.text, timeout=WAIT_MS)
    folder = tmp_path / "recordings"
    (data,) = folder.glob("*.json")
    described = json.loads(data.read_text())
    joints = np.array([joint[:2] for joint in described["frame"]["people"][0]["joints"]])
    assert np.allclose(joints, result.person().joints, atol=0.01)
    picture = QImage(str(folder / described["picture"]))
    assert (picture.width(), picture.height()) == result.frame.size
    assert len(list(folder.glob("*.png"))) == 2


@pytest.mark.parametrize("background", ["blurred", "black"])
def test_a_snapshot_has_no_sharp_pixel_in_front_of_another_background(
    open_window, qtbot, tmp_path, background
):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    result = hold(window, qtbot)
    window.view.background = background
    window.view.skeleton = window.view.region = False
    window.commands["snapshot"].trigger()
    qtbot.waitUntil(lambda: "Saved snapshot" in window.toast.text, timeout=WAIT_MS)
    sharp = np.abs(np.diff(result.frame.image.astype(int), axis=1)).max()
    pictures = list((tmp_path / "recordings").glob("*.png"))
    assert len(pictures) == 2
    for path in pictures:
        image = cv2.imread(str(path)).astype(int)
        middle = image[
            image.shape[0] // 4 : -image.shape[0] // 4, image.shape[1] // 4 : -image.shape[1] // 4
        ]
        assert np.abs(np.diff(middle, axis=1)).max() < 8 < sharp / 8


def test_a_dragged_region_is_used_and_esc_gives_it_back(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    place = window.canvas.transform.to_widget
    start, end = ([int(v) for v in place(at)] for at in ([150, 40], [470, 440]))
    from PySide6.QtCore import QPoint

    def shown():
        return window.canvas.result.person()

    qtbot.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=QPoint(*start))
    qtbot.mouseMove(window.canvas, QPoint(*end))
    qtbot.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=QPoint(*end))
    qtbot.waitUntil(lambda: shown() is not None and shown().manual, timeout=WAIT_MS)
    region = window.canvas.result.person().region
    assert region.side == pytest.approx(400, abs=4)
    assert region.centre[0] == pytest.approx(310, abs=4)
    window.commands["follow"].trigger()
    qtbot.waitUntil(lambda: shown() is not None and not shown().manual, timeout=WAIT_MS)


def test_a_model_that_cannot_be_read_leaves_the_old_one(open_window, qtbot, tmp_path):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    bad = tmp_path / "broken.safetensors"
    bad.write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    drop(window, str(bad))
    qtbot.waitUntil(lambda: "broken" in window.banner.text, timeout=WAIT_MS)
    assert window.settings.get("model.name") == "default"
    before = window.canvas.result.frame.index
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)


def test_an_engine_that_cannot_be_is_not_the_end(open_window, qtbot, settings):
    settings.set("model.engine", "openvino")
    settings.set("model.device", "mps")  # which OpenVINO has on no machine
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    assert "used instead" in window.banner.text
    assert settings.get("model.device") == "auto"
    qtbot.waitUntil(lambda: window.models._running is not None, timeout=WAIT_MS)
    window.banner.dismiss()
    window.models.choose("model.engine", "openvino")
    window.models.choose("model.device", "mps")
    qtbot.waitUntil(lambda: "mps" in window.banner.text.lower(), timeout=WAIT_MS)
    assert settings.get("model.device") == "auto"
    before = window.canvas.result.frame.index
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)


def test_a_video_ends_and_starts_again(open_window, qtbot, tmp_path):
    clip = tmp_path / "short.mp4"
    write_video(clip, regular(20), size=(192, 96))
    window = open_window(str(clip))
    qtbot.waitUntil(lambda: window.commands["pause"].text() == "Play", timeout=WAIT_MS)
    assert window.play.ended
    assert window.banner.text == ""
    window.commands["pause"].trigger()
    qtbot.waitUntil(lambda: not window.play.ended, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)  # it played once more


def test_a_panel_that_comes_to_the_front_of_a_held_picture_shows_it(open_window, qtbot):
    """No other result comes then."""
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    hold(window, qtbot)
    joints = window.docks["joints"].widget()
    assert joints.tree.topLevelItemCount() == 0
    window.panels.toggles["joints"].trigger()
    qtbot.waitUntil(lambda: joints.tree.topLevelItemCount() > 0, timeout=WAIT_MS)
    window.panels.toggles["movement"].trigger()
    movement = window.docks["movement"].widget()
    qtbot.waitUntil(lambda: movement.plot._skeleton is not None, timeout=WAIT_MS)


def test_another_person_of_a_held_picture_is_told_to_the_panels(open_window, qtbot, monkeypatch):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    result = hold(window, qtbot)
    shown = []
    monkeypatch.setattr(window.docks["stacks"].widget(), "show_result", shown.append)
    window.view.person = result.poses[0].track_id
    assert shown == [window.canvas.result]


def test_a_recording_that_is_begun_while_paused_goes_on(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["pause"].trigger()
    window.commands["record"].trigger()
    assert not window.play.paused
    window.commands["pause"].trigger()  # while it records: as the person wants it
    assert window.play.paused
    window.commands["record"].trigger()
    qtbot.waitUntil(lambda: window.recordings.last is not None, timeout=WAIT_MS)
    assert window.play.paused


def test_recording_a_video_at_its_end_plays_it_again(open_window, qtbot, tmp_path):
    clip = tmp_path / "short.mp4"
    write_video(clip, regular(90), size=(192, 96))
    window = open_window(str(clip))
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    window.commands["record_both"].trigger()
    assert not window.play.ended
    qtbot.waitUntil(lambda: window.play.ended, timeout=WAIT_MS)
    window.commands["record_both"].trigger()
    qtbot.waitUntil(lambda: window.recordings.last is not None, timeout=WAIT_MS)
    written = {file.kind: file.written for file in window.recordings.last.files}
    assert written["raw"] > 10
    assert written["annotated"] > 0  # a busy machine computes few poses
    qtbot.waitUntil(lambda: window.toast.text.startswith("Saved"), timeout=WAIT_MS)


def test_an_empty_recording_is_told(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    hold(window, qtbot)
    window.commands["record"].trigger()
    window.commands["record"].trigger()
    qtbot.waitUntil(lambda: window.recordings.last is not None, timeout=WAIT_MS)
    assert window.recordings.last.paths == ()
    assert window.toast.text.startswith("Nothing was recorded")


def test_fewer_stacks_show_in_the_badge(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.models.set_stacks(1)
    qtbot.waitUntil(lambda: "1 of " in window.model_button.text(), timeout=WAIT_MS)


def test_hidden_panels_are_not_called(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    called = []
    for key, dock in window.docks.items():
        panel = dock.widget()
        panel.show_result = lambda result, key=key: called.append(key)
    window.commands["hide_panels"].trigger()
    called.clear()
    before = window.canvas.result.frame.index
    qtbot.waitUntil(lambda: window.canvas.result.frame.index > before + 5, timeout=WAIT_MS)
    assert called == []
    window.commands["hide_panels"].trigger()
    qtbot.waitUntil(lambda: called != [], timeout=WAIT_MS)


def test_a_held_picture_stays_alive(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.commands["pause"].trigger()
    total = window.bridge.session.metrics().stacks_all
    qtbot.waitUntil(lambda: window.canvas.result.poses[0].stacks == total, timeout=WAIT_MS)
    held = window.canvas.result.frame.index
    start, end = (window.canvas.transform.to_widget(at) for at in ([150, 40], [470, 440]))
    points = [QPointF(*at).toPoint() for at in (start, end)]
    qtbot.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=points[0])
    qtbot.mouseMove(window.canvas, points[1])
    qtbot.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=points[1])
    qtbot.waitUntil(
        lambda: window.canvas.result.poses and window.canvas.result.poses[0].manual, timeout=WAIT_MS
    )
    assert window.canvas.result.frame.index == held
    assert window.canvas.result.poses[0].stacks == total
    window.commands["follow"].trigger()
    qtbot.waitUntil(
        lambda: window.canvas.result.poses and not window.canvas.result.poses[0].manual,
        timeout=WAIT_MS,
    )
    assert window.canvas.result.frame.index == held
    window.commands["step_back"].trigger()
    qtbot.waitUntil(lambda: window.canvas.result.frame.index != held, timeout=WAIT_MS)


def test_picture_only_outlasts_full_screen_and_ends(open_window, qtbot):
    window = open_window("demo")
    seen = lambda: {key for key, dock in window.docks.items() if not dock.isHidden()}  # noqa: E731
    before = seen()
    assert before
    picture_only, full = window.commands["hide_panels"], window.commands["fullscreen"]
    full.trigger()
    assert seen() == set()
    full.trigger()
    assert (seen(), picture_only.isChecked()) == (before, False)
    picture_only.trigger()
    full.trigger()
    full.trigger()
    assert (seen(), picture_only.isChecked()) == (set(), True)
    picture_only.trigger()
    assert seen() == before


def test_a_snapshot_has_no_message_of_the_window_in_it(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    hold(window, qtbot)
    window.toast.hide()
    bare = drawn(window.canvas)
    window.toast.show_text("Saved something, and this lies over the picture.")
    assert window.canvas.grab().toImage() != bare.convertToFormat(bare.format())
    assert drawn(window.canvas) == bare
    assert bare.size() == window.canvas.size() * window.canvas.devicePixelRatioF()


def test_esc_on_the_stacks_ends_the_comparison_and_nothing_else(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    window.view.compare = 0
    window.view.region = True
    window.views.show_all_stacks(True)
    grid = window.docks["stacks"].widget().findChild(StackGrid)
    grid.setFocus()
    window.commands["fullscreen"].setChecked(False)
    qtbot.keyClick(grid, Qt.Key.Key_Escape)
    assert window.view.compare is None


def test_keys_reach_what_has_the_focus_in_a_panel_that_floats(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    dock = window.docks["joints"]
    dock.show()
    dock.setFloating(True)
    dock.activateWindow()
    table = dock.widget().findChild(QAbstractItemView)
    table.setFocus()
    qtbot.waitUntil(table.hasFocus, timeout=WAIT_MS)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert not window.play.paused


def test_panels_hidden_for_the_moment_are_there_at_the_next_start(open_window, qtbot, settings):
    window = open_window("demo")
    before = {key for key, dock in window.docks.items() if not dock.isHidden()}
    window.commands["hide_panels"].trigger()
    close(window, qtbot)
    again = open_window("demo", settings=settings)
    assert {key for key, dock in again.docks.items() if not dock.isHidden()} == before
    assert not again.commands["hide_panels"].isChecked()


def test_the_reason_why_nothing_opens_can_be_read(open_window, qtbot):
    window = open_window("demo")
    wait_for_pose(window, qtbot)
    reason = "Integrated Webcam <1> cannot be opened: close other programs that use it. " * 2
    address = "http://10.0.0.2/" + "a" * 60 + "?camera=1&resolution=1280x720"
    window.empty.open(reason, (address,))
    title = window.empty.findChildren(QLabel)[0]
    assert "&lt;1&gt;" in title.text()
    assert title.height() >= title.heightForWidth(title.width())
    (button,) = window.empty._again
    assert button.text().endswith("&&resolution=1280x720")
    assert button.toolTip() == address
    window.empty.hide()
