"""Network cameras, good ones and bad ones, over the loopback interface."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_app.errors import SourceError
from pose_app.paths import bundled
from pose_app.sources import open_source
from pose_app.sources.base import Source
from pose_app.sources.http_client import HttpBody
from pose_app.sources.stream import LiveStreamSource, MjpegSource
from tests.media import picture_number, regular, write_video, write_video_without_a_rate
from tests.rtsp import RtspServer
from tests.servers import MjpegServer, refused_url
from tests.unit.network.file_server import AUTHORITY, FileServer


@pytest.fixture
def camera() -> Iterator[MjpegServer]:
    with MjpegServer(fps=200) as server:
        yield server


def failure(url: str) -> str:
    with pytest.raises(SourceError) as caught:
        open_source(url)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def read_until_error(source: Source) -> str:
    def read_all() -> None:
        while source.read() is not None:
            pass

    with pytest.raises(SourceError) as caught:
        read_all()
    source.close()
    return str(caught.value)


def read_until(source: Source, wanted: Callable[[], bool]) -> None:
    while not wanted():
        assert source.read() is not None


# Addresses


def test_a_redirect_is_followed(camera: MjpegServer) -> None:
    source = open_source(camera.address("/moved"))
    assert source.info.live
    assert source.read() is not None
    source.close()


def test_encrypted_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FileServer(b"content", secure=True) as server:
        with pytest.raises(SourceError, match="no trusted certificate"):
            HttpBody(server.url, 5.0)
        AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        body = HttpBody(server.url, 5.0)
        assert body.read(100) == b"content"
        body.close()


def test_nobody_listens() -> None:
    assert "refuses the connection" in failure(refused_url())
    assert "refuses the connection" in failure(refused_url().replace("http:", "rtsp:"))


def test_nothing_there(camera: MjpegServer) -> None:
    assert "(404)" in failure(camera.address("/nothing"))


def test_the_answer_of_a_server_that_refuses_is_closed(camera: MjpegServer) -> None:
    with pytest.raises(SourceError) as raised:
        HttpBody(camera.address("/nothing"), 5.0)
    response = raised.value.__cause__
    assert isinstance(response, HTTPError)
    assert response.fp.closed


def test_a_server_that_cannot_now(camera: MjpegServer) -> None:
    camera.down = True
    assert "error 503" in failure(camera.url)


def test_a_web_page(camera: MjpegServer) -> None:
    assert "is a web page" in failure(camera.address("/page.html"))


@pytest.mark.parametrize("url", ["http://", "http://a:b/", "http://[::1", "rtsp://", "rtsp://a:b/"])
def test_no_address(url: str) -> None:
    failure(url)


@pytest.mark.parametrize("url", ["ftp://a/b.mp4", "concat://a|b", "gopher://a", "data://x"])
def test_schemes_that_have_no_business_here(url: str) -> None:
    assert "cannot be opened" in failure(url)


def test_a_port_where_something_else_talks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"220 mail server ready\r\n")

        talker = threading.Thread(target=talk)
        talker.start()
        port = listener.getsockname()[1]
        assert "does not speak HTTP" in failure(f"http://127.0.0.1:{port}/")
        failure(f"rtsp://127.0.0.1:{port}/")
        talker.join()


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(SourceError, match="does not answer"):
            MjpegSource(url, stall_seconds=0.2)
        # FFmpeg does not always tell a silent server from one that talks nonsense.
        with pytest.raises(SourceError, match=r"does not answer|sends nothing"):
            LiveStreamSource(url.replace("http", "rtsp"), open_seconds=0.2, stall_seconds=0.2)


# Credentials


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_credentials_open_and_are_not_shown(auth: str) -> None:
    with MjpegServer(credentials=("me", "s3c@ret/"), auth=auth) as server:
        source = open_source(server.address("/stream", "me:s3c%40ret%2F"))
        assert source.read() is not None
        assert source.info.name == server.url
        source.close()


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_wrong_credentials_say_so_and_are_not_shown(auth: str) -> None:
    with MjpegServer(credentials=("me", "right"), auth=auth) as server:
        message = failure(server.address("/stream", "me:s3cret"))
        assert "does not accept" in message
        assert "s3cret" not in message
        assert "asks for a user name" in failure(server.url)


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_credentials_go_along_with_a_redirect_on_the_same_host(auth: str) -> None:
    with MjpegServer(credentials=("admin", "s3cret"), auth=auth) as server:
        source = open_source(server.address("/moved", "admin:s3cret"))
        assert source.read() is not None
        source.close()


def test_another_host_is_not_given_the_credentials() -> None:
    login = ("admin", "s3cret")
    with MjpegServer(credentials=login) as server, MjpegServer(credentials=login) as other:
        server.moved_to = other.url
        failure(server.address("/moved", "admin:s3cret"))
        assert (other.requests, other.connections) == (1, 0)


def test_credentials_for_rtsp() -> None:
    with RtspServer(credentials=("me", "right")) as server:
        source = open_source(server.address("me:right"))
        assert source.info.name == server.url
        source.close()
        message = failure(server.address("me:s3cret"))
        assert "does not accept" in message
        assert "s3cret" not in message


# Motion JPEG that goes wrong


def test_a_stall(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url, stall_seconds=0.3)
    camera.fault = "stall"
    assert "has stopped sending" in read_until_error(source)


@pytest.mark.parametrize("fault", ["endless", "garbage"])
def test_bytes_without_pictures_are_a_stall_too(camera: MjpegServer, fault: str) -> None:
    source = MjpegSource(camera.url, stall_seconds=0.3)
    camera.fault = fault
    assert "has stopped sending" in read_until_error(source)


@pytest.mark.parametrize("fault", ["reset", "cut"])
def test_a_connection_that_breaks(camera: MjpegServer, fault: str) -> None:
    source = MjpegSource(camera.url)
    camera.fault = fault
    message = read_until_error(source)
    assert "broke off" in message or "ended the connection" in message


def test_a_stream_that_ends_as_it_should(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url)
    camera.fault = "end"
    while source.read() is not None:
        pass
    assert source.read() is None
    source.close()


def test_it_can_be_opened_again_after_a_break(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url)
    camera.fault = "reset"
    read_until_error(source)
    camera.fault = None
    again = MjpegSource(camera.url)
    assert again.read() is not None
    again.close()


def test_half_a_picture_is_skipped_and_counted(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url)
    frames = [source.read()]
    camera.fault = "half"
    while camera.fault is not None or len(frames) < 20:
        frames.append(source.read())
    indices = [frame.index for frame in frames if frame is not None]
    assert indices[-1] - indices[0] >= len(indices)
    assert all(frame is not None and frame.size == (640, 480) for frame in frames)
    source.close()


def test_a_resolution_that_changes(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url)
    camera.fault = "resolution"
    read_until(source, lambda: source.info.size == (320, 240))
    source.close()


def test_a_flood_is_read_newest_first(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url)
    camera.fault = "flood"
    frames = [source.read() for _ in range(60)]
    indices = [frame.index for frame in frames if frame is not None]
    assert len(indices) == 60
    assert indices == sorted(set(indices))
    source.close()


def test_close_ends_a_read_that_waits(camera: MjpegServer) -> None:
    source = MjpegSource(camera.url, stall_seconds=60)
    camera.fault = "stall"
    ended = threading.Event()

    def read_all() -> None:
        while source.read() is not None:
            pass
        ended.set()

    reader = threading.Thread(target=read_all)
    reader.start()
    source.close()
    assert ended.wait(10)
    reader.join()


@pytest.mark.parametrize("options", [{"content_length": False}, {"boundary": "--odd boundary"}])
def test_cameras_that_write_otherwise(options: dict) -> None:
    with MjpegServer(fps=200, **options) as server:
        source = open_source(server.url)
        assert [source.read() is not None for _ in range(5)] == [True] * 5
        source.close()


def test_no_picture_at_all() -> None:
    with MjpegServer(pictures=[b"no picture"]) as server:
        with pytest.raises(SourceError, match="has stopped sending"):
            MjpegSource(server.url, stall_seconds=0.3)
        assert "is not an image" in failure(server.address("/snapshot.jpg"))


def complaint(url: str) -> str:
    try:
        open_source(url).close()
    except SourceError as error:
        return str(error)
    return ""


@given(st.text(max_size=60))
def test_any_path_gives_a_picture_or_one_sentence(path: str) -> None:
    with MjpegServer(pictures=[b"x"]) as server:
        assert len(complaint(server.address("/" + path)).splitlines()) <= 1


def test_a_path_with_spaces_and_letters(camera: MjpegServer) -> None:
    camera.files["/K%C3%BCche%201.jpg"] = (camera.pictures[0], "image/jpeg")
    open_source(camera.address("/Küche 1.jpg")).close()


# Videos and live streams through FFmpeg


def test_a_playlist_from_the_network_reads_no_file(camera: MjpegServer) -> None:
    target = bundled("assets", "demo.mp4")
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:14,\n{target.as_uri()}\n#EXT-X-ENDLIST\n"
    camera.files["/list.m3u8"] = (text.encode(), "application/vnd.apple.mpegurl")
    failure(camera.address("/list.m3u8"))


def test_a_playlist_of_addresses_is_played(camera: MjpegServer, tmp_path: Path) -> None:
    segment = write_video(tmp_path / "a.ts", regular(20)).read_bytes()
    camera.files["/a.ts"] = (segment, "video/mp2t")
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.8,\na.ts\n#EXT-X-ENDLIST\n"
    camera.files["/list.m3u8"] = (text.encode(), "application/vnd.apple.mpegurl")
    source = open_source(camera.address("/list.m3u8"))
    numbers = [picture_number(frame.image) for frame in iter(source.read, None) if frame]
    assert numbers == list(range(20))
    source.close()


def test_a_video_behind_http_can_seek(camera: MjpegServer) -> None:
    source = open_source(camera.address("/demo.mp4"), loop=True)
    assert source.info.duration == pytest.approx(14)
    source.seek(9.0)
    frame = source.read()
    assert frame is not None
    assert frame.seconds == pytest.approx(9.0, abs=1e-3)
    source.close()


def test_a_video_whose_connection_breaks_is_not_taken_for_whole(
    camera: MjpegServer, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", regular(120), options={"movflags": "faststart"})
    camera.files["/a.mp4"] = (path.read_bytes(), "video/mp4")
    camera.fault = "cut"
    assert "stopped sending" in read_until_error(open_source(camera.address("/a.mp4")))


def test_a_video_that_is_cut_at_the_server_plays_as_far_as_it_goes(
    camera: MjpegServer, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", regular(120), options={"movflags": "faststart"})
    data = path.read_bytes()
    camera.files["/a.mp4"] = (data[: len(data) * 2 // 3], "video/mp4")
    source = open_source(camera.address("/a.mp4"))
    numbers = [picture_number(frame.image) for frame in iter(source.read, None) if frame]
    assert numbers[:20] == list(range(20))
    assert len(numbers) < 120
    source.close()


def test_a_live_stream_that_does_not_tell_its_rate(camera: MjpegServer, tmp_path: Path) -> None:
    content = write_video_without_a_rate(tmp_path / "a.mkv").read_bytes()
    camera.files["/live"] = (content, "video/x-matroska")
    source = LiveStreamSource(camera.address("/live"))
    assert source.info.fps is None
    source.close()


def test_rtsp_stalls() -> None:
    with RtspServer() as server:
        source = LiveStreamSource(server.url, stall_seconds=0.5)
        assert source.info.size == (320, 240)
        server.fault = "stall"
        assert "has stopped sending" in read_until_error(source)


def test_rtsp_ends() -> None:
    with RtspServer() as server:
        source = LiveStreamSource(server.url, stall_seconds=5)
        server.fault = "end"
        while source.read() is not None:
            pass
        assert source.read() is None
        source.close()


def test_close_while_rtsp_stalls_lets_go_soon() -> None:
    with RtspServer() as server:
        source = LiveStreamSource(server.url, stall_seconds=1.5)
        server.fault = "stall"
        source.close()
        assert source.read() is None
        for thread in threading.enumerate():
            if thread.name.startswith("stream of"):
                thread.join(10)
        assert not source.held
