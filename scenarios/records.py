"""What happened: one row per HTTP attempt, and the words for how an attempt can end.

Standard library only. Stamps are seconds since the run's epoch; an empty field means "not measurable", never 0.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import IO

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    OK_LENGTH = "ok_length"
    FILTERED = "filtered"
    REFUSED = "refused"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    QUOTA_EXHAUSTED = "quota_exhausted"
    REQUEST_TOO_LARGE = "request_too_large"
    STREAM_ERROR = "stream_error"
    STREAM_TRUNCATED = "stream_truncated"
    TIMEOUT = "timeout"
    CONNECT_ERROR = "connect_error"
    BAD_RESPONSE = "bad_response"
    CLIENT_ERROR = "client_error"
    GAVE_UP = "gave_up"
    IN_FLIGHT = "in_flight"


ANSWERED = frozenset({Outcome.OK, Outcome.OK_LENGTH, Outcome.FILTERED, Outcome.REFUSED})
"""Outcomes with a complete answer from the model: they have a latency and they are billed."""

SUCCESSFUL = frozenset({Outcome.OK, Outcome.OK_LENGTH})
"""Outcomes that the user would call an answer."""


@dataclass(slots=True)
class Attempt:
    """One HTTP attempt. Field order is the column order of `attempts.csv`.

    `intended_s` is the turn's planned start, the same on each attempt of a turn.
    `waited_s` is the wait obeyed before this attempt was sent. The answer that asked for it stands on the turn's row
    before, with `wait_hint_s` (what the server asked for) and `wait_source` (where it said so; `backoff` when it did
    not); before a turn's first attempt it is a wait that another user of the same key was told of.
    `client_lag_s` is the longest time any read of this attempt lay in the kernel before the client took it.
    """

    run_id: str
    worker: str
    seq: int
    user_id: str
    conversation_id: str
    turn_id: str
    case_id: str
    endpoint: str
    arm: str
    phase: str
    attempt_no: int
    intended_s: float
    sent_s: float | None = None
    headers_s: float | None = None
    first_token_s: float | None = None
    first_output_s: float | None = None
    last_token_s: float | None = None
    end_s: float | None = None
    outcome: Outcome = Outcome.IN_FLIGHT
    http_status: int | None = None
    error_code: str = ""
    wait_hint_s: float | None = None
    wait_source: str = ""
    waited_s: float | None = None
    finish_reason: str = ""
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_source: str = "none"
    chunks: int | None = None
    coalesced: int | None = None
    gap_max_s: float | None = None
    bytes_in: int = 0
    connect_s: float | None = None
    client_lag_s: float | None = None


COLUMNS: tuple[str, ...] = ("schema", *(field.name for field in fields(Attempt)))
_values = attrgetter(*COLUMNS[1:])
_SCHEMA = str(SCHEMA_VERSION)


def to_row(attempt: Attempt) -> list[str]:
    """Give the CSV fields of `attempt`, in the order of `COLUMNS`."""
    texts = [
        "" if value is None else f"{value:.6f}" if type(value) is float else str(value) for value in _values(attempt)
    ]
    return [_SCHEMA, *texts]


def to_line(attempt: Attempt) -> str:
    """Give `attempt` as a CSV line. Few texts need quotes, and the csv module costs as much as all the rest."""
    row = to_row(attempt)
    line = ",".join(row)
    if line.count(",") == len(COLUMNS) - 1 and not ('"' in line or "\n" in line or "\r" in line):
        return f"{line}\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def header_line() -> str:
    """Give the first line of `attempts.csv`."""
    return ",".join(COLUMNS) + "\n"


def write_header(file: IO[str]) -> None:
    """Write the header line of `attempts.csv`."""
    file.write(header_line())
