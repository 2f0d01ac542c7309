"""`pose-app repair`: copies the undamaged part of a recording into a clean file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import RecordingError
from . import files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line of `pose-app repair`."""
    parser.add_argument("file", type=Path, help="an incomplete recording (.mp4, .mkv)")
    parser.add_argument(
        "--output", type=Path, metavar="F", help="default: the same name with ' (repaired)'"
    )


def main(arguments: argparse.Namespace) -> int:
    """Repair a file and print the copy's name and number of frames."""
    path, frames = repair(arguments.file, arguments.output)
    print(f"{path}: {frames} frames")
    return 0


def repair(path: Path, output: Path | None = None) -> tuple[Path, int]:
    """Copy all frames up to the first damage into a new file, without encoding them again.

    Args:
        path: The damaged file; it is not changed.
        output: The copy; default the same name with ' (repaired)'.

    Returns:
        (path of the copy, its number of frames).

    Raises:
        RecordingError: Nothing can be saved, or the name is taken.
    """
    import av

    from .verify import opened, read_times

    path = Path(path)
    output = output or path.with_name(f"{path.stem} (repaired){path.suffix}")
    files.check_video_name(output)
    times, _ = read_times(path, [])
    whole = _unbroken(path, len(times))
    if not whole:
        raise RecordingError(f"{path} has no undamaged frame: nothing can be repaired.")
    output = files.claim(output)
    copied = 0
    try:
        with (
            opened(path) as (damaged, stream),
            av.open(str(output), "w", format=files.CONTAINERS[output.suffix.lower()]) as repaired,
        ):
            copy = repaired.add_stream_from_template(stream)
            for packet in damaged.demux(stream):
                if packet.dts is None or copied == whole:
                    break
                packet.stream = copy
                repaired.mux(packet)
                copied += 1
    except (av.FFmpegError, OSError, ValueError) as error:  # ValueError: unsuitable container
        output.unlink(missing_ok=True)
        raise RecordingError(f"{path} cannot be repaired ({files.reason(error)}).") from None
    return output, copied


def _unbroken(path: Path, most: int) -> int:
    """How many packets from the start decode without damage, at most `most`."""
    import av

    from .verify import opened

    whole = 0
    with opened(path) as (container, stream):
        stream.codec_context.options = {"err_detect": "explode"}
        stream.thread_type = "NONE"
        try:
            for packet in container.demux(stream):
                if packet.dts is None or packet.is_corrupt or whole == most:
                    break
                packet.decode()
                whole += 1
        except (av.FFmpegError, ValueError):
            pass  # the damage: the copy ends before it
    return whole
