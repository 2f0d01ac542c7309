"""The log file, crashes of threads, stacks and reports, without any credential."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_app import diagnostics, doctor
from pose_app.paths import log_folder

SECRET = "rtsp://admin:s3cret@10.0.0.7/live?token=abc123"


@pytest.fixture
def started() -> Iterator[list[str]]:
    told: list[str] = []
    path = diagnostics.start(told.append)
    assert path == log_folder() / diagnostics.LOG_NAME
    yield told
    diagnostics.stop()


def written() -> str:
    return (log_folder() / diagnostics.LOG_NAME).read_text(encoding="utf-8")


def _no_secret(text: str) -> None:
    for word in ("s3cret", "admin", "abc123"):
        assert word not in text


def test_credentials_never_reach_the_log_or_the_report(started: list[str]) -> None:
    log = logging.getLogger("pose_app.sources")
    log.warning("cannot open %s", SECRET)
    try:
        raise OSError(f"no route to {SECRET}")
    except OSError:
        log.exception("opening failed")
    for text in (written(), "\n".join(diagnostics.recent())):
        assert "10.0.0.7" in text
        assert "opening failed" in text
        _no_secret(text)


def test_an_uncaught_exception_of_a_thread_is_logged_and_told(started: list[str]) -> None:
    def crash() -> None:
        raise ValueError(f"bad {SECRET}")

    thread = threading.Thread(target=crash, name="some thread")
    thread.start()
    thread.join()
    (sentence,) = started
    assert sentence.startswith("An error in some thread: ValueError: bad")
    text = written()
    assert "uncaught in some thread" in text
    assert "in crash" in text
    _no_secret(sentence + text)


def test_the_log_rotates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "LOG_BYTES", 5000)
    diagnostics.start()
    for number in range(500):
        logging.getLogger("pose_app.x").info("line %d", number)
    diagnostics.stop()
    files = sorted(log_folder().glob(f"{diagnostics.LOG_NAME}*"))
    assert len(files) == diagnostics.LOG_FILES
    assert all(file.stat().st_size <= 5000 for file in files)
    assert "line 499" in written()


def test_a_full_disk_ends_the_log_file_and_nothing_else(
    started: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = (h for h in diagnostics.log.handlers if isinstance(h, logging.FileHandler))

    def full(record: logging.LogRecord) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file, "shouldRollover", full)
    for number in range(3):
        diagnostics.log.info("line %d", number)
    kept = "\n".join(diagnostics.recent())
    assert "line 0" in kept
    assert "line 2" in kept
    assert kept.count("cannot be written any more") == 1
    assert "No space left" in kept
    assert capsys.readouterr().err == ""
    assert file not in diagnostics.log.handlers
    file.close()


def test_starting_twice_writes_every_line_once(started: list[str]) -> None:
    diagnostics.start()
    logging.getLogger("pose_app.x").info("only once")
    assert written().count("only once") == 1


def test_stopping_puts_everything_back() -> None:
    before = sys.excepthook, threading.excepthook, list(logging.getLogger("pose_app").handlers)
    diagnostics.start()
    diagnostics.stop()
    assert before[2] == list(logging.getLogger("pose_app").handlers)
    assert (sys.excepthook, threading.excepthook) == (
        sys.__excepthook__,
        threading.__excepthook__,
    )


def test_a_folder_that_is_not_writable_is_no_reason_not_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(diagnostics, "log_folder", lambda: tmp_path / "file" / "below")
    assert diagnostics.start() is None
    logging.getLogger("pose_app.x").info("kept in memory")
    assert any("kept in memory" in line for line in diagnostics.recent())
    diagnostics.stop()


def test_stacks_name_every_thread() -> None:
    let_go = threading.Event()
    thread = threading.Thread(target=let_go.wait, name="waiting thread")
    thread.start()
    text = diagnostics.stacks()
    let_go.set()
    thread.join()
    assert "thread waiting thread:" in text
    assert "test_stacks_name_every_thread" in text


def test_a_stalled_stage_is_logged_with_all_stacks(started: list[str]) -> None:
    diagnostics.stalled("read source", 12.3)
    text = written()
    assert "read source has given no answer for 12.3 s" in text
    assert "thread MainThread:" in text


def test_a_crash_in_native_code_leaves_its_stacks(own_folders: Path) -> None:
    code = (
        "from pose_app import diagnostics; diagnostics.start(); import ctypes; ctypes.string_at(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode != 0
    fault = (log_folder() / diagnostics.FAULT_NAME).read_text()
    assert "Segmentation fault" in fault or "access violation" in fault
    assert "string_at" in fault


def test_the_doctors_report_has_every_section(started: list[str]) -> None:
    logging.getLogger("pose_app.x").warning("a line of the log about %s", SECRET)
    found = doctor.report()
    assert not [s for s in found.values() if str(s).startswith("failed (")], found
    logging.getLogger("pose_app.x").warning("writing %s failed", Path.home() / "Videos" / "a.mp4")
    text = doctor.full_text()
    assert "writing ~" in text
    assert str(Path.home()) not in text, "it may be the user's name"
    for word in ("openvino", "numpy", "cameras", "H.264 encoder: libx264", "folders"):
        assert word in text
    assert "a line of the log" in text
    assert str(Path.home()) not in doctor.as_text(found)
    _no_secret(text)


def test_the_home_folder_is_replaced_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/anna"))
    text = 'at /home/anna, "/home/anna/a" and /home/annabel/b'
    assert doctor.without_home(text) == 'at ~, "~/a" and /home/annabel/b'
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert doctor.without_home(text) == text


def test_a_part_that_breaks_does_not_break_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> object:
        raise ImportError("no such library")

    monkeypatch.setattr(doctor, "_cameras", broken)
    found = doctor.report()
    assert "no such library" in found["cameras"]
    assert isinstance(found["packages"], dict)
