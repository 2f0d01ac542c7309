"""Video files: their own timestamps, exact seeking, and what goes wrong with files."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose_app.errors import SourceError
from pose_app.sources.base import Timeline
from pose_app.sources.demo import open_demo
from pose_app.sources.video import VideoSource
from pose_app.types import Frame
from tests.media import picture_number, regular, write_video, write_video_without_a_rate


def read_all(source: VideoSource) -> list[Frame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_every_picture_comes_with_its_own_time(tmp_path: Path) -> None:
    times = regular(40, 25)
    source = VideoSource(write_video(tmp_path / "a.mp4", times))
    frames = read_all(source)
    assert [picture_number(frame.image) for frame in frames] == list(range(40))
    assert [frame.seconds for frame in frames] == pytest.approx(times, abs=1e-4)
    assert source.info.size == (192, 96)
    assert source.info.fps == pytest.approx(25)
    assert source.info.duration == pytest.approx(40 / 25, abs=0.05)
    assert not source.info.live
    assert source.info.seekable
    source.close()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi", "ts"])
def test_containers(tmp_path: Path, suffix: str) -> None:
    # AVI keeps no times of its own with B frames.
    path = write_video(tmp_path / f"a.{suffix}", regular(30), bidirectional=suffix != "avi")
    source = VideoSource(path)
    frames = read_all(source)
    assert [picture_number(frame.image) for frame in frames] == list(range(30))
    # FFmpeg gives the last picture of an AVI a time of its own.
    seconds = [frame.seconds for frame in frames][: 29 if suffix == "avi" else 30]
    assert seconds == pytest.approx(regular(len(seconds)), abs=2e-3)
    source.close()


def test_pictures_are_converted_as_ffmpeg_does_and_keep_their_memory(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(10))
    source = VideoSource(path)
    frames = read_all(source)
    source.close()
    with av.open(path) as container:
        pictures = [picture.to_ndarray(format="bgr24") for picture in container.decode(video=0)]
    assert len(frames) == len(pictures) == 10
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame.image, picture)


def test_larger_than_full_hd(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "a.mp4", regular(12), size=(2560, 1440)))
    assert [picture_number(frame.image) for frame in read_all(source)] == list(range(12))
    source.close()


def test_variable_rate_with_a_gap(tmp_path: Path) -> None:
    times = [0.0, 0.01, 0.05, 0.30, 0.31, 61.0, 61.02, 61.5]
    source = VideoSource(write_video(tmp_path / "a.mp4", times))
    assert [frame.seconds for frame in read_all(source)] == pytest.approx(times, abs=1e-4)
    source.close()


def test_a_file_that_does_not_start_at_zero(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "a.mkv", regular(10, start=5.0)))
    assert [frame.seconds for frame in read_all(source)] == pytest.approx(regular(10), abs=2e-3)
    source.seek(0.2)
    frame = source.read()
    assert frame is not None
    assert picture_number(frame.image) == 5
    source.close()


@pytest.mark.parametrize(
    ("rotation", "red_side"), [(0, "left"), (90, "bottom"), (180, "right"), (270, "top")]
)
def test_rotation_metadata_is_honoured(tmp_path: Path, rotation: int, red_side: str) -> None:
    source = VideoSource(write_video(tmp_path / "a.mp4", regular(3), rotation=rotation))
    frame = source.read()
    assert frame is not None
    image = frame.image
    assert source.info.size == frame.size == ((96, 192) if rotation in (90, 270) else (192, 96))
    edges = {
        "left": image[:, :6],
        "right": image[:, -6:],
        "top": image[:6],
        "bottom": image[-6:],
    }
    redness = {
        side: float(edge[..., 2].mean() - edge[..., 0].mean()) for side, edge in edges.items()
    }
    assert max(redness, key=lambda side: redness[side]) == red_side
    assert redness[red_side] > 150
    source.close()


def check_seek(source: VideoSource, times: list[float], number: int) -> None:
    """Seek to the time of a frame; it comes next, with its own time."""
    source.seek(times[number])
    frame = source.read()
    assert frame is not None
    assert picture_number(frame.image) == number
    assert frame.seconds == times[number]


@pytest.mark.parametrize("keyframe_every", [1, 7, 1000])
def test_seek_is_exact(tmp_path: Path, keyframe_every: int) -> None:
    path = write_video(tmp_path / "a.mp4", regular(90), keyframe_every=keyframe_every)
    source = VideoSource(path)
    times = [frame.seconds for frame in read_all(source)]
    for number in random.Random(1).sample(range(90), 12):
        check_seek(source, times, number)
        following = source.read()
        assert (following is None) == (number == 89)
        if following is not None:
            assert picture_number(following.image) == number + 1
    source.close()


@pytest.mark.parametrize("keyframe_every", [26, 1000])
@pytest.mark.parametrize("suffix", ["ts", "m2ts", "flv"])
def test_seek_is_exact_in_formats_that_seek_by_the_times_of_decoding(
    tmp_path: Path, suffix: str, keyframe_every: int
) -> None:
    path = write_video(tmp_path / f"a.{suffix}", regular(60), keyframe_every=keyframe_every)
    source = VideoSource(path)
    times = [frame.seconds for frame in read_all(source)]
    for number in (0, 1, 12, 25, 26, 27, 51, 58, 59, 0, 59, 12):
        check_seek(source, times, number)
        following = source.read()
        assert (following is None) == (number == 59)
    source.seek(99.0)
    last = source.read()
    assert last is not None
    assert picture_number(last.image) == 59
    source.close()


def test_seek_between_pictures_gives_the_one_on_show(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "a.mp4", [0.0, 1.0, 5.0, 5.1]))
    for wanted, number in [(4.9, 1), (0.5, 0), (5.05, 2), (99.0, 3), (-3.0, 0)]:
        source.seek(wanted)
        frame = source.read()
        assert frame is not None
        assert picture_number(frame.image) == number
    source.close()


def test_the_index_never_goes_back(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "a.mp4", regular(10)))
    indices = []
    for _ in range(3):
        source.seek(0.0)
        frame = source.read()
        assert frame is not None
        indices.append(frame.index)
    assert indices == sorted(set(indices))
    source.close()


def test_a_loop_goes_on_with_rising_seconds(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "a.mp4", regular(10)), loop=True)
    frames = [source.read() for _ in range(35)]
    assert all(frame is not None for frame in frames)
    seconds = [frame.seconds for frame in frames if frame is not None]
    assert np.diff(seconds) == pytest.approx(np.full(34, 0.04), abs=0.002)
    assert [picture_number(f.image) for f in frames if f is not None] == [*range(10)] * 3 + [
        *range(5)
    ]
    source.seek(seconds[23])
    again = source.read()
    assert again is not None
    assert (again.seconds, picture_number(again.image)) == (pytest.approx(seconds[23]), 3)
    source.loop = False
    assert len(read_all(source)) == 6
    source.close()


def test_the_demo_loops_and_winds() -> None:
    source = open_demo()
    assert source.info.kind == "demo"
    assert source.info.frame_count == 420
    source.seek(13.9)
    frames = [source.read() for _ in range(6)]
    seconds = [frame.seconds for frame in frames if frame is not None]
    assert seconds == pytest.approx([13.9 + number / 30 for number in range(6)], abs=1e-3)
    source.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_a_name_that_looks_like_an_address(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(3))
    odd = path.rename(tmp_path / "http:%2f ünï 'q'.mp4")
    source = VideoSource(odd)
    assert len(read_all(source)) == 3
    source.close()


def test_a_rate_that_varies_is_not_taken_for_the_tick_of_the_clock(tmp_path: Path) -> None:
    source = VideoSource(write_video_without_a_rate(tmp_path / "a.mkv"))
    assert source.info.fps == 30
    assert len(read_all(source)) == 60
    source.close()


# What goes wrong


def failure(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        VideoSource(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_missing(tmp_path: Path) -> None:
    assert "There is no file" in failure(tmp_path / "missing.mp4")


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    assert "is empty" in failure(path)


def test_text_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("not a video at all\n" * 50)
    assert "text.mp4" in failure(path)


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    assert "cannot be opened" in failure(tmp_path)


def test_truncated_before_its_index(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", regular(50)).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    assert "it is incomplete" in failure(path)


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    assert "no video" in failure(path)


def test_a_playlist_asks_the_network_for_nothing(tmp_path: Path) -> None:
    from tests.servers import MjpegServer

    with MjpegServer(pictures=[b"x"]) as server:
        path = tmp_path / "list.m3u8"
        path.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{server.address('/demo.mp4')}\n"
            "#EXT-X-ENDLIST\n"
        )
        failure(path)
        assert server.requests == 0


def test_truncated_behind_its_index_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    whole = write_video(tmp_path / "a.mp4", regular(50), options=options).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    source = VideoSource(path)
    numbers = [picture_number(frame.image) for frame in read_all(source)]
    assert 10 <= len(numbers) < 50
    assert numbers[:10] == list(range(10))
    source.close()


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_broken_middle_is_left_out(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", regular(120), bidirectional=False)
    data = bytearray(path.read_bytes())
    random_bytes = random.Random(7).randbytes(len(data) // 10)
    start = len(data) * 2 // 5
    data[start : start + len(random_bytes)] = random_bytes
    path.write_bytes(data)
    source = VideoSource(path)
    frames = read_all(source)
    numbers = [picture_number(frame.image) for frame in frames]
    assert numbers[:20] == list(range(20))
    assert numbers[-10:] == list(range(110, 120))
    assert all(b.seconds > a.seconds for a, b in itertools.pairwise(frames))
    assert [f.index for f in frames] == sorted({f.index for f in frames})
    source.close()


def test_broken_packets_are_counted_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", regular(60), bidirectional=False)
    with av.open(str(path)) as container:
        spans = [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None and p.size]
    data = bytearray(path.read_bytes())
    for position, size in spans[30:33]:
        data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    source = VideoSource(path)
    frames = read_all(source)
    # Packet 30 is a key frame: without it, nothing up to the next one can be shown,
    # but the decoder is free to show the last of them with what it has.
    assert source.broken in (9, 10)
    assert len(frames) + source.broken == 60
    shown = {frame.index: picture_number(frame.image) for frame in frames}
    assert all(shown[number] == number for number in [*range(30), *range(40, 60)])
    assert source.info.note is not None
    assert f"{source.broken} frames" in source.info.note
    source.close()


def test_two_recordings_in_one_file(tmp_path: Path) -> None:
    """Joined as they are: the clock begins again, and the second has a stream more."""
    first = write_video(tmp_path / "a.ts", regular(50), bidirectional=False)
    second = write_video(tmp_path / "b.ts", regular(20), bidirectional=False, sound=True)
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    source = VideoSource(path)
    frames = read_all(source)
    assert [picture_number(frame.image) for frame in frames] == [*range(50), *range(20)]
    seconds = [frame.seconds for frame in frames]
    assert np.diff(seconds) == pytest.approx(np.full(69, 0.04), abs=0.03)
    source.close()


@settings(max_examples=40, deadline=None)
@given(
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=300)), max_size=8),
    keep=st.floats(0.1, 1),
    suffix=st.sampled_from(["mp4", "mkv", "ts"]),
)
def test_any_damage_gives_pictures_or_one_sentence(
    damaged_folder: Path, damage: list[tuple[float, bytes]], keep: float, suffix: str
) -> None:
    whole = (damaged_folder / f"whole.{suffix}").read_bytes()
    data = bytearray(whole)
    for place, noise in damage:
        start = int(place * len(data))
        data[start : start + len(noise)] = noise
    path = damaged_folder / f"damaged.{suffix}"
    path.write_bytes(data[: int(len(whole) * keep)])
    source, complaint = None, ""
    try:
        source = VideoSource(path)
    except SourceError as error:
        complaint = str(error)
    if source is None:
        assert len(complaint.splitlines()) == 1
        return
    seconds = [frame.seconds for frame in read_all(source)]
    assert all(after > before for before, after in itertools.pairwise(seconds))
    assert len(seconds) <= 100
    source.close()


@pytest.fixture(scope="module")
def damaged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damaged")
    for suffix in ("mp4", "mkv", "ts"):
        write_video(folder / f"whole.{suffix}", regular(30), options={"movflags": "faststart"})
    return folder


def test_timeline_always_rises() -> None:
    timeline = Timeline(0.04)
    stamps = [0.0, 0.04, 0.04, 0.03, None, 0.2, -50.0, -49.96, 10.0, 3.0]
    placed = [timeline.seconds(stamp) for stamp in stamps]
    assert all(b > a for a, b in itertools.pairwise(placed))
    assert placed[6] == pytest.approx(placed[5] + 0.04)
    assert placed[7] - placed[6] == pytest.approx(0.04)
