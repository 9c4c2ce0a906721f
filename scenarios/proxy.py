"""The HTTP proxy through which an endpoint is reached, if any."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from scenarios.errors import TailgateError


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it listens, and the value of `Proxy-Authorization`, empty for none."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)


def proxy_of(url: str | None, variable: str | None) -> Proxy | None:
    """Give the proxy at `url`, or the one that the environment `variable` holds. Raises TailgateError."""
    if url is not None:
        return _parsed(url)
    if variable is None:
        return None
    found = _parsed(os.environ.get(variable, ""))
    if found is None:
        raise TailgateError(f"{variable} holds no proxy: set it to http://host:port or http://user:pass@host:port")
    return found


def is_proxy_url(url: str) -> bool:
    """Say whether `url` names an HTTP proxy."""
    return _parsed(url) is not None


def _parsed(url: str) -> Proxy | None:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        return None
    if parts.username is None:
        return Proxy(parts.hostname, port)
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(parts.hostname, port, "Basic " + base64.b64encode(words.encode()).decode())
