"""The account of a soak: numbers, verdict, plot."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import Any

from pose_app.errors import RecordingError
from pose_app.paths import cache_folder
from tests.soak.harness import Outcome
from tests.soak.plot import plot
from tests.soak.samples import MEASURES, UNITS, Sample, growth

# Growth is judged where it has had time to show: before, models and libraries are still loaded.
JUDGED_SECONDS = 20 * 60.0
WARM_UP = 1 / 3  # share of the soak that growth leaves out
MOST_MEMORY_GROWTH = 100.0  # MB an hour
MOST_AT_REST = {"os_threads": 4, "descriptors": 8}  # more at the last rest than at an early one


def new_folder(wanted: Path | None) -> Path:
    """The folder of the report, created. Raises RecordingError where it is taken."""
    stamp = time.strftime("%Y-%m-%d %H.%M.%S")
    folder = (cache_folder() / "soak" / stamp if wanted is None else wanted).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=wanted is None)
    except OSError as error:
        raise RecordingError(
            f"{folder} cannot be made ({error.strerror}): choose a new folder for the report."
        ) from None
    return folder


def finish(outcome: Outcome, folder: Path) -> dict[str, Any]:
    """The account; written as soak.json with soak.png beside it."""
    account = _account(outcome)
    (folder / "soak.json").write_text(
        json.dumps(account, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    plot(folder / "soak.png", outcome, account)
    account["report"] = str(folder)
    return account


def _account(outcome: Outcome) -> dict[str, Any]:
    watched, verifier = outcome.watched, outcome.watched.verifier
    held = {measure: _held(watched.samples, watched.rest, measure) for measure in MEASURES}
    problems = [*watched.problems, *_growth_problems(outcome, held)]
    if not watched.processed:
        problems.append("there was no pose at all")
    worst = max(watched.gaps, key=lambda name: watched.gaps[name], default=None)
    return {
        "verdict": "bad" if problems else "good",
        "problems": problems,
        "minutes": round(outcome.seconds / 60, 2),
        "interrupted": outcome.interrupted,
        "seed": outcome.seed,
        "sessions": watched.sessions,
        "frames": {
            "captured": watched.captured,
            "processed": watched.processed,
            "dropped": dict(watched.dropped),
            "conserved": watched.captured == watched.processed + sum(watched.dropped.values()),
        },
        "recorded": {
            "recordings": verifier.recordings,
            "files": verifier.files,
            "verified": verifier.verified,
            "ended_by_a_fault": verifier.broken_files,
            "seconds": round(verifier.seconds, 1),
            "frames_offered": verifier.offered,
            "frames_written": verifier.written,
            "dropped": dict(verifier.dropped),
            "longest_gap": round(verifier.gap, 3),
            "conserved": verifier.offered == verifier.written + sum(verifier.dropped.values()),
        },
        "worst_gap": {
            "calm": round(watched.calm_gap, 3),
            "during": worst,
            "seconds": round(watched.gaps.get(worst, 0.0), 3) if worst else 0.0,
            "by_action": {name: round(gap, 3) for name, gap in sorted(watched.gaps.items())},
        },
        "actions": dict(sorted(watched.actions.items())),
        "events": dict(watched.events),
        "held": held,
        "memory_since_minute_2_percent": memory_since_minute_2(watched.samples),
    }


def memory_since_minute_2(samples: list[Sample]) -> float | None:
    """How much more memory the last minute took than the third one, in percent."""
    if not samples or samples[-1].seconds < 4 * 60:
        return None
    third = [s.memory for s in samples if 120 <= s.seconds < 180]
    last = [s.memory for s in samples if s.seconds > samples[-1].seconds - 60]
    return round(100 * (median(last) / median(third) - 1), 2) if third else None


def _held(samples: list[Sample], rest: list[Sample], measure: str) -> dict[str, Any] | None:
    """First, highest and last value while it ran and at rest, and the growth per hour."""
    values = [value for s in samples if (value := getattr(s, measure)) is not None]
    at_rest = [value for s in rest if (value := getattr(s, measure)) is not None]
    if not values or not at_rest:
        return None
    after = samples[-1].seconds * WARM_UP
    slope, rest_slope = growth(samples, measure, after), growth(rest, measure, after)
    return {
        "unit": UNITS.get(measure, "count"),
        "first": round(values[0], 1),
        "highest": round(max(values), 1),
        "last": round(values[-1], 1),
        "at_rest": [round(value, 1) for value in at_rest],
        "growth_per_hour": None if slope is None else round(slope, 2),
        "growth_per_hour_at_rest": None if rest_slope is None else round(rest_slope, 2),
    }


def _growth_problems(outcome: Outcome, held: dict[str, Any]) -> list[str]:
    if outcome.seconds < JUDGED_SECONDS:
        return []
    problems = []
    for measure in ("memory", "gpu_memory"):
        per_hour = (held[measure] or {}).get("growth_per_hour")
        if per_hour is not None and per_hour > MOST_MEMORY_GROWTH:
            problems.append(f"{measure} grows by {per_hour:.0f} MB an hour")
    rest = outcome.watched.rest
    early = rest[int(len(rest) * WARM_UP) :]
    for measure, most in MOST_AT_REST.items():
        values = [getattr(sample, measure) for sample in early]
        if values and values[-1] > values[0] + most:
            problems.append(f"{measure} at rest went from {values[0]} to {values[-1]}")
    return problems


def text(account: dict[str, Any]) -> str:
    """The account for people."""
    frames, recorded, gap = account["frames"], account["recorded"], account["worst_gap"]
    lines = [
        f"{account['minutes']:.1f} minutes, {account['sessions']} sessions, "
        f"{sum(account['actions'].values())} actions, seed {account['seed']}",
        f"frames: {frames['captured']} captured = {frames['processed']} processed + "
        f"{_reasons(frames['dropped'])}",
        f"recorded: {recorded['recordings']} recordings, {recorded['files']} files, "
        f"{recorded['verified']} read back, {recorded['ended_by_a_fault']} ended by a fault; "
        f"{recorded['frames_offered']} frames = {recorded['frames_written']} written + "
        f"{_reasons(recorded['dropped'])}",
        f"longest time without a pose: {gap['calm']:.2f} s undisturbed, "
        f"{gap['seconds']:.2f} s during: {gap['during']}",
    ]
    for measure, held in account["held"].items():
        if held is not None:
            per_hour = held["growth_per_hour"]
            rate = "" if per_hour is None else f", {per_hour:+.1f} an hour"
            unit = f" {held['unit']}" if held["unit"] != "count" else ""
            lines.append(
                f"{measure.replace('_', ' ')}: {held['first']} to {held['last']}{unit}, "
                f"highest {held['highest']}{rate}"
            )
    more = account["memory_since_minute_2_percent"]
    if more is not None:
        lines.append(f"memory in the last minute: {more:+.1f} % of that in the third")
    lines += [f"problem: {problem}" for problem in account["problems"]]
    lines.append(f"{account['verdict']}: see {account['report']}")
    return "\n".join(lines)


def _reasons(dropped: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in dropped.items()) or "0 dropped"
