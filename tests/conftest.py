"""What every test gets: folders of its own, no thread left behind, slow and GPU tests on demand."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pose_app.paths import CACHE_VARIABLE, HOME_VARIABLE
from pose_app.process import prepare

prepare()  # as the command line does
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    # Workers, and the processes they start, share the cores instead of waiting for each other.
    _share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _share)))

LEAVE_SECONDS = 60.0  # how long a thread may take to end after its test, on a busy machine


def pytest_configure(config: pytest.Config) -> None:
    # The same generated inputs in every run; other ones with --slow, where findings are wanted.
    settings.register_profile("steady", derandomize=not config.getoption("--slow"), deadline=None)
    settings.load_profile("steady")
    # Started in the background of a script, Ctrl-C is ignored, and with nohup the end of the login
    # session is; every child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = pytest.mark.skip(reason="takes long: run with --slow")
    gpu = pytest.mark.skip(reason="there is no CUDA device here")
    has_gpu: bool | None = None
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(slow)
        if "gpu" in item.keywords:
            if has_gpu is None:
                from pose_app.engines.hardware import nvidia_count

                has_gpu = nvidia_count() > 0
            if not has_gpu:
                item.add_marker(gpu)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One last line: what was skipped and why."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    told = "; ".join(f"{number} because: {reason}" for reason, number in reasons.most_common())
    terminalreporter.write_line(f"skipped: {told or 'nothing'}")


@pytest.fixture(scope="session", autouse=True)
def shared_cache(pytestconfig: pytest.Config) -> Iterator[Path]:
    """Compiled models are shared by all tests, workers and runs: they are kept by content."""
    cache = pytestconfig.cache
    assert cache is not None, "the plugin cacheprovider is needed"
    folder = cache.mkdir("compiled-models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, models, logs and recordings of a test, and of the processes it starts, are its own:
    a person's are neither read nor written.
    """
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    return home


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fail a test after which a thread runs that did not run before it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + LEAVE_SECONDS
    while left := [t for t in threading.enumerate() if t not in before and t.is_alive()]:
        if time.monotonic() > deadline:
            names = ", ".join(thread.name for thread in left)
            pytest.fail(f"threads left behind: {names}")
        left[0].join(0.05)
