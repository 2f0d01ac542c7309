"""Credentials stay out of what is shown; names from sources become harmless file names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose_app.sources.names import redact, safe_name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:s3cret@10.0.0.5:554/ch1", "rtsp://10.0.0.5:554/ch1"),
        ("rtsp://s3cret@10.0.0.5/ch1", "rtsp://10.0.0.5/ch1"),
        ("http://admin:s3cret@@host/x", "http://host/x"),
        ("http://admin:s3@c/ret@host/x", "http://host/x"),
        ("http://admin:/s3cret@host:80/x?q=1", "http://host:80/x?q=1"),
        ("http://host/x?user=s3cret&q=1&pwd=s3cret", "http://host/x?user=***&q=1&pwd=***"),
        ("http://host/x?loginuse=a&loginpas=s3cret", "http://host/x?loginuse=***&loginpas=***"),
        ("http://host/x?Token=s3cret#top", "http://host/x?Token=***#top"),
        ("http://admin:pass word@127.0.0.1/stream/1", "http://127.0.0.1/stream/1"),
        ("http://the user:a b@c d@host/x", "http://host/x"),
        (
            "rtsp://10.0.0.2:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream",
            "rtsp://10.0.0.2:554/user=***_password=***_channel=1_stream=0.sdp?real_stream",
        ),
        (
            "rtsp://10.0.0.2/user=admin&password=s3cret&channel=1",
            "rtsp://10.0.0.2/user=***&password=***&channel=1",
        ),
        ("rtsp://h/user=a_password=s3_cret_channel=1", "rtsp://h/user=***_password=***_channel=1"),
        (
            "https://h/a.mp4?X-Amz-Credential=s3cret&X-Amz-Date=2026&X-Amz-Signature=s3cret"
            "&X-Amz-Security-Token=s3cret&X-Goog-Signature=s3cret",
            "https://h/a.mp4?X-Amz-Credential=***&X-Amz-Date=2026&X-Amz-Signature=***"
            "&X-Amz-Security-Token=***&X-Goog-Signature=***",
        ),
        (
            "http://h/x?authToken=s3cret&auth_token=s3cret",
            "http://h/x?authToken=***&auth_token=***",
        ),
        ("srt://h:9000?passphrase=s3cret", "srt://h:9000?passphrase=***"),
        ("http://host/people/@anna/clip.mp4", "http://host/people/@anna/clip.mp4"),
        ("http://host:8080/people/@anna", "http://host:8080/people/@anna"),
        ("/home/anna/a@b:c.mp4", "/home/anna/a@b:c.mp4"),
        ("http://h/day=3/user_2/a.mp4?author=bob&stream=1", None),
        ("http://10.0.0.2:80 and http://10.0.0.3:80/a@b", None),
        ("http://10.0.0.2:80/x and 'rtsp://h/@a b@c'", None),
        ("session=2_sid=4_user=anna.mp4", None),
        ("Error: 'rtsp://me:s3cret@h/x' refused", "Error: 'rtsp://h/x' refused"),
        ("two\nlines\x1b[2J", "two lines [2J"),
    ],
)
def test_redact(url: str, shown: str | None) -> None:
    assert redact(url) == (url if shown is None else shown)


secrets = st.text(min_size=6, max_size=20).filter(lambda text: text.strip() == text)


@given(secrets, secrets)
def test_no_password_survives(user: str, password: str) -> None:
    url = f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@camera.example/live"
    assert redact(url) == "rtsp://camera.example/live"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("demo.mp4", "demo.mp4"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\\system.ini", "C-Windows-system.ini"),
        ("rtsp://me:s3cret@10.0.0.5:554/ch1?a=b", "rtsp-10.0.0.5-554-ch1-a-b"),
        ("Kamera von Jürgen (HD)", "Kamera von Jürgen (HD)"),
        ("a\x00b\nc\u202ed", "a b c d"),
        ("con", "con_"),
        ("LPT1.txt", "LPT1.txt_"),
        ("...", "source"),
        ("", "source"),
    ],
)
def test_safe_name(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=300))
def test_any_text_becomes_a_file_in_its_folder(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= 81
    assert Path(name).name == name
    assert name == os.path.basename(name)  # noqa: PTH119 - the system's own
    assert not set(name) & set('/\\:*?"<>|\x00\n')
    assert name not in (".", "..")
    assert not name.endswith((".", " "))
    assert not name.startswith((".", "-"))
    assert safe_name(name) in (name, f"{name}_")
