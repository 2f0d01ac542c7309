"""The benchmark's findings as tables to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_SIZES = ("640x480", "1280x720")
_FULL_SPEED = {
    "in_turn": "every frame, all stacks, one by one",
    "plain": "several at a time, as files are",
    "recording": "the same recorded",
}


def tables(found: dict[str, Any]) -> str:
    """What was measured, for people: one table a subject."""
    parts = [
        _machine(found),
        _summary(found),
        _engines(found),
        *(_pipeline(size, found[size]) for size in _SIZES),
        _start(found),
    ]
    if "window" in found:
        parts.append(_window(found["window"]))
    return "\n\n".join(parts)


def _machine(found: dict[str, Any]) -> str:
    machine, base = found["machine"], found["baseline"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"auto takes {base['engine']}" + (f" ({base['reason']})" if base["reason"] else ""),
    ]
    return "\n".join(lines)


def _summary(found: dict[str, Any]) -> str:
    summary = found["summary"]
    over_torch = summary["openvino_over_torch"]
    rows = [
        (
            "OpenVINO over torch eager, batch 1",
            "-" if over_torch is None else f"{over_torch:.2f} x",
        ),
        ("network's share of a frame, 640x480", f"{summary['network_share']:.0%}"),
        ("over the naive loop, 1280x720 recorded", f"{summary['over_naive']:.2f} x"),
        ("age of the pose, p95, in frame periods", f"{summary['age_p95_periods']:.2f}"),
        ("of the measured arithmetic peak", f"{summary['peak_share']:.0%}"),
    ]
    return _table("summary", (), rows)


def _engines(found: dict[str, Any]) -> str:
    rows = []
    for row in found["engines"]:
        if "problem" in row:
            rows.append((row["engine"], "-", "-", "-", "-", row["problem"] or ""))
            continue
        size = "x".join(map(str, row["input"]))
        ms, rate = row["ms"], f"{row['gmac_per_s']:.0f}"
        times = f"{ms['median']:.2f}", f"{ms['p95']:.2f}"
        rows.append((row["engine"], str(row["stacks"]), size, *times, rate))
    base = found["baseline"]
    torch, size = base["torch_ms"], "x".join(map(str, base["input"]))
    times = f"{torch['median']:.2f}", f"{torch['p95']:.2f}"
    eager = base["gmac"] / torch["median"] * 1e3
    rows.append(("plain torch eager · f32", str(base["stacks"]), size, *times, f"{eager:.0f}"))
    rows.append(("large matrix product", "-", "-", "-", "-", f"{base['peak_gmac_per_s']:.0f}"))
    header = ("engine", "stacks", "input", "median ms", "p95 ms", "GMAC/s")
    return _table("networks", header, rows)


def _pipeline(size: str, found: dict[str, Any]) -> str:
    rows = []
    for name, text in _FULL_SPEED.items():
        run = found[name]
        rows.append((text, f"{run['fps']:.1f} fps", ""))
        for stage, times in run.get("stages_ms", {}).items():
            rows.append((f"  {stage}", f"{times['median']:.2f} ms", f"{times['p95']:.2f} ms"))
        memory = run["memory_mb"]
        growth = f"{memory['start']:.0f} -> {memory['end']:.0f} MiB"
        rows.append(("  processor per frame", f"{run['processor_ms_per_frame']:.2f} ms", ""))
        rows.append(("  memory", growth, ""))
    rows.append(("recording costs", f"{found['recording_cost']:.0%} of the rate", ""))
    live = found["live"]
    rows.append((f"live at {live['source_fps']:.0f} fps", f"{live['fps']:.1f} fps", ""))
    age = live["age_ms"]
    rows.append(("  age of the pose", f"{age['median']:.1f} ms", f"{age['p95']:.1f} ms"))
    stacks = ", ".join(f"{count}: {frames}" for count, frames in live["stacks"].items())
    rows.append(("  frames by stacks", stacks, ""))
    drops = ", ".join(f"{reason}: {count}" for reason, count in live["dropped"].items())
    rows.append(("  dropped", drops or "none", ""))
    if "naive" in found:
        fps = found["naive"]["fps"]
        rows.append(("recorded, in turns with", f"{fps['pipeline']:.1f} fps", ""))
        rows.append(("  all in one thread", f"{fps['naive']:.1f} fps", ""))
        rows.append(("  with the network on all cores", f"{fps['naive_all_cores']:.1f} fps", ""))
    return _table(f"pipeline, {size}", ("", "median", "p95"), rows)


def _start(found: dict[str, Any]) -> str:
    start = found["startup_s"]
    rows = [
        ("python", f"{start['python']:.2f} s"),
        ("imports alone (openvino, cv2, av)", f"{start['imports']:.2f} s"),
        ("pose-app --help", f"{start['help']:.2f} s"),
        ("first pose of run", f"{start['first_pose']:.2f} s"),
        ("first pose over imports", f"{start['first_pose_over_imports']:.2f} x"),
    ]
    return _table("start-up", (), rows)


def _window(window: dict[str, Any]) -> str:
    rows = [
        ("window on the screen", f"{window['window_s']:.2f} s", ""),
        ("first picture", f"{window['first_picture_s']:.2f} s", ""),
        ("first skeleton", f"{window['first_skeleton_s']:.2f} s", ""),
        ("painted", f"{window['painted_fps']:.1f} fps", ""),
        ("window's thread per frame", f"{window['ui_thread_ms_per_frame']:.2f} ms", ""),
    ]
    for name, text in (("paint_ms", "painting"), ("age_ms", "age of the painted picture")):
        times = window[name]
        rows.append((text, f"{times['median']:.2f} ms", f"{times['p95']:.2f} ms"))
    return _table("window", ("", "median", "p95"), rows)


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, except the last."""
    everything = [tuple(header), *map(tuple, rows)] if header else [*map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    )
    return "\n".join([title, "-" * len(title), *lines])
