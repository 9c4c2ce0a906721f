"""One request in service, and the script of what is sent for it and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.simulator.connection import Connection
    from scenarios.simulator.slots import Slots
    from scenarios.simulator.truth import Truth


class Kind(IntEnum):
    """What a step of a script is."""

    PLAIN = 0
    REASONING = 1
    VISIBLE = 2
    CUT = 3
    STALL = 4


Step = tuple[float, int, bytes]
"""When it is due (CLOCK_MONOTONIC seconds), its kind, the bytes to send."""

Script = Callable[[float], Iterator[Step]]
"""Given the start of service, what is sent. It ends with the response, or with CUT or STALL."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its response. `truth` is None for requests that the log leaves out (lists of models).

    `output_tokens` and `finish_reason` are what the truth log gets when the response ends as planned; for a stream
    `output_tokens` is None and the chunks are counted. `slots` is None for what needs no slot.
    """

    connection: Connection
    truth: Truth | None
    script: Script
    slots: Slots[Exchange] | None = None
    keep_alive: bool = True
    output_tokens: int | None = None
    finish_reason: str = ""
    begun: bool = False
    over: bool = False
    steps: Iterator[Step] = field(default_factory=lambda: iter(()))

    def first(self, start_s: float) -> Step:
        """Start the script and give its first step."""
        self.steps = self.script(start_s)
        return next(self.steps)

    def begin(self, kind: int, stamp: float) -> None:
        """Note the first content chunk, sent at `stamp`."""
        self.begun = True
        if self.truth is not None:
            self.truth.first_content_s = stamp
        self.sent(kind, stamp)

    def sent(self, kind: int, stamp: float) -> None:
        """Note a content chunk sent at `stamp`."""
        truth = self.truth
        if truth is None:
            return
        if kind == Kind.VISIBLE and truth.first_output_s is None:
            truth.first_output_s = stamp
        truth.chunks += 1
        truth.last_content_s = stamp

    def close(self, end_s: float | None) -> Truth | None:
        """End it, as planned at `end_s` or, when that is None, before its time; give the row to log."""
        self.over = True
        truth = self.truth
        if truth is None:
            return None
        truth.end_s = end_s
        ended = end_s is not None
        if ended:
            truth.finish_reason = self.finish_reason
        if truth.chunks:
            truth.output_tokens = truth.chunks
        elif ended:
            truth.output_tokens = self.output_tokens
        return truth


def at_once(data: bytes) -> Script:
    """Script one whole response that is due at the start."""

    def script(start_s: float) -> Iterator[Step]:
        yield start_s, Kind.PLAIN, data

    return script
