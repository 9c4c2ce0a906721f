"""HTTP/1.1 responses out of bytes: pure, no sockets. RFC 9112; parsing by llhttp through httptools."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from functools import reduce

import httptools

HTTP_OK = 200
ZLIB_HEADER_BYTES = 2
GZIP_WINDOW, GZIP_MAGIC = zlib.MAX_WBITS | 16, b"\x1f"
CRLF = b"\r\n"

lines_of = re.compile(rb"[^\n]*\n|[^\n]+").findall
may_extend = re.compile(rb"(?:^|\n)[0-9A-Fa-f]*[ \t]*;").search
"""Finds lines that could be a chunk's size with an extension, or the rest of one."""


class UnframedError(Exception):
    """The bytes are not an HTTP/1.1 response."""


class ResponseParser:
    """Feed it bytes; it calls `on_headers()` once and `on_body(bytes)` for each piece of the body as it was sent.

    `decode` undoes the body's codings, None when there are none. `complete` is set when the message ends, and
    `keep_alive` when the connection can then carry another request: `expect` its response. A body without
    Content-Length or chunked coding ends with the connection.

    `between_chunks` is set while the next byte begins a chunk: bytes that are exactly one chunk (`chunk_start`) may
    then be kept from the parser, which never knows of them.
    """

    __slots__ = ("_extended", "_fields", "_on_headers", "_parser", "_sizing", "_until_close", "between_chunks",
                 "complete", "decode", "headers", "keep_alive", "on_body", "status")  # fmt: skip

    def __init__(self, on_headers: Callable[[], None], on_body: Callable[[bytes], None]) -> None:
        self.on_body = on_body
        self._on_headers = on_headers
        self._parser = httptools.HttpResponseParser(self)
        # RFC 9112 sections 5.2 (a folded header line is read), 6.3 (chunked overrides a length), 7.1.1 (blanks)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_chunked_length=True, lenient_spaces_after_chunk_size=True
        )
        self.expect()

    def expect(self) -> None:
        """Forget the last response: bytes that come now begin another."""
        self._until_close = False
        self._sizing = self._extended = False  # in a chunk's size line; in its extension
        self._fields: list[tuple[bytes, bytes]] = []
        self.decode: Callable[[bytes], bytes] | None = None
        self.headers: dict[str, str] = {}
        self.status: int | None = None
        self.between_chunks = False
        self.complete = False
        self.keep_alive = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises UnframedError."""
        try:
            if self._extended or (b";" in data and may_extend(data)):
                self._feed_lines(data)
            else:
                self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
            raise cause or UnframedError(str(error)) from error
        self.between_chunks = self._sizing and data.endswith(CRLF)  # else the next chunk's size has begun

    def _feed_lines(self, data: bytes) -> None:
        """Feed line by line, without chunk extensions: llhttp takes no blanks in them (RFC 9112 section 7.1.1)."""
        for line in lines_of(data):
            self._parser.feed_data(self._unextended(line) if self._sizing else line)

    def _unextended(self, line: bytes) -> bytes:
        """Take out the extension of a chunk's size line, which may have begun before and may not end here."""
        size, mark, rest = (b"", b";", line) if self._extended else line.partition(b";")
        self._extended = bool(mark) and not rest.endswith(b"\n")
        return size if self._extended or not mark else size + CRLF

    def close(self) -> None:
        """Let go of owner and parser, which hold this: else they are freed by the garbage collector alone."""
        del self._on_headers, self.on_body, self._parser

    def feed_eof(self) -> None:
        """Take the end of the connection: it completes a body that has no other end."""
        self.complete = self.complete or self._until_close

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        """Note a message behind the one that was asked for: nobody knows which request it would answer."""
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Note status and coding, and tell the owner; interim responses (1xx) are passed over."""
        self.status = self._parser.get_status_code()
        if self.status < HTTP_OK:
            return
        self._collect()
        headers = self.headers
        transfer = headers.get("transfer-encoding", "").lower()
        chunked = "chunked" in transfer
        self._sizing = chunked
        sized = "content-length" in headers
        if sized and not chunked and "transfer-encoding" in headers:
            raise UnframedError("a length and a transfer coding that is not chunked: where the body ends is not known")
        self._until_close = not (chunked or sized) and self.status not in (204, 304)
        codings = (headers.get("content-encoding", ""), transfer.replace("chunked", ""))
        if any(codings):
            self.decode = body_decoder(",".join(codings))
        self._on_headers()

    def on_chunk_header(self) -> None:
        """Note that a chunk's data begins."""
        self._sizing = False

    def on_chunk_complete(self) -> None:
        """Note that a chunk is over, its line end included."""
        self._sizing = True

    def on_message_complete(self) -> None:
        """Note the end, or start over after an interim response."""
        if self.status is not None and self.status < HTTP_OK:
            self.status = None
            self._fields.clear()
            return
        if self._fields:  # trailers
            self._collect()
        self.complete = True
        self._sizing = False
        self.keep_alive = not self._until_close and self._parser.should_keep_alive()  # llhttp forgets it after this

    def _collect(self) -> None:
        """Take the fields that came; repeated ones are joined by a comma (RFC 9110 section 5.2)."""
        headers = self.headers
        for name, value in self._fields:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self._fields.clear()


def missing(data: bytes) -> int:
    """Give how many bytes are missing after `data`, which begins with a chunk's size, to the end of that chunk.

    0 if none are, or if the size can't be read in `data`.
    """
    line = data.find(CRLF, 1)
    try:
        size = int(data[: max(line, 0)], 16)
    except ValueError:
        return 0
    return max(line + 2 + size + 2 - len(data), 0)


def _gzip() -> Callable[[bytes], bytes]:
    """Read gzip: some servers compress each event by itself, as a member of its own (RFC 1952 section 2.2)."""
    member = zlib.decompressobj(GZIP_WINDOW)

    def decode(data: bytes) -> bytes:
        nonlocal member
        found = member.decompress(data)
        while (rest := member.unused_data).startswith(GZIP_MAGIC):
            member = zlib.decompressobj(GZIP_WINDOW)
            found += member.decompress(rest)
        return found

    return _refusing(decode, zlib.error)


def _deflate() -> Callable[[bytes], bytes]:
    """Read the zlib format, or the bare stream that some servers send by that name (RFC 9110 section 8.4.1.2)."""
    start, process = b"", None

    def decode(data: bytes) -> bytes:
        nonlocal start, process
        if process is None:
            start += data
            if len(start) < ZLIB_HEADER_BYTES:
                return b""
            framed = start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:ZLIB_HEADER_BYTES]) % 31 == 0
            process, data = zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS).decompress, start
        return process(data)

    return _refusing(decode, zlib.error)


def _brotli() -> Callable[[bytes], bytes]:
    import brotli  # noqa: PLC0415 - needed only when a server insists

    return _refusing(brotli.Decompressor().process, brotli.error)


def _refusing(decode: Callable[[bytes], bytes], error: type[Exception]) -> Callable[[bytes], bytes]:
    """Make a decoder whose own `error` is an UnframedError."""

    def refusing(data: bytes) -> bytes:
        try:
            return decode(data)
        except error as problem:
            raise UnframedError(f"the body is not coded as its header says ({problem})") from problem

    return refusing


def body_decoder(codings: str) -> Callable[[bytes], bytes] | None:
    """Give an incremental decoder for a list of codings in the order they were applied in, None for identity.

    RFC 9110 section 8.4, RFC 9112 section 7.2. Raises UnframedError, as decoders do.
    """
    undo = [found for coding in reversed(codings.split(",")) if (found := _decoder(coding.strip().lower()))]
    if len(undo) < 2:
        return undo[0] if undo else None
    return lambda data: reduce(lambda rest, decode: decode(rest), undo, data)


def _decoder(coding: str) -> Callable[[bytes], bytes] | None:
    match coding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _gzip()
        case "deflate":
            return _deflate()
        case "br":
            return _brotli()
        case unknown:
            raise UnframedError(f"unknown coding {unknown[:40]!r}")
