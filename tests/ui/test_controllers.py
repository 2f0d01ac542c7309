"""Controllers without a window: they get the context and their widgets, and emit."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QMenu, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from pose_app.engines import progress
from pose_app.engines.base import EngineInfo
from pose_app.engines.hardware import Choice
from pose_app.errors import CameraError, RecordingError
from pose_app.pipeline.events import Event
from pose_app.pipeline.metrics import FrameMetrics
from pose_app.pipeline.options import Controls, SessionOptions
from pose_app.recording.recording import FileReport, RecordingReport, ReplayState
from pose_app.recording.recording import RecordingState as SessionRecording
from pose_app.settings import Settings
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.sources.base import SourceInfo
from pose_app.sources.discover import CameraInfo
from pose_app.types import Region
from pose_app.ui.app_settings import AppSettings
from pose_app.ui.canvas.canvas import Canvas
from pose_app.ui.chrome.preparing import Preparing
from pose_app.ui.context import AppContext
from pose_app.ui.controllers.cameras_controller import CamerasController
from pose_app.ui.controllers.dialogs_controller import DialogsController
from pose_app.ui.controllers.messages_controller import MessagesController
from pose_app.ui.controllers.models_controller import ModelsController
from pose_app.ui.controllers.recordings_controller import RecordingsController
from pose_app.ui.controllers.snapshots_controller import save_snapshot
from pose_app.ui.controllers.sources_controller import SourcesController
from pose_app.ui.controllers.views_controller import ViewsController
from pose_app.ui.dialogs.settings_page import describe_room
from pose_app.ui.notices import Notices
from pose_app.ui.sessions import estimators, make_session
from pose_app.ui.state.playback_state import PlaybackState
from pose_app.ui.state.recording_state import RecordingState
from pose_app.ui.state.view_state import ViewState
from pose_app.ui.tasks import TaskRunner
from tests.ui.conftest import WAIT_MS, SilentDialogs
from tests.ui.panel_results import made_result

CAMERA = SourceInfo("camera", "Desk camera", (640, 480), fps=30.0, live=True, mirror=True)
CLIP = SourceInfo("video", "clip.mp4", (640, 480), fps=30.0, seekable=True, duration=10.0)


class QuietSession:
    """A session in which nothing happens; remembers what it was asked for."""

    def __init__(self) -> None:
        self.controls = Controls(SessionOptions())
        self.asked: list[tuple[str, Any]] = []
        self.refusal: RecordingError | None = None
        self.recording: SessionRecording | None = None
        self.kept: Any = None
        self.others: list[Any] = []  # what to go on with where an engine fails

    def latest(self) -> None:
        return None

    def metrics(self) -> FrameMetrics:
        return FrameMetrics(recording=self.recording)

    def set_source(self, open_source: Any) -> None:
        self.asked.append(("source", open_source))

    def set_estimator(self, open_estimator: Any, others: Any) -> None:
        self.asked.append(("estimator", open_estimator))
        self.others.append(others)

    def seek(self, seconds: float) -> None:
        self.asked.append(("seek", seconds))

    def step(self, *, back: bool = False) -> None:
        self.asked.append(("step", back))

    def set_drawing(self, options: Any) -> None:
        self.asked.append(("drawing", options))

    def set_replay_drawing(self, options: Any) -> None:
        self.asked.append(("replay drawing", options))

    def keep_replay(self, request: Any) -> None:
        self.kept = request

    def replay(self) -> ReplayState | None:
        return None if self.kept is None else ReplayState(4.0, 2_000_000, 0)

    def save_replay(self, annotated: Path) -> RecordingReport:
        annotated.write_bytes(b"video")
        return RecordingReport((FileReport("annotated", annotated, 9, 9, bytes=5),))

    def record(self, request: Any) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(("record", request))
        self.recording = SessionRecording(0.0, 0, 0, request.paths)

    def stop_recording(self) -> None:
        self.asked.append(("stop", None))
        self.recording = None


@pytest.fixture
def session() -> QuietSession:
    return QuietSession()


@pytest.fixture
def context(
    qapp: object, session: QuietSession, settings: Settings, dialogs: SilentDialogs
) -> Iterator[AppContext]:
    tasks = TaskRunner()
    kept = AppSettings(settings, tasks)
    yield AppContext(session, kept, tasks, Notices(), dialogs)  # type: ignore[arg-type]
    kept.save()
    tasks.close()
    while tasks.busy:
        time.sleep(0.01)


def heard(signal: Any) -> list[Any]:
    """What a signal emits from now on."""
    told: list[Any] = []
    signal.connect(lambda *values: told.append(values[0] if len(values) == 1 else values))
    return told


def test_settings_tell_once_what_changed_together(context: AppContext) -> None:
    told = heard(context.settings.changed)
    context.settings.update({"view.opacity": 0.3, "view.heatmap": True, "view.scale": "fit"})
    assert told == [frozenset({"view.opacity", "view.heatmap"})]
    context.settings.set("view.opacity", 0.3)
    assert len(told) == 1


def test_settings_are_written_on_another_thread_and_the_newest_last(
    context: AppContext, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, writers = threading.Event(), []

    def slow_disk(handle: int) -> None:
        writers.append(threading.current_thread())
        go_on.wait(WAIT_MS / 1e3)

    monkeypatch.setattr("pose_app.settings.os.fsync", slow_disk)
    done: list[str] = []
    context.settings.set("view.opacity", 0.3)
    context.settings.save(lambda: done.append("first"))
    qtbot.waitUntil(lambda: len(writers) == 1, timeout=WAIT_MS)
    context.settings.set("view.opacity", 0.4)
    context.settings.save(lambda: done.append("second"))
    assert threading.main_thread() not in writers
    go_on.set()
    qtbot.waitUntil(lambda: done == ["first", "second"], timeout=WAIT_MS)
    stored = context.settings.stored
    assert Settings.load(stored.path).get("view.opacity") == 0.4


def test_settings_that_cannot_be_written_are_told(context: AppContext, qtbot: QtBot) -> None:
    told = heard(context.settings.failed)
    done: list[bool] = []
    context.settings.stored.path.parent.write_text("a file where the folder should be")
    context.settings.save(lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done), timeout=WAIT_MS)
    assert "cannot be written" in told[0]


# Sources


@pytest.fixture
def play() -> PlaybackState:
    return PlaybackState()


@pytest.fixture
def sources(qtbot: QtBot, context: AppContext, play: PlaybackState) -> SourcesController:
    button = QToolButton()
    qtbot.addWidget(button)
    controller = SourcesController(context, button, play, "demo")
    controller.setParent(button)
    return controller


def test_a_source_that_opens_is_told_and_remembered(
    sources: SourcesController, context: AppContext, session: QuietSession
) -> None:
    told = heard(sources.opened)
    sources.open("somewhere/clip.mp4")
    assert "clip.mp4" in context.notices.state
    assert [name for name, _ in session.asked] == ["source"]
    sources._opened = sources.target  # as opening it on the session's thread does
    sources.happened(Event("source_opened", "", CLIP))
    assert told == [CLIP]
    assert context.notices.state == ""
    assert "clip.mp4" in sources._button.toolTip()
    assert context.settings.get("source.recent") == ("somewhere/clip.mp4",)


def test_what_is_opened_after_an_end_plays(
    sources: SourcesController, play: PlaybackState, session: QuietSession
) -> None:
    sources.happened(Event("source_opened", "", CLIP))
    sources.happened(Event("source_ended", ""))
    assert (play.paused, play.ended) == (True, True)
    assert not session.controls.paused
    sources.happened(Event("source_opened", "", CAMERA))
    assert (play.paused, play.ended) == (False, False)
    sources.set_paused(True)
    assert session.controls.paused


def test_what_is_opened_while_paused_is_shown(
    sources: SourcesController, play: PlaybackState, session: QuietSession
) -> None:
    sources.happened(Event("source_opened", "", CLIP))
    sources.set_paused(True)
    sources.happened(Event("source_back", "", CLIP))  # the same: it stays as it was
    assert play.paused
    sources.happened(Event("source_opened", "", replace(CLIP, name="other.mp4")))
    assert not play.paused
    assert not session.controls.paused


def test_what_failed_to_open_is_not_what_is_opened_again(
    sources: SourcesController, session: QuietSession
) -> None:
    sources.happened(Event("source_opened", "", CAMERA))
    sources.open("broken.mp4")
    sources.happened(Event("source_failed", "It is broken."))
    assert sources.target == "demo"  # what goes on
    sources.open("clip.mp4")
    sources._opened = sources.target
    sources.happened(Event("source_opened", "", CLIP))
    sources.happened(Event("source_failed", "Something before it is broken."))
    assert sources.target == "clip.mp4"


def test_the_usual_size_of_cameras_leaves_a_video_alone(
    sources: SourcesController, context: AppContext, session: QuietSession
) -> None:
    for info, asked in ((CLIP, 0), (CAMERA, 1)):
        sources.happened(Event("source_opened", "", info))
        session.asked.clear()
        context.settings.set("source.fps", 15 + asked)
        assert [name for name, _ in session.asked] == ["source"] * asked


def test_without_any_source_somebody_is_told(sources: SourcesController) -> None:
    told = heard(sources.nothing_opened)
    sources.happened(Event("source_failed", "No."))
    assert told == ["No."]


# Cameras


def test_a_new_camera_is_offered_instead_of_the_demo(qtbot: QtBot, context: AppContext) -> None:
    controller = CamerasController(context)
    chosen = heard(controller.chosen)
    menu = QMenu()
    qtbot.addWidget(menu)
    menu.addAction("Open video…")
    controller.fill(menu)
    controller.show_source(replace(CLIP, kind="demo"))
    controller._looked({}, None)
    camera = CameraInfo("Desk camera", 0, 200)
    controller._looked({camera: ()}, None)
    assert menu.actions()[0].text() == "Desk camera"
    fact = context.notices.fact
    assert fact is not None
    assert "Desk camera was plugged in" in fact.text
    fact.actions[0][1]()
    assert chosen == [camera]


def test_looking_for_cameras_survives_a_mistake(
    qtbot: QtBot, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pose_app.sources import discover

    looks: list[int] = []

    def cameras() -> list[CameraInfo]:
        looks.append(1)
        if len(looks) == 1:
            raise KeyError("a driver with an answer that nobody thought of")
        return []

    monkeypatch.setattr(discover, "cameras", cameras)
    controller = CamerasController(context)
    with qtbot.capture_exceptions() as caught:
        controller.look()
        qtbot.waitUntil(lambda: len(caught) == 1, timeout=WAIT_MS)
    controller.look()
    qtbot.waitUntil(lambda: controller.found == [], timeout=WAIT_MS)
    assert len(looks) == 2


def test_a_search_for_cameras_that_fails_is_told_once_and_settled(
    qtbot: QtBot, context: AppContext
) -> None:
    controller = CamerasController(context)
    trouble = CameraError("The system does not list its cameras: restart it.", {})
    controller._looked(None, trouble)
    assert [error.text for error in context.notices.errors] == [str(trouble)]
    context.notices.dismiss()
    controller._looked(None, trouble)  # a few seconds later
    assert context.notices.errors == ()
    controller._looked({}, None)
    controller._looked(None, trouble)
    controller._looked({}, None)
    assert context.notices.errors == ()


# Models


def test_what_is_being_prepared_is_told_where_it_takes_long(
    context: AppContext, qtbot: QtBot
) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    controller = ModelsController(context, button)
    line = Preparing()
    qtbot.addWidget(line)
    controller.preparing.connect(line.show_step)
    waiting = FrameMetrics(captured=9)

    def show(stats: FrameMetrics) -> bool:
        for _ in range(20):
            controller.show_stats(stats)
        return not line.isHidden()

    assert not show(waiting)  # nothing that a later start would be spared
    with progress.step("Converting the model"):
        assert show(waiting)
        assert line.words.text() == "Converting the model (only the first time)…"
        with progress.step("Compiling the network"):
            assert show(waiting)
        assert line.words.text() == "Compiling the network (only the first time)…"
        assert not show(FrameMetrics())  # no picture either: that is told elsewhere
    assert not show(waiting)
    first = replace(
        waiting, engine=EngineInfo("OpenVINO", "CPU", "int8"), stacks_now=1, stacks_all=4
    )
    with progress.step("Compiling the network"):
        assert show(first)  # the other stacks
        assert not show(replace(first, stacks_now=4))
        assert not show(first)  # the machine is busy: what compiles is another engine


def test_a_model_is_loaded_when_its_setting_changes(
    qtbot: QtBot, context: AppContext, session: QuietSession
) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    controller = ModelsController(context, button)
    context.settings.update({"model.engine": "torch", "model.device": "cpu"})
    assert [name for name, _ in session.asked] == ["estimator"]
    controller.happened(Event("model_failed", "It cannot be."))
    assert context.settings.get("model.engine") == "auto"
    assert len(session.asked) == 2
    assert "It cannot be. The default model" in context.notices.errors[0].text
    controller.set_stacks(1)
    assert session.controls.stacks == 1
    controller.set_smoothing(False)
    assert session.controls.smoothing is False
    assert len(session.asked) == 2


def test_devices_that_are_not_there_are_grey_with_the_reason(
    qtbot: QtBot, context: AppContext
) -> None:
    button = QToolButton()
    qtbot.addWidget(button)
    controller = ModelsController(context, button)
    menu = QMenu(button)
    before = menu.addAction("Models…")
    controller.fill(menu, before)
    controller._devices_found(
        [Choice("torch", "cuda", "PyTorch", "There is no NVIDIA graphics."),
         Choice("openvino", "cpu", "OpenVINO")], None
    )  # fmt: skip
    cuda, cpu = (controller._choices["model.device", word] for word in ("cuda", "cpu"))
    assert (cuda.isEnabled(), cpu.isEnabled()) == (False, True)
    assert cuda.toolTip() == "There is no NVIDIA graphics."


# Views


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def views(qtbot: QtBot, context: AppContext, view: ViewState) -> ViewsController:
    canvas = Canvas(view)
    qtbot.addWidget(canvas)
    return ViewsController(context, view, canvas, canvas)


def test_a_look_is_remembered_and_taken_from_the_settings(
    views: ViewsController, view: ViewState, context: AppContext, session: QuietSession
) -> None:
    views.set_background("black")
    assert context.settings.get("view.background") == "black"
    context.settings.update({"view.background": "blurred", "pose.threshold": 0.5})
    assert view.background == "blurred"
    assert session.controls.threshold == 0.5
    views.choose_stack(0)
    assert session.controls.shown == 0


def test_mirroring_twice_gives_back_what_was(
    views: ViewsController, view: ViewState, context: AppContext
) -> None:
    views.source_opened(CAMERA)
    assert view.mirror
    views.set_mirror(False)
    assert (view.mirror, context.settings.get("view.mirror")) == (False, "off")
    views.set_mirror(True)
    assert (view.mirror, context.settings.get("view.mirror")) == (True, "auto")
    views.source_opened(CLIP)
    assert not view.mirror


def test_a_video_of_all_stacks_has_all_stacks(
    views: ViewsController,
    view: ViewState,
    context: AppContext,
    session: QuietSession,
) -> None:
    views.show_stats(FrameMetrics(stacks_all=4))
    recordings = RecordingsController(context, RecordingState(), view)
    recordings.stacks_drawn.connect(views.run_all_stacks)
    for kind, fewest in (("stacks", 4), ("as_shown", 1)):
        recordings.toggle(kind)
        assert session.controls.fewest == fewest
        view.stack = 1
        assert session.controls.fewest == max(fewest, 2)
        view.stack = None
        recordings.toggle(kind)
        assert session.controls.fewest == 1


def test_choices_of_joints_are_kept_by_name_in_another_skeleton(
    views: ViewsController, view: ViewState
) -> None:
    views.show_result(made_result())
    knee = MPII_16.index("left_knee")
    view.visible, view.joint, view.solo = frozenset({knee, 0}), knee, knee
    views.show_result(made_result(skeleton=COCO_17))
    assert view.joint == view.solo == COCO_17.index("left_knee")
    assert view.visible is not None
    assert COCO_17.index("left_wrist") not in view.visible
    assert COCO_17.index("nose") in view.visible, "nobody hid a joint of that name"


def test_a_comparison_has_two_stacks(
    views: ViewsController, view: ViewState, session: QuietSession
) -> None:
    views.show_stats(FrameMetrics(stacks_all=4))
    views.set_compare(True)
    assert (view.compare, session.controls.fewest) == (0, 2)
    view.stack = 0  # with itself there is nothing to compare
    seen = []
    for _ in range(4):
        views.compare_next()
        seen.append(view.compare)
    assert seen == [1, 2, 3, 1]


def test_esc_ends_one_thing_at_a_time(
    views: ViewsController, view: ViewState, session: QuietSession
) -> None:
    left = []
    views.nothing_to_end.connect(lambda: left.append(1))
    views._canvas.show_result(made_result())
    views.region_chosen(Region(1, 2, 30))
    views._canvas.solo(3)
    views.end_one_thing()
    assert (view.solo, left) == (None, [])
    views.end_one_thing()
    assert (session.controls.region, left) == (None, [])
    views.end_one_thing()
    assert left == [1]


def test_esc_after_a_region_that_was_refused_goes_on_to_the_next_thing(
    views: ViewsController, session: QuietSession
) -> None:
    left = []
    views.nothing_to_end.connect(lambda: left.append(1))
    views.region_chosen(Region(9000, 9000, 30))
    assert views._canvas._region == Region(9000, 9000, 30)
    session.controls.region = None  # what the session does with one outside of the picture
    views.show_stats(FrameMetrics())
    assert views._canvas._region is None
    views.end_one_thing()
    assert left == [1]


# Recordings


@pytest.fixture
def recordings(context: AppContext, view: ViewState) -> Iterator[RecordingsController]:
    controller = RecordingsController(context, RecordingState(), view)
    yield controller
    controller.leave()


def test_a_recording_starts_and_ends(
    recordings: RecordingsController, context: AppContext, session: QuietSession
) -> None:
    started: list[int] = []
    recordings.started.connect(lambda: started.append(1))
    recordings.toggle("both")
    ((_, request),) = session.asked
    assert request.annotated is not None
    assert request.raw is not None
    assert (recordings._state.running, started) == (True, [1])
    recordings.toggle("as_shown")
    assert session.asked[-1] == ("stop", None)
    report = RecordingReport(files=())
    recordings.happened(Event("recording_finished", "", report))
    assert not recordings._state.running
    assert context.notices.fact is not None
    assert context.notices.fact.text.startswith("Nothing was recorded")


def test_a_recording_that_cannot_begin_says_why(
    recordings: RecordingsController, context: AppContext, session: QuietSession
) -> None:
    session.refusal = RecordingError("The disk is full.")
    recordings.toggle("raw")
    assert not recordings._state.running
    assert [error.text for error in context.notices.errors] == ["The disk is full."]


def test_a_recording_that_goes_on_in_new_files_says_so_and_can_be_stopped(
    recordings: RecordingsController, context: AppContext, session: QuietSession, tmp_path: Path
) -> None:
    recordings.toggle("as_shown")
    ((_, request),) = session.asked
    again = replace(request, annotated=tmp_path / "pose (2).mp4")
    told = "Saved pose.mp4; the recording goes on in pose (2).mp4."
    recordings.happened(Event("recording_continued", told, again))  # the source has changed
    assert context.notices.fact is not None
    assert context.notices.fact.text == told
    assert recordings._state.running
    recordings.toggle("raw")
    assert session.asked[-1] == ("stop", None)
    assert not recordings._state.running


def test_what_is_seen_is_what_is_recorded(
    recordings: RecordingsController, view: ViewState, session: QuietSession
) -> None:
    view.heatmap, view.stack, view.background = True, 1, "blurred"
    recordings.toggle("as_shown")
    _, request = session.asked[-1]
    drawing = request.drawing
    assert (drawing.what, drawing.heatmap, drawing.stack) == ("as_shown", True, 1)
    assert drawing.background == "blur"
    view.joint = 4
    name, drawing = session.asked[-1]
    assert (name, drawing.joint, drawing.what) == ("drawing", 4, "as_shown")


@pytest.mark.parametrize("kind", ["skeleton", "stacks", "raw", "both"])
def test_every_kind_of_recording_asks_for_its_files(
    recordings: RecordingsController, session: QuietSession, kind: str
) -> None:
    recordings.toggle(kind)
    _, request = session.asked[-1]
    assert (request.annotated is None) == (kind == "raw")
    assert (request.raw is not None) == (kind in ("raw", "both"))
    assert request.log is not None
    assert request.drawing.what == (kind if kind in ("skeleton", "stacks") else "as_shown")


def test_a_countdown_comes_before_and_can_be_cancelled(
    recordings: RecordingsController, context: AppContext, session: QuietSession
) -> None:
    context.settings.set("recording.countdown", 3)
    state = recordings._state
    recordings.toggle("stacks")
    assert (state.countdown, session.asked) == (3, [])
    recordings._count_down()
    recordings.toggle("raw")
    assert (state.countdown, recordings._second.isActive(), session.asked) == (0, False, [])
    recordings.toggle("stacks")
    for _ in range(3):
        recordings._count_down()
    assert [name for name, _ in session.asked] == ["record"]
    assert not recordings._second.isActive()
    assert state.running


def test_the_last_seconds_are_kept_and_saved(
    recordings: RecordingsController, context: AppContext, session: QuietSession, qtbot: QtBot
) -> None:
    told = heard(recordings.replay_told)
    recordings.start()
    assert session.kept is None
    recordings.save_replay()
    fact = context.notices.fact
    assert fact is not None
    assert "not kept" in fact.text
    fact.actions[0][1]()
    assert session.kept.seconds == 15
    recordings.show_stats(FrameMetrics())
    assert told[-1] == "4 s, 2.0 MB in memory"
    recordings.save_replay()
    qtbot.waitUntil(lambda: "Saved the last" in context.notices.fact.text, timeout=WAIT_MS)
    (video,) = recordings.folder.glob("replay-*.mp4")
    assert video.name in context.notices.fact.text


def test_the_last_seconds_are_as_seen_whatever_was_recorded(
    recordings: RecordingsController, context: AppContext, view: ViewState, session: QuietSession
) -> None:
    context.settings.set("recording.replay_seconds", 15)
    assert session.kept.drawing.what == "as_shown"
    recordings.toggle("stacks")
    view.heatmap = True
    what = {name: options.what for name, options in session.asked if name != "record"}
    assert what == {"drawing": "stacks", "replay drawing": "as_shown"}
    recordings.stop()
    session.asked.clear()
    view.joint = 3
    ((name, drawing),) = session.asked
    assert (name, drawing.what, drawing.joint) == ("replay drawing", "as_shown", 3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes any ~name")
def test_a_folder_of_nobody_is_a_folder_of_that_name(
    recordings: RecordingsController,
    context: AppContext,
    session: QuietSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    context.settings.set("recording.folder", "~nobody-of-this-name/rec")
    recordings.toggle("as_shown")
    assert recordings.folder == Path("~nobody-of-this-name/rec")
    assert [name for name, _ in session.asked] == ["record"]
    assert "free in" in describe_room(recordings.folder)
    assert "cannot be read" in describe_room(Path("x" * 5000))


def test_the_next_start_tells_what_quitting_completed(
    recordings: RecordingsController,
    context: AppContext,
    view: ViewState,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    video = tmp_path / "pose.mp4"
    video.write_bytes(b"video")
    recordings.toggle("as_shown")
    recordings.leave()
    file = FileReport("annotated", video, 9, 9, bytes=5)
    report = SimpleNamespace(recordings=(RecordingReport((file,)),))
    recordings.session_stopped(report)  # type: ignore[arg-type]
    again = RecordingsController(context, RecordingState(), view)
    again.start()
    assert context.notices.fact is None  # the file is looked for on another thread
    qtbot.waitUntil(lambda: context.notices.fact is not None, timeout=WAIT_MS)
    assert context.notices.fact.text == "Completed when pose-app was quit: pose.mp4"
    context.notices.forget()
    again.start()
    qtbot.waitUntil(lambda: not context.tasks.busy, timeout=WAIT_MS)
    qtbot.wait(50)
    assert context.notices.fact is None


def test_little_room_on_the_disk_is_said(recordings: RecordingsController) -> None:
    state = recordings._state
    paths = (Path("pose.mp4"),)
    recordings.show_stats(
        FrameMetrics(recording=SessionRecording(10.0, 10**7, 0, paths, paths, 2 * 10**9))
    )
    assert state.words == "■ 0:10 · 10.0 MB · 2.00 GB left"
    assert state.room_words == "2.00 GB are left on the disk: room for about 33:20"
    recordings.show_stats(
        FrameMetrics(recording=SessionRecording(10.0, 10**7, 0, paths, paths, 10**11))
    )
    assert state.words == "■ 0:10 · 10.0 MB"


# Messages and dialogs


def test_an_error_stays_until_it_is_settled(context: AppContext) -> None:
    controller = MessagesController(context)
    controller.happened(Event("source_lost", "The camera is gone."))
    controller.happened(Event("model_loaded", ""))
    assert [error.text for error in context.notices.errors] == ["The camera is gone."]
    controller.happened(Event("source_back", "", CAMERA))
    assert context.notices.errors == ()


def test_preferences_that_are_accepted_become_settings(
    qtbot: QtBot, context: AppContext, dialogs: SilentDialogs
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    controller = DialogsController(context, window, CamerasController(context), lambda: 1.0, window)
    dialogs.on_show = lambda dialog: dialog.editors["appearance.theme"][2]("light")
    bright = QApplication.palette().window().color().lightness()
    controller.show_preferences()
    assert context.settings.get("appearance.theme") == "light"
    assert QApplication.palette().window().color().lightness() > bright + 100


def engines_after_openvino(others: Any) -> list[tuple[str, str]]:
    """What a session would go on with after OpenVINO has failed on the processor."""
    return [other.args[:2] for other in others([EngineInfo("OpenVINO", "CPU", "bf16")])]


def test_the_window_goes_on_with_other_engines_than_the_one_that_failed(
    qtbot: QtBot, context: AppContext, session: QuietSession
) -> None:
    """With the model of the start and with one that is chosen later."""
    settings = context.settings.stored
    settings.set("model.precision", "f32")
    settings.set("pose.threshold", 0.4)
    factory = estimators(settings)
    assert (factory.engine, factory.precision, factory.threshold) == ("auto", "f32", 0.4)
    handed_over = [make_session(settings, "demo")._estimators._first.others]
    button = QToolButton()
    qtbot.addWidget(button)
    controller = ModelsController(context, button)  # listens while it is there
    context.settings.update({"model.engine": "openvino"})
    del controller
    handed_over += session.others
    assert len(handed_over) == 2
    for others in handed_over:
        assert ("openvino", "cpu") not in engines_after_openvino(others)
        assert ("torch", "cpu") in engines_after_openvino(others)


def test_a_snapshot_that_cannot_be_written_leaves_no_file(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        if any(tmp_path.glob("*-picture.png")):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("pose_app.recording.files.os.fsync", full)
    shown = QImage(8, 8, QImage.Format.Format_RGB32)
    with pytest.raises(RecordingError, match="no space left"):
        save_snapshot(tmp_path, "snapshot", shown, made_result(), {})
    assert not list(tmp_path.iterdir())
