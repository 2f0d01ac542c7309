"""What people would use instead, beside ours: the same frames, one run, in turns.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install mediapipe==0.10.14
    python -m tests.bench.peers --python /tmp/peers/bin/python

A peer runs in an environment of its own, because its packages do not go together with ours; only
those count whose weights come with the package. Ours finds and follows people as in the app, on the
engine that `auto` takes. Not part of the tests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pose_app.engines.choose import measured
from pose_app.engines.measure import as_text
from pose_app.pose.estimator import PoseEstimator
from pose_app.sources.demo import open_demo
from pose_app.types import Frame

FRAMES = 90
ROUNDS = 4

# Run by the peer's Python: loads the frames, then answers every line with the milliseconds of each.
MEDIAPIPE = """
import json, sys, time
import numpy as np
import mediapipe
frames = np.load(sys.argv[1])
with mediapipe.solutions.pose.Pose(static_image_mode=False, model_complexity=1) as pose:
    print(json.dumps({"version": mediapipe.__version__}), flush=True)
    for _ in sys.stdin:
        times, found = [], 0
        for frame in frames:
            started = time.perf_counter()
            answer = pose.process(np.ascontiguousarray(frame[..., ::-1]))
            times.append((time.perf_counter() - started) * 1e3)
            found += answer.pose_landmarks is not None
        print(json.dumps({"ms": times, "found": found}), flush=True)
"""
PEERS = {"mediapipe, complexity 1": MEDIAPIPE}
NOT_TO_BE_HAD = {
    "rtmlib, ONNX runtime": "its packages download the weights when they are first used",
    "MoveNet, TensorFlow Lite": "no package carries its weights",
    "OpenPose, OpenCV": "no package carries its weights",
}


class Peer:
    """A peer's process. `turn` gives the milliseconds of every frame. Raises RuntimeError."""

    def __init__(self, python: str, code: str, frames: Path) -> None:
        self._process = subprocess.Popen(
            [python, "-c", code, str(frames)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()["version"]

    def turn(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            lines = self._process.communicate()[1].strip().splitlines() or ["it ended"]
            raise RuntimeError(lines[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer


def ours(estimator: PoseEstimator, images: list[np.ndarray]) -> dict[str, Any]:
    """One turn of ours; people are looked for anew."""
    estimator.reset()
    times, found = [], 0
    for index, image in enumerate(images):
        frame = Frame(index, 0, index / 30, image)  # type: ignore[arg-type]
        started = time.perf_counter()
        poses = estimator.track(frame)
        times.append((time.perf_counter() - started) * 1e3)
        found += bool(poses)
    return {"ms": times, "found": found}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the peers' Python")
    arguments = parser.parse_args()
    source = open_demo()
    read = [source.read() for _ in range(FRAMES)]
    source.close()
    images = [frame.image for frame in read if frame is not None]
    print(f"ours takes the fastest of: {as_text(measured())}")
    estimator = PoseEstimator.open(smoothing=True)
    turns: dict[str, Callable[[], dict[str, Any]]] = {
        f"pose-app, {estimator.engine.info.badge()}": lambda: ours(estimator, images)
    }
    missing = dict(NOT_TO_BE_HAD)
    peers = []
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        file = Path(folder) / "frames.npy"
        np.save(file, np.stack(images))
        for name, code in PEERS.items():
            try:
                peer = Peer(arguments.python, code, file)
            except (OSError, RuntimeError) as error:
                missing[name] = str(error)
                continue
            peers.append(peer)
            turns[f"{name}, {peer.version}"] = peer.turn
        samples: dict[str, list[float]] = {name: [] for name in turns}
        found: dict[str, int] = {}
        for number in range(ROUNDS + 1):
            for name, turn in turns.items():
                answer = turn()
                found[name] = answer["found"]
                if number > 0:  # the first loads and compiles
                    samples[name] += answer["ms"]
        for peer in peers:
            peer.close()
    estimator.close()
    for name, times in samples.items():
        median, p95 = np.percentile(times, (50, 95))
        best = min(times)
        print(
            f"{name:50} median {median:6.2f} ms  p95 {p95:6.2f} ms  best {best:6.2f} ms  "
            f"somebody in {found[name]} of {len(images)} frames"
        )
    for name, why in missing.items():
        print(f"{name:50} not measured: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
