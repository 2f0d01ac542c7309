"""Names that are safe to show (without credentials) and safe as file names."""

from __future__ import annotations

import re
import unicodedata

# The bundled clips by the names that users type. All are made to be looped.
DEMOS = {"demo": "demo.mp4", "demo people": "people.mp4"}

# scheme://user:password@host; greedy, because passwords may contain an @. With a colon there may be
# blanks in it.
_USER_INFO = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,30}://)(?:[^/?#\r\n@:]*:[^/?#\r\n]*|[^/?#\s]*)@", re.IGNORECASE
)
# A password with a slash in it: before the slash is "user:text", which is no host with a port.
_USER_INFO_WITH_SLASH = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,30}://)[^/?#\s@:]*:(?!\d+[/?#])[^\s]*@", re.IGNORECASE
)
_LOGIN = r"user(?:name)?|usr|login(?:use|pas)?|pass(?:word|wd|phrase)?|pwd|psw"
# Query parameters with credentials, as cameras and stores of files call them: X-Amz-Signature.
_SECRET_PARAMETER = re.compile(
    rf"(?P<name>[?&;](?:[\w-]{{0,40}}[-_])?(?:{_LOGIN}|(?:auth_?)?token|auth|api_?key|key|secret|"
    r"signature|sig|credential|session|sid)=)[^&;#\s]*",
    re.IGNORECASE,
)
# Cameras with a login in the path: /user=admin_password=text_channel=1_stream=0.sdp
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)
_LOGIN_IN_PATH = re.compile(
    rf"(?P<name>[/_](?:{_LOGIN})=)(?:(?!_[a-z]+=)[^&;#?/\s])*", re.IGNORECASE
)
# Names that Windows reserves for devices, with any suffix.
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST_NAME_BYTES = 80


def redact(text: str) -> str:
    """`text` (a URL, or a message with URLs in it) without user names, passwords and tokens.

    Characters that cannot be printed, such as line feeds, become spaces.
    """
    text = _USER_INFO_WITH_SLASH.sub(r"\g<scheme>", text)
    text = _USER_INFO.sub(r"\g<scheme>", text)
    text = _SECRET_PARAMETER.sub(r"\g<name>***", text)
    text = _ADDRESS.sub(lambda found: _LOGIN_IN_PATH.sub(r"\g<name>***", found[0]), text)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def safe_name(text: str, fallback: str = "source") -> str:
    """`text` as a file name that is valid on every system, at most 80 bytes long.

    Letters and digits of any script, space, dot, dash, underscore and brackets stay; everything
    else becomes a dash. `fallback` where nothing is left.
    """
    kept = "".join(
        letter if letter.isalnum() or letter in " ._-()[]" else "-"
        for letter in unicodedata.normalize("NFC", redact(text))
    )
    name = re.sub(r"-{2,}", "-", re.sub(r"\s+", " ", kept)).strip(" .-_")
    while len(name.encode("utf-8")) > _LONGEST_NAME_BYTES:
        name = name[:-1].rstrip(" .-_")
    if not name:
        return fallback
    return f"{name}_" if _DEVICE_NAME.fullmatch(name) else name
