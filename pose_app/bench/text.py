"""Formats the results of the benchmark as tables."""

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
    """The results as tables; failed measurements are listed at the end."""
    parts = [_machine(found), _summary(found), _choice(found), _engines(found)]
    parts += [_pipeline(size, found[size]) for size in _SIZES]
    parts += [_start(found)]
    if found.get("window_starts_s"):
        parts.append(_window_starts(found["window_starts_s"]))
    if found.get("window"):
        parts.append(_window("window", found["window"]))
    if found.get("full_window"):
        full = "window at 1280x720 with the heatmap and all panels"
        parts.append(_window(full, found["full_window"]))
    if found["problems"]:
        rows = list(found["problems"].items())
        parts.append(_table("not measured", (), rows))
    return "\n\n".join(part for part in parts if part)


def _machine(found: dict[str, Any]) -> str:
    machine, base = found["machine"], found["baseline"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"]
    if base:
        because = f" ({base['reason']})" if base["reason"] else ""
        lines.append(f"auto takes {base['engine']}{because}")
    return "\n".join(lines)


def _summary(found: dict[str, Any]) -> str:
    summary = found["summary"]
    figures = (
        ("OpenVINO over torch eager, batch 1", "openvino_over_torch", "{:.2f} x"),
        ("network's share of a frame, 640x480", "network_share", "{:.0%}"),
        ("over the naive loop, 1280x720 recorded", "over_naive", "{:.2f} x"),
        ("age of the pose, p95, in frame periods", "age_p95_periods", "{:.2f}"),
        ("of the measured arithmetic peak", "peak_share", "{:.0%}"),
    )
    rows = [
        (text, "-" if summary[key] is None else form.format(summary[key]))
        for text, key, form in figures
    ]
    return _table("summary", (), rows)


def _choice(found: dict[str, Any]) -> str:
    if found["chosen"] is None:
        return ""
    rows = [
        (name, f"{ms:.2f} ms" if isinstance(ms, float) else ms)
        for name, ms in found["candidates"].items()
    ]
    rows.append(("taken", found["chosen"]))
    right = {True: "yes", False: "no: another is faster by more than a tenth", None: "-"}
    rows.append(("rightly", right[found["choice_is_right"]]))
    if found["int8_over_f32"] is not None:
        rows.append(("int8 over f32", f"{found['int8_over_f32']:.2f} x"))
    return _table("choice", (), rows)


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
    header = ("engine", "stacks", "input", "median ms", "p95 ms", "GMAC/s")
    base = found["baseline"]
    if not base:
        return _table("networks", header, rows) if rows else ""
    torch, size = base["torch_ms"], "x".join(map(str, base["input"]))
    times = f"{torch['median']:.2f}", f"{torch['p95']:.2f}"
    eager = base["gmac"] / torch["median"] * 1e3
    rows.append(("plain torch eager · f32", str(base["stacks"]), size, *times, f"{eager:.0f}"))
    rows.append(("large matrix product", "-", "-", "-", "-", f"{base['peak_gmac_per_s']:.0f}"))
    return _table("networks", header, rows)


def _pipeline(size: str, found: dict[str, Any]) -> str:
    rows = []
    for name, text in _FULL_SPEED.items():
        if name not in found:
            continue
        run = found[name]
        rows.append((text, f"{run['fps']:.1f} fps", ""))
        for stage, times in run.get("stages_ms", {}).items():
            rows.append((f"  {stage}", f"{times['median']:.2f} ms", f"{times['p95']:.2f} ms"))
        memory = run["memory_mb"]
        growth = f"{memory['start']:.0f} -> {memory['end']:.0f} MiB"
        rows.append(("  processor per frame", f"{run['processor_ms_per_frame']:.2f} ms", ""))
        rows.append(("  memory", growth, ""))
    if "recording_cost" in found:
        rows.append(("recording costs", f"{found['recording_cost']:.0%} of the rate", ""))
    if "live" in found:
        rows += _live(found["live"])
    if "naive" in found:
        fps = found["naive"]["fps"]
        rows.append(("recorded, in turns with", f"{fps['pipeline']:.1f} fps", ""))
        rows.append(("  all in one thread", f"{fps['naive']:.1f} fps", ""))
        rows.append(("  with the network on all cores", f"{fps['naive_all_cores']:.1f} fps", ""))
    return _table(f"pipeline, {size}", ("", "median", "p95"), rows)


def _live(live: dict[str, Any]) -> list[tuple[str, str, str]]:
    age = live["age_ms"]
    stacks = ", ".join(f"{count}: {frames}" for count, frames in live["stacks"].items())
    drops = ", ".join(f"{reason}: {count}" for reason, count in live["dropped"].items())
    return [
        (f"live at {live['source_fps']:.0f} fps", f"{live['fps']:.1f} fps", ""),
        ("  age of the pose", f"{age['median']:.1f} ms", f"{age['p95']:.1f} ms"),
        ("  frames by stacks", stacks, ""),
        ("  dropped", drops or "none", ""),
    ]


def _start(found: dict[str, Any]) -> str:
    start = found["startup_s"]
    rows: list[tuple[str, str]] = []
    if found["first_start_s"] is not None:
        torch = "with" if found["first_start_imports_torch"] else "without"
        rows.append(("first start on a machine", f"{found['first_start_s']:.2f} s, {torch} torch"))
    if not start:
        return _table("start-up", (), rows) if rows else ""
    rows += [
        ("python", f"{start['python']:.2f} s"),
        ("imports alone (openvino, cv2, av)", f"{start['imports']:.2f} s"),
        ("pose-app --help", f"{start['help']:.2f} s"),
        ("first pose of run", f"{start['first_pose']:.2f} s"),
        ("first pose over imports", f"{start['first_pose_over_imports']:.2f} x"),
    ]
    return _table("start-up", (), rows)


def _window_starts(times: dict[str, float]) -> str:
    imports = times["imports"]
    names = {
        "imports": "imports alone (with PySide6)",
        "first_start_window": "first start: window",
        "first_start_skeleton": "first start: skeleton",
        "window": "later start: window",
        "skeleton": "later start: skeleton",
    }
    rows = [
        (text, f"{times[name]:.2f} s", f"{times[name] / imports:.1f} x")
        for name, text in names.items()
    ]
    return _table("window's starts", ("", "seconds", "over imports"), rows)


def _window(title: str, window: dict[str, Any]) -> str:
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
    return _table(title, ("", "median", "p95"), rows)


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are as wide as their widest cell."""
    everything = [tuple(header), *map(tuple, rows)] if header else [*map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    )
    return "\n".join([title, "-" * len(title), *lines])
