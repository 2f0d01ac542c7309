"""Recordings with damage anywhere: checked, repaired and played as far as they go, or refused."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from pose_app.errors import RecordingError, SourceError
from pose_app.recording.repair import repair
from pose_app.recording.verify import verify
from pose_app.sources.video import VideoSource
from tests.fuzz.fuzzing import EXAMPLES, damaged, fuzz, one_sentence
from tests.media import regular, write_video

FRAMES = 4
# As the app writes them: while it records, and when it has closed them.
OPTIONS = {
    "mp4": [{"movflags": "frag_every_frame+empty_moov+default_base_moof"}, {}],
    "mkv": [{"cluster_time_limit": "1"}],
}


@pytest.mark.parametrize("kind", list(OPTIONS))
@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_recording_is_checked_repaired_and_played_or_refused(
    tmp_path: Path, kind: str, examples: int
) -> None:
    path, copy = tmp_path / f"a.{kind}", tmp_path / f"b.{kind}"
    good = [
        write_video(
            path, regular(FRAMES), size=(32, 16), bidirectional=False, options=options
        ).read_bytes()
        for options in OPTIONS[kind]
    ]

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            found = verify(path)
            assert found.frames >= 0
            repair(path, copy)
        except RecordingError as error:
            one_sentence(error)
        assert path.read_bytes() == data
        if copy.exists():
            assert verify(copy).closed
            copy.unlink()
        try:
            source = VideoSource(path)
        except SourceError as error:
            one_sentence(error)
        else:
            frames = list(itertools.takewhile(bool, (source.read() for _ in range(1000))))
            source.close()
            seconds = [frame.seconds for frame in frames if frame is not None]
            assert all(a < b for a, b in itertools.pairwise(seconds))
        assert {file.name for file in tmp_path.iterdir()} == {path.name}

    def make(chance: random.Random) -> bytes:
        return damaged(good, chance)

    fuzz(make, check, examples, [*good, b""])
