"""HTTP/1.1 responses as bytes."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

LAST_CHUNK = b"0\r\n\r\n"

to_json = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps` makes an encoder anew for each call that asks for other separators."""


def http_date(unix_s: float | None = None) -> str:
    """Give the IMF-fixdate of the second that `unix_s` (now by default) lies in."""
    return _date(int(time.time() if unix_s is None else unix_s))


@lru_cache(maxsize=64)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def head(status: int, headers: Mapping[str, str], *, keep_alive: bool = True) -> bytes:
    """Give status line and headers, with `Date` and, when the connection will end, `Connection: close`."""
    lines = [f"HTTP/1.1 {status} {_reason(status)}"]
    lines += [f"{name}: {value}" for name, value in {"Date": http_date(), **headers}.items()]
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded"


def whole(status: int, body: object, headers: Mapping[str, str] | None = None, *, keep_alive: bool = True) -> bytes:
    """Give a complete JSON response."""
    data = to_json(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
    return head(status, fields, keep_alive=keep_alive) + data


def chunk(data: bytes) -> bytes:
    """Frame one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
