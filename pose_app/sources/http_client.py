"""HTTP requests to cameras, with credentials, timeouts, and a way to interrupt a waiting read."""

from __future__ import annotations

import functools
import http.client
import ipaddress
import re
import socket
import ssl
import urllib.request
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..errors import SourceError
from .names import redact

_USER_AGENT = "pose-app"
# Characters of a path or query that are not escaped.
_WRITTEN = "%/?:@!$&'()*+,;=~[]|"


class HttpBody:
    """The body of the response to a GET request."""

    def __init__(self, url: str, timeout: float) -> None:
        """Send the request; follows redirects and supports basic and digest authentication.

        Args:
            url: May contain `user:password@`.
            timeout: Seconds to connect, and later without a byte.

        Raises:
            SourceError: The message contains no credentials.
        """
        self._name = redact(url)
        self._sockets: list[socket.socket] = []
        try:
            address, user, password = split_credentials(url)
        except ValueError as error:
            raise SourceError(
                f"{self._name} is not a valid address: check how it is written."
            ) from error
        opener = self._opener(address, user, password)
        request = urllib.request.Request(address, headers={"User-Agent": _USER_AGENT})
        try:
            self._response = opener.open(request, timeout=timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, HTTPError):
                error.close()  # it is the response, with its connection
            has_password = bool(user or password)
            raise SourceError(explain(self._name, error, has_password)) from error

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return str(self._response.headers.get_content_type())

    @property
    def boundary(self) -> bytes:
        """Of a multipart body; empty where the header has none."""
        # Python's own parser decodes encoded boundaries as well, and raises anything on odd ones.
        header = str(self._response.headers.get("Content-Type", ""))
        found = re.search(r'boundary=(?:"([^"]*)"|([^;\s]*))', header, re.IGNORECASE)
        return (found[1] or found[2] or "").encode("latin-1") if found else b""

    def read(self, most_bytes: int) -> bytes:
        """The next bytes, at most `most_bytes`; waits for the first one. Empty at the end.

        Raises OSError or http.client.HTTPException where the connection breaks.
        """
        value: bytes = self._response.read1(most_bytes)
        return value

    def interrupt(self) -> None:
        """Make a waiting `read` return at once; may be called from any thread."""
        for connected in self._sockets:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:  # already closed
                continue

    def close(self) -> None:
        self._response.close()

    def _opener(self, address: str, user: str, password: str) -> urllib.request.OpenerDirector:
        """An opener without handlers for files and FTP, so that no redirect can lead there."""
        opener = urllib.request.OpenerDirector()
        handlers: list[urllib.request.BaseHandler] = [
            urllib.request.ProxyHandler({} if _is_local(address) else None),
            _HTTPHandler(self._sockets),
            _HTTPSHandler(self._sockets),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ]
        if user or password:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            # For every path of this host, because cameras redirect; for no other host.
            parts = urlsplit(address)
            host = urlunsplit((parts.scheme, parts.netloc, "/", "", ""))
            passwords.add_password(None, host, user, password)
            handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
            handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        for handler in handlers:
            opener.add_handler(handler)
        return opener


def split_credentials(url: str) -> tuple[str, str, str]:
    """(URL without credentials, user, password). Raises ValueError for an invalid URL."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("there is no host in it")
    _ = parts.port  # raises ValueError where it is not a number
    host = parts.netloc.rpartition("@")[2]
    path, query = quote(parts.path, safe=_WRITTEN), quote(parts.query, safe=_WRITTEN)
    bare = urlunsplit((parts.scheme, host, path, query, ""))
    return bare, unquote(parts.username or ""), unquote(parts.password or "")


def explain(name: str, error: Exception, has_password: bool = False) -> str:
    """One sentence about a request that failed; `name` is the URL without credentials."""
    if isinstance(error, HTTPError):
        if error.code in (401, 403):
            if has_password:
                return f"{name} does not accept this user name and password: check them."
            return (
                f"{name} asks for a user name and a password: write them into the address, as in "
                "http://user:password@host/."
            )
        if error.code == 404:
            return f"{name} has nothing at this address (404): check its path."
        return f"{name} answers with error {error.code} ({error.reason!s:.100}): try again later."
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ConnectionRefusedError):
        return f"{name} refuses the connection: check the address, and that the camera is on."
    if isinstance(cause, TimeoutError):
        return f"{name} does not answer: check the address, and that the camera is on."
    if isinstance(cause, socket.gaierror):
        return f"{name} has an unknown host name: check the address and the network."
    if isinstance(cause, ssl.SSLError):
        return f"{name} has no trusted certificate: use http:// or another address."
    if isinstance(cause, http.client.InvalidURL | UnicodeError):
        return f"{name} is not a valid address: check how it is written."
    if isinstance(cause, ValueError):  # raised by urllib for other kinds of authentication
        return (
            f"{name} asks for a kind of login that pose-app does not support: allow digest or "
            "basic authentication in the camera."
        )
    if isinstance(cause, http.client.HTTPException):
        return f"{name} does not speak HTTP: check the address and its port."
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return f"{name} cannot be reached ({redact(str(text))}): check the address and the network."


def _is_local(address: str) -> bool:
    """Whether the host is in the local network, where no proxy is used."""
    host = urlsplit(address).hostname or ""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:  # a name; without a dot it is local
        return host.endswith(".local") or "." not in host
    # ::ffff:192.168.0.1 is an IPv4 address that is written as an IPv6 one
    mapped = getattr(number, "ipv4_mapped", None)
    return (mapped or number).is_private


class _Connection(http.client.HTTPConnection):
    def __init__(self, *arguments: Any, sockets: list[socket.socket], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.append(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, *arguments: Any, sockets: list[socket.socket], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._sockets = sockets

    def connect(self) -> None:
        super().connect()
        self._sockets.append(self.sock)


class _HTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._connection = functools.partial(_Connection, sockets=sockets)

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connection, request)


class _HTTPSHandler(urllib.request.AbstractHTTPHandler):
    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        # Created here, because loading the certificates takes longer than most requests.
        connection = functools.partial(
            _SecureConnection, sockets=self._sockets, context=ssl.create_default_context()
        )
        return self.do_open(connection, request)
