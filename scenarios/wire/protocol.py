"""What every API module offers: a request as bytes, and a decoder that is fed the body of the answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from scenarios.errors import TailgateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.records import Outcome
    from scenarios.scenario import Endpoint
    from scenarios.server_timings import ServerTimings
    from scenarios.wire.plain import Plain

_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class Message(NamedTuple):
    """One message of a conversation; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


class Usage(NamedTuple):
    """Token counts as the server states them, in one meaning for every API.

    `input_tokens` includes the cached ones, `output_tokens` includes the reasoning ones. None: not stated.
    """

    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


class ApiError(NamedTuple):
    """What a server says went wrong: `code` is its most telling word, `kind` its class of error or its quota's name."""

    code: str = ""
    message: str = ""
    kind: str = ""


class Reply(NamedTuple):
    """The body of an answer with status 200, read to its end or to where it was cut.

    `complete`: the terminal marker and a finish reason were seen. `error` is the server's own, or with
    `Outcome.BAD_RESPONSE` a word for what is wrong with the body. `malformed_events` could not be parsed.
    """

    text: str
    reasoning: str
    finish_reason: str
    usage: Usage | None
    error: ApiError | None
    complete: bool
    malformed_events: int
    outcome: Outcome
    timings: ServerTimings | None = None


class Decoder(Protocol):
    """Reader of one body, after the HTTP framing. One per attempt."""

    visible: bool
    """True once text that is not reasoning has been fed."""

    done: bool
    """True once the protocol's terminal marker has been fed."""

    plain: Plain | None
    """The short way for the next event, which may be taken in place of `feed`; it holds until the next `feed`."""

    def feed(self, data: bytes) -> int:
        """Take `data`; give how many non-empty content chunks it completed.

        Reasoning and tool calls count; role-only, empty and usage chunks and pings never do. One event counts once.
        """

    def finish(self) -> Reply:
        """Give what was said up to the end of the body."""


class Api(Protocol):
    """How one API speaks."""

    name: str

    def path(self, endpoint: Endpoint) -> str:
        """Give what follows the endpoint's URL."""

    def body(
        self,
        endpoint: Endpoint,
        messages: Sequence[Message],
        max_output_tokens: int,
        stream: bool,  # noqa: FBT001
        user: str = "",
    ) -> bytes:
        """Give the request body. `user`, if not empty, is sent as the end user's name: a nonce per request."""

    def headers(self, endpoint: Endpoint, key: str | None, stream: bool) -> dict[str, str]:  # noqa: FBT001
        """Give the request headers, names in lower case; the endpoint's own headers win."""

    def decoder(self, endpoint: Endpoint, stream: bool) -> Decoder:  # noqa: FBT001
        """Give a reader for the body of one answer with status 200."""

    def error(self, status: int, body: bytes) -> ApiError:
        """Read the body of an answer with another status."""


def request_headers(endpoint: Endpoint, key: str | None, accept: str) -> dict[str, str]:
    """Give the headers every API sends. Compression is declined: a compressor's buffer would read as TTFT."""
    headers = {"content-type": "application/json", "accept": accept, "accept-encoding": "identity"}
    if key:
        headers["authorization"] = f"Bearer {_checked(key)}"
    headers.update((name.lower(), value) for name, value in endpoint.headers.items())
    return headers


def _checked(key: str) -> str:
    text = key.strip()
    if not _HEADER_VALUE.fullmatch(text):
        # The text of a key stands in no message.
        raise TailgateError(
            "the API key holds characters that no HTTP header can carry: set it again, without line breaks"
        )
    return text
