"""Which cameras are asked through the system's proxy: those beyond the own network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pose_app.errors import SourceError
from pose_app.sources.http_client import HttpBody, _is_local
from tests.servers import MjpegServer

OWN = [
    "127.0.0.1",
    "192.168.1.20",
    "10.0.0.7",
    "172.16.3.4",
    "169.254.10.1",
    "localhost",
    "camera",
    "camera.local",
    "[::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fd12:3456::1]",
    "[::ffff:192.168.1.20]",
]
PUBLIC = [
    "8.8.8.8",
    "172.32.0.1",
    "camera.example.com",
    "localhost.example.com",
    "[2606:4700:4700::1111]",
    "[2a00:1450:4001::200e]",
    "[::ffff:8.8.8.8]",
]


@pytest.mark.parametrize("host", OWN)
def test_the_own_network(host: str) -> None:
    assert _is_local(f"http://{host}:8080/stream")
    assert _is_local(f"https://{host}/")


@pytest.mark.parametrize("host", PUBLIC)
def test_beyond_it(host: str) -> None:
    assert not _is_local(f"http://{host}:8080/stream")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[MjpegServer]:
    with MjpegServer() as server:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, server.address(""))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        yield server


@pytest.mark.parametrize("host", ["camera.example.com", "[2606:4700:4700::1111]"])
def test_a_public_camera_is_asked_through_the_proxy(proxy: MjpegServer, host: str) -> None:
    with pytest.raises(SourceError, match="404"):  # what this proxy knows of it
        HttpBody(f"http://{host}/stream", timeout=5)
    assert proxy.requests == 1


def test_a_camera_of_the_own_network_is_asked_itself(proxy: MjpegServer) -> None:
    with MjpegServer() as camera:
        HttpBody(camera.url, timeout=5).close()
        assert camera.requests == 1
    assert proxy.requests == 0
