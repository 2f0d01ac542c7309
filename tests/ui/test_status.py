"""The state in words."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from pose_app.pipeline.metrics import FrameMetrics
from pose_app.skeletons import COCO_17, MPII_16
from pose_app.sources.base import SourceInfo
from pose_app.ui.chrome.status import StatusLine, describe, describe_pose, describe_rates
from pose_app.ui.units import clock, exact_clock, size_of
from tests.ui.panel_results import made_result


def pose_with(names, skeleton=MPII_16, **changes):
    """A pose with these joints present."""
    pose = made_result(skeleton=skeleton).person()
    present = np.array([name in names for name in skeleton.joints])
    return replace(pose, present=present, **changes)


@pytest.mark.parametrize(
    ("pose", "words"),
    [
        (pose_with(("head_top", "upper_neck")), "too close"),
        (pose_with(("nose", "left_eye", "right_ear"), COCO_17), "too close"),
        (pose_with(("head_top", "left_shoulder", "left_wrist")), "Upper body"),
        (pose_with(("head_top", "left_hip", "left_wrist")), "legs are out"),
        (pose_with(MPII_16.joints), "whole person"),
        (pose_with(MPII_16.joints[:12]), "12 of 16"),
    ],
)
def test_poses_in_words(pose, words):
    assert words in describe_pose(pose)
    result = replace(made_result(), poses=(pose,))
    assert words in describe(result)
    assert words in describe(result, "Esc")


def test_frames_without_a_pose_in_words():
    nobody = made_result(found=False)
    assert "No person" in describe(nobody)
    assert "Q looks for" in describe(nobody, "Q")
    assert "loading" in describe(replace(nobody, estimated=False))


def test_several_people_are_counted():
    first = made_result()
    several = replace(first, poses=(first.poses[0], replace(first.poses[0], track_id=2)))
    assert describe(several) == "2 people in view."
    assert describe(several, selected=3) == "2 people in view."  # who was selected has gone


def test_the_selected_person_is_named():
    first = made_result()
    second = replace(pose_with(("head_top", "left_shoulder")), track_id=2)
    several = replace(first, poses=(first.poses[0], second))
    assert describe(several, selected=2) == "2 people in view. Person 2: Upper body in view."


CAMERA = SourceInfo("camera", "Desk camera", (640, 480), fps=30.0, live=True)
FILE = SourceInfo("video", "clip.mp4", (640, 480), fps=30.0, note="It has no clock.")


@pytest.mark.parametrize(
    ("stats", "words"),
    [
        (FrameMetrics(captured=99, source_fps=30, fps=29, source=CAMERA), ""),
        (
            FrameMetrics(captured=99, source_fps=12, fps=12, source=CAMERA),
            "12 of 30 fps: too dark?",
        ),
        (FrameMetrics(captured=99, source_fps=30, fps=9, source=CAMERA), "fewer stacks"),
        (
            FrameMetrics(captured=99, source_fps=30, fps=9, source=CAMERA, stacks_now=1),
            "faster model",
        ),
        (FrameMetrics(captured=5, source_fps=2, fps=1, source=CAMERA), ""),  # it has only begun
        (FrameMetrics(captured=99, source_fps=12, fps=12, source=FILE), "It has no clock."),
        (FrameMetrics(), ""),
    ],
)
def test_rates_in_words(stats, words):
    said = describe_rates(stats)
    assert words in said
    assert bool(said) == bool(words)


def test_times_and_sizes():
    assert [clock(s) for s in (0, 62.9, 3602)] == ["0:00", "1:02", "1:00:02"]
    assert [exact_clock(s) for s in (0, 0.07, 62.96)] == ["0:00.00", "0:00.07", "1:02.96"]
    assert [size_of(n) for n in (3_400_000, 2_500_000_000)] == ["3.4 MB", "2.50 GB"]


@pytest.mark.parametrize(
    ("age", "held", "words", "figures"),
    [
        (0.1, False, "whole person", "12 fps"),
        (10.2, False, "", "no picture for 10 s"),
        (10.2, True, "whole person", "paused"),
    ],
)
def test_the_figures_say_when_no_picture_comes(qtbot, age, held, words, figures):
    line = StatusLine()
    qtbot.addWidget(line)
    result = made_result()
    captured = time.perf_counter_ns() - round(age * 1e9)
    result = replace(result, frame=replace(result.frame, captured_ns=captured))
    line.show_state(FrameMetrics(fps=12.0), result, 72.0, held=held)
    assert words in line.words.text()
    assert bool(line.words.text()) == bool(words)
    assert line.figures.text().startswith(figures)


def test_figures_of_poses_wait_for_the_first_pose(qtbot):
    line = StatusLine()
    qtbot.addWidget(line)
    line.show_state(FrameMetrics(), None, None)
    assert line.figures.text() == ""
    captured = time.perf_counter_ns()
    result = made_result(found=False)
    loading = replace(result, estimated=False, frame=replace(result.frame, captured_ns=captured))
    line.show_state(FrameMetrics(captured=9), loading, 22.0)
    assert line.words.text() == "The model is loading…"
    assert line.figures.text() == "no poses yet"
    line.show_state(FrameMetrics(captured=9, fps=30.0), replace(loading, estimated=True), 22.0)
    assert line.figures.text() == "30 fps  ·  22 ms old"
