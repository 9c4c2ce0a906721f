"""What was seen of one response: stamps, counts, and how it broke off."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from scenarios.server_timings import ServerTimings


@dataclass(slots=True)
class Trace:
    """What was seen of one response. Stamps are `perf_counter` seconds; None = it did not happen.

    `failure` is empty, or says how the exchange broke off: `connection_lost`, `closed_before_answer`, `cut`,
    `not_http`, `first_byte_timeout`, `idle_timeout`, `total_timeout`, `internal`.
    """

    sent: float | None = None
    headers_at: float | None = None
    first_token: float | None = None
    first_output: float | None = None
    end: float | None = None
    arrivals: array[float] = field(default_factory=lambda: array("d"))
    """Of content chunks, packed: as objects they would lie all over the memory when they are read again."""
    coalesced: int = 0
    """Chunks that came with another one before them."""
    merged: int = 0
    """Those of them that may have come apart, and waited together for a late loop."""
    bytes_in: int = 0
    lag_s: float = 0.0
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    error_body: bytearray = field(default_factory=bytearray)
    failure: str = ""
    failure_detail: str = ""
    reusable: bool = False
    timings: ServerTimings | None = None
    """What the server said of its own time."""
