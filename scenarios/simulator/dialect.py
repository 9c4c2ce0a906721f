"""What the simulator needs of an API: read a request, write an answer or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from scenarios.simulator.claim import Claim
from scenarios.simulator.exchange import Script
from scenarios.simulator.model import Draw


class Invalid(Exception):  # noqa: N818 - it ends as a status, not as an error
    """The request is not one that this API takes: status, code and message of the answer."""

    def __init__(self, message: str, status: int = 400, code: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request asks for. Token counts are the server's own: a quarter of the characters, rounded up."""

    input_tokens: int
    cached_tokens: int = 0
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False
    said: str = ""
    """The user's last words."""


@dataclass(frozen=True, slots=True)
class Job:
    """One answer to write: what was asked and drawn, its name, the response's headers, and what it says of its time."""

    ask: Ask
    draw: Draw
    name: str
    headers: dict[str, str]
    claim: Claim
    keep_alive: bool = True


class Dialect(Protocol):
    """One API."""

    path: str
    """What follows `/<endpoint>/v1` in its requests."""

    def read(self, body: bytes) -> Ask:
        """Read a request's body. Raises Invalid."""
        ...

    def answer(self, job: Job) -> Script:
        """Script the answer."""
        ...


def tokens(text: str) -> int:
    """Estimate: characters / 4, rounded up."""
    return -(-len(text) // 4)


def error(status: int, code: str, message: str) -> dict[str, object]:
    """Give the OpenAI form of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
