"""`pose-app verify`: checks whether a recording is undamaged and agrees with its log."""

from __future__ import annotations

import argparse
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ..errors import RecordingError

if TYPE_CHECKING:  # checking a log needs no PyAV
    from av.container import InputContainer
    from av.video.stream import VideoStream

REPAIRED = "repaired by pose-app"  # the comment in a copy that `pose-app repair` made
GAP_SECONDS, GAP_PERIODS = 0.5, 5  # a pause longer than both (seconds, frame periods) is a gap
TAIL_SECONDS = 1.0  # that a recording may lose at its end when the app is killed
TOLERANCE = 0.0011  # seconds; Matroska's clock has milliseconds
_MATROSKA, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # elements of a Matroska file


@dataclass(frozen=True)
class Check:
    """The result: `problems` mean damage, `notes` do not."""

    path: str
    frames: int
    seconds: float  # time of the last frame
    fps: float
    gaps: tuple[tuple[float, float], ...]  # (start, length) in seconds
    closed: bool  # False where the writer was killed before it finished the file
    log: str | None
    log_frames: int | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is damaged."""
        return not self.problems


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `pose-app verify`."""
    parser.add_argument("file", type=Path, help="a recorded video (.mp4, .mkv) or a log (.jsonl)")
    parser.add_argument("--log", type=Path, help="its log (default: the .jsonl of the same name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def main(arguments: argparse.Namespace) -> int:
    """Print the result; the exit status is 0, or 1 where something is damaged."""
    check = verify(arguments.file, arguments.log)
    if arguments.json:
        print(json.dumps({**asdict(check), "good": check.good}))
        return 0 if check.good else 1
    print(f"{check.path}: {check.frames} frames, {check.seconds:.2f} s, {check.fps:.1f} fps")
    if check.log is not None:
        print(f"{check.log}: {check.log_frames} frames")
    for note in check.notes:
        print(f"note: {note}")
    for problem in check.problems:
        print(f"problem: {problem}")
    print("good" if check.good else "damaged")
    return 0 if check.good else 1


def verify(path: Path, log: Path | None = None) -> Check:
    """Decode a recording to its end and compare it with its log.

    Args:
        path: A video, or a log (.jsonl) to check alone.
        log: The video's log; default the `.jsonl` of the same name, if there is one.

    Raises:
        RecordingError: A file cannot be read at all.
    """
    path = Path(path)
    problems: list[str] = []
    notes: list[str] = []
    if path.suffix.lower() == ".jsonl":
        times, closed, log, is_log = [], True, path, True
    else:
        times, closed, is_log = *read_times(path, problems), False
        if log is None and path.with_suffix(".jsonl").exists():
            log = path.with_suffix(".jsonl")
    entries = None
    if log is not None:
        entries, raw = _read_log(log, path, notes)
        logged = [seconds for seconds, _ in entries]
        if any(b <= a for a, b in pairwise(logged)):
            problems.append("The times of the log do not always increase.")
        if is_log:
            times = logged
        else:
            # A file with a single frame does not always tell whether it was closed properly, and a
            # repaired one ends where the killed one did.
            whole = closed and len(times) > 1 and not _repaired(path)
            _compare(times, entries, raw, whole, problems, notes)
    if any(b <= a for a, b in pairwise(times)):
        problems.append("The times of the frames do not always increase.")
    if not closed:
        notes.append("It was not closed properly: `pose-app repair` makes a clean copy.")
    gaps = _gaps(times)
    notes += [f"No frame for {length:.1f} s after {start:.2f} s." for start, length in gaps]
    span = times[-1] - times[0] if len(times) > 1 else 0.0
    return Check(
        path=str(path),
        frames=len(times),
        seconds=times[-1] if times else 0.0,
        fps=(len(times) - 1) / span if span > 0 else 0.0,
        gaps=gaps,
        closed=closed,
        log=None if log is None else str(log),
        log_frames=None if entries is None else len(entries),
        problems=tuple(dict.fromkeys(problems)),
        notes=tuple(notes),
    )


def read_times(path: Path, problems: list[str]) -> tuple[list[float], bool]:
    """(seconds of all frames that decode without damage, whether the file was closed properly).

    Appends sentences about damage to `problems`. Raises RecordingError where it cannot be read.
    """
    import av

    from .files import reason

    times: list[float] = []
    try:
        with opened(path) as (container, stream):
            length, timed = (container.duration or 0) * 1e-6, container.duration is not None
            # No error concealment: a frame that differs from what was recorded is damaged.
            stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux(stream):
                try:
                    if packet.is_corrupt:
                        raise ValueError("its data is cut off")
                    for frame in packet.decode():
                        if frame.time is None or frame.is_corrupt:
                            raise ValueError("a damaged frame")
                        times.append(frame.time)
                except (av.FFmpegError, ValueError) as error:
                    position = f"after {times[-1]:.2f} s" if times else "at the start"
                    problems.append(f"A frame {position} cannot be decoded ({reason(error)}).")
    except (av.FFmpegError, OSError) as error:
        raise RecordingError(
            f"{path} is not a readable recording ({reason(error)}): choose another file."
        ) from None
    if not times:
        problems.append("There is no frame in it.")
    # A single frame has no duration that Matroska could store.
    closed = (timed or len(times) == 1) and not _fragmented(path)
    if closed and times and _declared(path) > path.stat().st_size:
        of = f" of {length:.2f} s" if length > times[-1] else ""
        problems.append(f"The file ends at {times[-1]:.2f} s{of}: it was cut off.")
    return times, closed


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a recording: (container, video stream).

    Raises RecordingError where it has no known video, and the errors of PyAV and the system.
    """
    import av

    from ..sources.video import LENIENT

    with av.open(readable(path), **LENIENT) as container:
        if not container.streams.video or container.streams.video[0].codec_context is None:
            raise RecordingError(f"{path} has no video in it that can be read.")
        yield container, container.streams.video[0]


def readable(path: Path) -> str:
    """What to give to FFmpeg: the path, or its complete part where a crash has cut it off.

    An incomplete last index box (`moof`) would make the whole mp4 unreadable.
    """
    boxes, size = _boxes(path), path.stat().st_size
    if boxes and boxes[-1][0] == b"moof" and boxes[-1][1] + boxes[-1][2] > size:
        return f"subfile,,start,0,end,{boxes[-1][1]},,:{path.absolute()}"
    return f"file:{path}"  # with a prefix, because FFmpeg takes a name with a colon for a protocol


def _repaired(path: Path) -> bool:
    """Whether `pose-app repair` made the file."""
    with opened(path) as (container, _):
        return REPAIRED in container.metadata.values()


def _declared(path: Path) -> int:
    """How many bytes a file has according to its head; 0 where that is unknown."""
    boxes = _boxes(path)
    if boxes:
        kind, start, length = boxes[-1]
        return start + length if kind == b"mdat" else 0
    with path.open("rb") as file:
        head = file.read(4096)
    position = 0
    while head.startswith(_MATROSKA) and position + 12 <= len(head):
        size = 9 - head[position].bit_length()
        kind, position = head[position : position + size], position + size
        size = 9 - head[position].bit_length()
        length = int.from_bytes(head[position : position + size], "big") & (1 << 7 * size) - 1
        position += size
        if kind == _SEGMENT:
            return 0 if length + 1 == 1 << 7 * size else position + length  # all ones: unknown
        position += length
    return 0


def _fragmented(path: Path) -> bool:
    """Whether an mp4 still consists of fragments, which closing it would have merged."""
    return any(kind == b"moof" for kind, _, _ in _boxes(path))


def _boxes(path: Path) -> list[tuple[bytes, int, int]]:
    """(kind, start, length) of the top-level boxes of an mp4; empty for any other file.

    The last one may extend beyond the end of the file.
    """
    boxes: list[tuple[bytes, int, int]] = []
    with path.open("rb") as file:
        position, size = 0, path.stat().st_size
        while position + 8 <= size:
            file.seek(position)
            head = file.read(16)
            length, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8 or (not boxes and kind != b"ftyp"):
                break
            boxes.append((kind, position, length))
            position += length
    return boxes


def _read_log(log: Path, video: Path, notes: list[str]) -> tuple[list[tuple[float, bool]], bool]:
    """([(seconds, whether `video` has the frame) per line], whether `video` is the raw one)."""
    from .keypoint_log import LogReader

    reader = LogReader(log)
    files = reader.header.get("files")
    names = files if isinstance(files, dict) else {}
    raw = names.get("raw") == video.name and names.get("annotated") != video.name
    entries = [(frame.seconds, frame.in_raw if raw else frame.in_video) for frame in reader]
    if reader.torn:
        notes.append("The last line of the log is cut off.")
    return entries, raw


def _compare(
    times: Sequence[float],
    entries: Sequence[tuple[float, bool]],
    raw: bool,
    closed: bool,
    problems: list[str],
    notes: list[str],
) -> None:
    """Check that video and log have the same frames.

    A raw video may have frames that the network did not process. The files of a killed recording
    may end at different times.
    """
    logged = [seconds for seconds, _ in entries]
    dropped = sum(not in_video for _, in_video in entries)
    if dropped:
        notes.append(f"{dropped} frames are in the log only: the recorder was too slow for them.")
    wanted = [seconds for seconds, in_video in entries if in_video]
    missing = [seconds for seconds in wanted if not _has(times, seconds)]
    unlogged = [] if raw else [seconds for seconds in times if not _has(logged, seconds)]
    end = times[-1] if times else 0.0
    if not closed:
        tail = [seconds for seconds in missing if end < seconds <= end + TAIL_SECONDS]
        if tail:
            notes.append(f"The log has {len(tail)} more frames at its end.")
            missing = [seconds for seconds in missing if seconds not in tail]
        last = logged[-1] if logged else 0.0
        unlogged = [s for s in unlogged if not last < s <= last + TAIL_SECONDS]
    if missing:
        problems.append(
            f"{len(missing)} frames of the log are not in the video, the first at "
            f"{missing[0]:.3f} s."
        )
    if unlogged:
        problems.append(
            f"{len(unlogged)} frames of the video are not in the log, the first at "
            f"{unlogged[0]:.3f} s."
        )


def _has(ordered: Sequence[float], seconds: float) -> bool:
    index = bisect_left(ordered, seconds - TOLERANCE)
    return index < len(ordered) and ordered[index] <= seconds + TOLERANCE


def _gaps(times: Sequence[float]) -> tuple[tuple[float, float], ...]:
    steps = [b - a for a, b in pairwise(times)]
    if not steps:
        return ()
    limit = max(GAP_SECONDS, GAP_PERIODS * median(steps))
    return tuple(
        (round(start, 6), round(step, 6))
        for start, step in zip(times, steps, strict=False)
        if step > limit
    )
