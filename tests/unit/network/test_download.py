"""Downloads from a real server that stalls, truncates, redirects, resumes and lies."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_app.errors import ModelError
from pose_app.network.download import (
    ATTEMPTS,
    DownloadCancelledError,
    UnreachableError,
    fetch,
)
from tests.faults import files_limited
from tests.unit.network.file_server import AUTHORITY, FileServer

CONTENT = random.Random(1).randbytes(700_000)
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxy is no part of these tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def small_files() -> Iterator[None]:
    with files_limited(100_000):
        yield


def get(server: FileServer, target: Path, sha256: str = HASH, **options: object) -> str:
    settings = {"timeout": 5.0, "pause": 0.01, **options}
    return fetch(server.url, target, sha256, **settings)  # type: ignore[arg-type]


def leftovers(target: Path) -> list[str]:
    return sorted(p.name for p in target.parent.iterdir() if p != target)


def test_whole_file_with_progress(server: FileServer, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    target = tmp_path / "new" / "net.pt"
    assert get(server, target, progress=lambda *step: steps.append(step)) == HASH
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert len(server.requests) == 1


@pytest.mark.parametrize("known", [HASH, HASH[:8], HASH[:8].upper(), ""])
def test_hash_full_prefix_or_unknown(server: FileServer, tmp_path: Path, known: str) -> None:
    assert get(server, tmp_path / "net.pt", known) == HASH


@pytest.mark.parametrize("known", ["0" * 64, "00000000", HASH[:-1] + "x"])
def test_a_wrong_hash_leaves_nothing(server: FileServer, tmp_path: Path, known: str) -> None:
    with pytest.raises(ModelError, match="not the published one"):
        get(server, tmp_path / "net.pt", known)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["truncate", "stall"])
def test_broken_off_and_resumed(server: FileServer, tmp_path: Path, fault: str) -> None:
    server.faults = [fault, fault, fault, fault, fault, fault]  # each brings half of the rest
    assert get(server, tmp_path / "net.pt", timeout=0.2) == HASH
    starts = [headers.get("Range") for _, headers in server.requests]
    assert starts[0] is None
    assert starts[1] == f"bytes={len(CONTENT) // 2}-"
    assert len(starts) == 7
    assert all(headers.get("If-Range") == '"one"' for _, headers in server.requests[1:])


def test_resumed_by_a_later_call(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["truncate", *["mute"] * 10]
    with pytest.raises(UnreachableError):
        get(server, tmp_path / "net.pt", timeout=0.1)
    assert not (tmp_path / "net.pt").exists()
    server.faults, before = [], len(server.requests)
    assert get(server, tmp_path / "net.pt") == HASH
    assert server.requests[before][1]["Range"] == f"bytes={len(CONTENT) // 2}-"
    assert leftovers(tmp_path / "net.pt") == []


def test_begins_again_when_the_file_has_changed(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["truncate"]
    first = server.content

    def change(done: int, total: int | None) -> None:
        server.content, server.etag = bytes(reversed(first)), '"two"'

    digest = get(server, tmp_path / "net.pt", "", progress=change)
    assert digest == hashlib.sha256(bytes(reversed(first))).hexdigest()


@pytest.mark.parametrize("missing", ["ranges", "etag"])
def test_servers_that_cannot_resume(server: FileServer, tmp_path: Path, missing: str) -> None:
    setattr(server, missing, None)
    server.faults = ["truncate"]
    assert get(server, tmp_path / "net.pt") == HASH
    assert len(server.requests) == 2


def test_a_range_that_was_not_asked_for_is_not_appended(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["truncate", "wrong-range"]
    with pytest.raises(ModelError, match="not the published one"):
        get(server, tmp_path / "net.pt")
    assert list(tmp_path.iterdir()) == []


def test_without_a_length(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["unsized"]
    totals: list[int | None] = []
    get(server, tmp_path / "net.pt", progress=lambda done, total: totals.append(total))
    assert set(totals) == {None}


def test_complete_part_of_an_interrupted_call(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "net.pt.part").write_bytes(CONTENT)
    (tmp_path / "net.pt.part.of").write_text('"one"')
    assert get(server, tmp_path / "net.pt") == HASH
    (tmp_path / "net.pt.part").write_bytes(CONTENT + b"more than there is")
    (tmp_path / "net.pt.part.of").write_text('"one"')
    assert get(server, tmp_path / "net.pt") == HASH


def test_redirects_are_followed(server: FileServer, tmp_path: Path) -> None:
    server.redirects = 3
    assert get(server, tmp_path / "net.pt") == HASH
    assert [path for path, _ in server.requests][-1] == "/moved/0"
    server.redirects = 1000
    with pytest.raises(UnreachableError):
        get(server, tmp_path / "other.pt")


def test_trouble_that_passes_is_retried(server: FileServer, tmp_path: Path) -> None:
    server.faults = [503, 429, 500]
    assert get(server, tmp_path / "net.pt") == HASH
    assert len(server.requests) == 4


def test_trouble_that_stays_is_reported(server: FileServer, tmp_path: Path) -> None:
    server.faults = [503] * 20
    with pytest.raises(UnreachableError, match="503"):
        get(server, tmp_path / "net.pt")
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_dead_address_is_not_asked_twice(server: FileServer, tmp_path: Path, status: int) -> None:
    server.faults = [status] * 3
    with pytest.raises(UnreachableError, match=str(status)):
        get(server, tmp_path / "net.pt")
    assert len(server.requests) == 1


def test_a_web_page_is_no_file(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["page"]
    with pytest.raises(UnreachableError, match="web page"):
        get(server, tmp_path / "net.pt")


def test_refused_and_unknown_hosts(tmp_path: Path) -> None:
    with socket.socket() as held:  # bound, but nobody listens
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/net.pt"
        with pytest.raises(UnreachableError, match="refused"):
            fetch(url, tmp_path / "net.pt", pause=0.01)
    with pytest.raises(UnreachableError):
        fetch("http://host.invalid/net.pt", tmp_path / "net.pt", pause=0.01)


@pytest.mark.parametrize("fault", ["stall", "mute"])
def test_cancelled_while_nothing_comes(server: FileServer, tmp_path: Path, fault: str) -> None:
    """The time limit is far away: only breaking the connection ends this."""
    server.faults = [fault]
    cancel = threading.Event()
    caught: list[BaseException] = []

    def run() -> None:
        try:
            get(server, tmp_path / "net.pt", cancel=cancel, timeout=600.0)
        except ModelError as error:
            caught.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    server.stalled.wait()
    cancel.set()
    worker.join()
    assert isinstance(caught[0], DownloadCancelledError)
    assert not (tmp_path / "net.pt").exists()
    assert get(server, tmp_path / "net.pt") == HASH  # and goes on from there


def test_cancelled_between_two_blocks(server: FileServer, tmp_path: Path) -> None:
    cancel = threading.Event()
    with pytest.raises(DownloadCancelledError):
        get(server, tmp_path / "net.pt", cancel=cancel, progress=lambda *_: cancel.set())
    part = (tmp_path / "net.pt.part").stat().st_size
    assert 0 < part < len(CONTENT)
    assert get(server, tmp_path / "net.pt") == HASH
    assert server.requests[-1][1]["Range"] == f"bytes={part}-"


def test_two_downloads_to_one_place_do_not_mix(server: FileServer, tmp_path: Path) -> None:
    server.faults = ["stall"]
    stop, outcome = threading.Event(), []

    def first() -> None:
        try:
            get(server, tmp_path / "net.pt", cancel=stop)
        except DownloadCancelledError as error:
            outcome.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    assert server.stalled.wait(10)
    with pytest.raises(ModelError, match="wait for that one"):
        get(server, tmp_path / "net.pt")
    assert get(server, tmp_path / "other.pt") == HASH
    stop.set()
    thread.join()
    assert len(outcome) == 1
    assert get(server, tmp_path / "net.pt") == HASH  # goes on where the first one was
    assert server.requests[-1][1]["Range"] == f"bytes={len(CONTENT) // 2}-"


def test_the_systems_proxy_is_used(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url.rsplit("/", 2)[0])
    monkeypatch.setenv("no_proxy", "")
    assert fetch("http://models.invalid/net.pt", tmp_path / "net.pt", HASH) == HASH
    assert server.requests[0][0] == "http://models.invalid/net.pt"


def test_encrypted_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer(CONTENT, secure=True) as server:
        with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            get(server, tmp_path / "net.pt")  # nobody vouches for it
        AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        server.faults = ["truncate"]
        assert get(server, tmp_path / "net.pt") == HASH
        cancel = threading.Event()
        server.faults = ["stall"]

        def stop() -> None:
            server.stalled.wait()
            cancel.set()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(DownloadCancelledError):
            get(server, tmp_path / "other.pt", cancel=cancel, timeout=600.0)
        stopper.join()


def test_a_full_disk_is_reported_at_once(
    server: FileServer, tmp_path: Path, small_files: None
) -> None:
    with pytest.raises(ModelError, match="cannot be written"):
        get(server, tmp_path / "net.pt")
    assert not (tmp_path / "net.pt").exists()
    assert len(server.requests) == 1  # no use in trying again


def test_an_unwritable_folder_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written"):
        get(server, tmp_path / "file" / "net.pt")
