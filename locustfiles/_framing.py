"""HTTP/1.1 responses out of bytes: pure, no sockets. RFC 9112; parsing by llhttp through httptools."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httptools

HTTP_OK = 200


class UnframedError(Exception):
    """The bytes are not an HTTP/1.1 response."""


class ResponseParser:
    """Feed it bytes; it calls `on_headers()` once and `on_body(bytes)` for each piece of the body as it was sent.

    `decode` undoes the body's Content-Encoding, None when there is none. `complete` is set when the message ends. A
    body without Content-Length or chunked coding ends with the connection.
    """

    __slots__ = ("_on_headers", "_parser", "_until_close", "complete", "decode", "headers", "on_body", "status")

    def __init__(self, on_headers: Callable[[], None], on_body: Callable[[bytes], None]) -> None:
        self.on_body = on_body
        self._on_headers = on_headers
        self._until_close = False
        self.decode: Callable[[bytes], bytes] | None = None
        self.headers: dict[str, str] = {}
        self.status: int | None = None
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises UnframedError."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
            raise cause or UnframedError(str(error)) from error

    def feed_eof(self) -> None:
        """Take the end of the connection: it completes a body that has no other end."""
        self.complete = self.complete or self._until_close

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can carry another request."""
        return self.complete and not self._until_close and self._parser.should_keep_alive()

    # Callbacks of httptools.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; repeated ones are joined by a comma (RFC 9110 section 5.2)."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Note status and coding, and tell the owner; interim responses (1xx) are passed over."""
        self.status = self._parser.get_status_code()
        if self.status < HTTP_OK:
            return
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        self._until_close = not chunked and "content-length" not in self.headers and self.status not in (204, 304)
        self.decode = body_decoder(self.headers.get("content-encoding", "identity"))
        self._on_headers()

    def on_message_complete(self) -> None:
        """Note the end, or start over after an interim response."""
        if self.status is not None and self.status < HTTP_OK:
            self.headers, self.status = {}, None
            return
        self.complete = True


def _brotli() -> Callable[[bytes], bytes]:
    import brotli  # noqa: PLC0415 - needed only when a server insists

    process: Callable[[bytes], bytes] = brotli.Decompressor().process
    return process


def body_decoder(coding: str) -> Callable[[bytes], bytes] | None:
    """Give an incremental decoder for a Content-Encoding, None for identity. Raises UnframedError for an unknown one."""
    match coding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
        case "deflate":
            return zlib.decompressobj().decompress
        case "br":
            return _brotli()
        case unknown:
            raise UnframedError(f"unknown content-encoding {unknown[:40]!r}")
