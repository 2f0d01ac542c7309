"""`pose-app repair`: copies the undamaged frames of a recording into a clean file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RecordingError
from . import files

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `pose-app repair`."""
    parser.add_argument("file", type=Path, help="an incomplete recording (.mp4, .mkv)")
    parser.add_argument(
        "--output", type=Path, metavar="F", help="default: the same name with ' (repaired)'"
    )


def main(arguments: argparse.Namespace) -> int:
    """Repair a file and print the copy's name and number of frames."""
    path, frames, total = repair(arguments.file, arguments.output)
    if frames == total:
        print(f"{path}: {frames} frames")
    else:
        left_out = f"{total - frames} {'was' if total - frames == 1 else 'were'}"
        print(f"{path}: {frames} of {total} frames; {left_out} damaged and left out")
    return 0


def repair(path: Path, output: Path | None = None) -> tuple[Path, int, int]:
    """Copy all undamaged frames into a new file, without encoding them again.

    Those between a damaged frame and the next key frame are left out, because they build on it.

    Args:
        path: The damaged file; it is not changed.
        output: The copy; default the same name with ' (repaired)'.

    Returns:
        (path of the copy, its number of frames, the number of frames in `path`).

    Raises:
        RecordingError: Nothing can be saved, or the name is taken.
    """
    import av

    from .verify import REPAIRED, opened, read_times

    path = Path(path)
    output = output or path.with_name(f"{path.stem} (repaired){path.suffix}")
    files.check_video_name(output)
    read_times(path, [])  # raises where it cannot be read
    undamaged, total = _undamaged(path)
    if not any(undamaged):
        raise RecordingError(f"{path} has no undamaged frame: nothing can be repaired.")
    output = files.claim(output)
    try:
        with (
            opened(path) as (damaged, stream),
            av.open(str(output), "w", format=files.CONTAINERS[output.suffix.lower()]) as repaired,
        ):
            repaired.metadata["comment"] = REPAIRED
            copy = repaired.add_stream_from_template(stream)
            for whole, packet in zip(undamaged, damaged.demux(stream), strict=False):
                if whole:
                    packet.stream = copy
                    repaired.mux(packet)
    except (av.FFmpegError, OSError, ValueError) as error:  # ValueError: unsuitable container
        output.unlink(missing_ok=True)
        raise RecordingError(f"{path} cannot be repaired ({files.reason(error)}).") from None
    return output, sum(undamaged), total


def _undamaged(path: Path) -> tuple[list[bool], int]:
    """(whether each packet and all that it builds on are undamaged, number of frames in `path`)."""
    import av

    from .verify import opened

    packets: list[tuple[int | None, bool, bool]] = []  # (time, is a key frame, is undamaged)
    corrupt: set[int | None] = set()  # times of damaged frames, which may come some packets later
    with opened(path) as (container, stream):
        total, context = stream.frames, stream.codec_context
        context.options = {"err_detect": "explode"}
        context.thread_type = "NONE"

        def decode(packet: Packet[VideoStream] | None) -> bool:
            """Whether nothing is damaged."""
            try:
                damaged = {frame.pts for frame in context.decode(packet) if frame.is_corrupt}
            except (av.FFmpegError, ValueError):
                return False
            corrupt.update(damaged)
            return not damaged

        whole = True
        try:
            for packet in container.demux(stream):
                if not packet.size and packet.dts is None:
                    break  # the last one, which only empties the decoder
                if not whole and packet.is_keyframe:
                    context.flush_buffers()
                    whole = True
                if whole and (packet.is_corrupt or not packet.size or not decode(packet)):
                    whole = False
                    decode(None)  # the frames before it that are still in the decoder
                packets.append((packet.pts, packet.is_keyframe, whole))
        except (av.FFmpegError, ValueError):
            pass  # nothing after this can be read
        if whole:
            decode(None)
    undamaged: list[bool] = []
    for time, key, whole in packets:
        follows = key or not undamaged or undamaged[-1]
        undamaged.append(follows and whole and time not in corrupt)
    return undamaged, max(total, len(packets))
