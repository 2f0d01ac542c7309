"""What every source must do, run against every one of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_app.errors import SourceError
from pose_app.sources import open_source
from pose_app.sources.base import Source
from tests.fakes import FakeCamera, FakeCameras
from tests.media import numbered_picture, regular, write_video
from tests.rtsp import RtspServer
from tests.servers import MjpegServer

Opener = Callable[[], Source]
KINDS = {
    "camera": "camera",
    "video": "video",
    "video in a loop": "video",
    "demo": "demo",
    "demo people": "demo",
    "image": "images",
    "folder": "images",
    "pattern": "images",
    "motion jpeg": "stream",
    "snapshot": "images",
    "snapshot again and again": "stream",
    "video behind http": "stream",
    "rtsp": "stream",
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opener(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Opens the source of this kind, as often as wanted."""
    with ExitStack() as stack:
        if kind == "camera":
            hub = stack.enter_context(FakeCameras().install(monkeypatch))
            hub.plug(FakeCamera("Desk camera", fps=100), index=0)
            yield lambda: open_source("Desk camera")
        elif kind.startswith("video in") or kind == "video":
            path = write_video(tmp_path / "a.mp4", regular(12))
            yield lambda: open_source(str(path), loop=kind != "video")
        elif kind.startswith("demo"):
            yield lambda: open_source(kind)
        elif kind in ("image", "folder", "pattern"):
            for number in range(12):
                cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
            text = {"image": "3.png", "folder": "", "pattern": "*.png"}[kind]
            yield lambda: open_source(str(tmp_path / text))
        elif kind == "rtsp":
            server = stack.enter_context(RtspServer())
            yield lambda: open_source(server.url)
        else:
            camera = stack.enter_context(MjpegServer(fps=100))
            path_of = {"motion jpeg": "/stream", "video behind http": "/demo.mp4"}
            url = camera.address(path_of.get(kind, "/snapshot.jpg"))
            yield lambda: open_source(url, fps=50 if "again" in kind else None)


@pytest.fixture
def source(opener: Opener) -> Iterator[Source]:
    opened = opener()
    yield opened
    opened.close()


def some(source: Source, count: int = 8) -> list:
    """The next frames; fewer at the end of a source."""
    frames = []
    for _ in range(count):
        frame = source.read()
        if frame is None:
            break
        frames.append(frame)
    return frames


def test_info_tells_what_it_is(source: Source, kind: str) -> None:
    info = source.info
    assert info.kind == KINDS[kind]
    assert info.name
    assert info.live == (kind in ("camera", "motion jpeg", "snapshot again and again", "rtsp"))
    assert info.mirror == (kind == "camera")
    assert info.note is None
    frame = source.read()
    assert frame is not None
    assert frame.size == info.size


def test_frames_come_in_order(source: Source, kind: str) -> None:
    frames = some(source)
    assert len(frames) == (1 if kind in ("image", "snapshot") else 8)
    assert frames[0].seconds == pytest.approx(0, abs=1e-9)
    for before, after in itertools.pairwise(frames):
        assert after.index > before.index
        assert after.seconds > before.seconds
        assert after.captured_ns >= before.captured_ns


def test_pictures_are_bgr_and_nobody_elses(source: Source) -> None:
    frames = some(source)
    copies = [frame.image.copy() for frame in frames]
    some(source)
    for number, (frame, copy) in enumerate(zip(frames, copies, strict=True)):
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.image.flags.c_contiguous
        assert np.array_equal(frame.image, copy)
        assert not any(np.shares_memory(frame.image, other.image) for other in frames[:number])


def test_close_any_number_of_times_and_read_no_more(source: Source) -> None:
    source.read()
    source.close()
    source.close()
    assert source.read() is None
    assert source.read() is None


def test_close_ends_a_reader_in_another_thread(source: Source) -> None:
    running = threading.Event()

    def read_all() -> None:
        while source.read() is not None:
            running.set()

    reader = threading.Thread(target=read_all)
    reader.start()
    assert running.wait(10)
    source.close()
    reader.join(10)
    assert not reader.is_alive()


def test_no_thread_is_left(opener: Opener) -> None:
    before = set(threading.enumerate())
    source = opener()
    some(source, 3)
    source.close()
    left = [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    for thread in left:
        thread.join(5)  # of a loopback server: it notices that nobody listens
    assert not [thread.name for thread in left if thread.is_alive()]


def test_two_at_a_time_do_not_touch_each_other(opener: Opener) -> None:
    first, second = opener(), opener()
    some(first, 3)
    first.close()
    assert second.read() is not None
    second.close()


def test_it_can_be_opened_again(opener: Opener) -> None:
    for _ in range(2):
        source = opener()
        assert source.read() is not None
        source.close()


def test_seek_goes_there_or_says_that_it_cannot(source: Source, kind: str) -> None:
    info = source.info
    if not info.seekable:
        with pytest.raises(SourceError, match=r"cannot seek|no position to seek to"):
            source.seek(0.1)
        return
    frames = some(source, 6)
    wanted = frames[len(frames) // 2]
    source.seek(wanted.seconds)
    again = source.read()
    assert again is not None
    assert again.seconds == pytest.approx(wanted.seconds)
    assert np.array_equal(again.image, wanted.image)
    assert again.index > frames[-1].index
    source.close()
    source.seek(0.0)
    assert source.read() is None


@pytest.mark.parametrize("kind", ["video", "image", "folder", "pattern", "snapshot"], indirect=True)
def test_the_end_is_an_end(source: Source) -> None:
    assert len(some(source, 100)) == source.info.frame_count
    assert source.read() is None
    assert source.read() is None
