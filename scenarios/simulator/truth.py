"""The truth log: one CSV row for every request, with the stamps of the server itself."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path


@dataclass(slots=True)
class Truth:
    """What happened to one request. Field order is the column order of the log.

    Stamps are seconds on CLOCK_MONOTONIC. `arrived_s` is the kernel's receive stamp of the request's last segment,
    `first_content_s` its send stamp; the others are taken just before the send they describe. `early` is 1 when the
    request came before a wait that its key had been told had run out; one that names itself by a request id of its own
    is excused while it may have been under way. `early_client`: that wait was told on the same connection or for the
    same request id. `retry_after_s` is the wait as told. `output_tokens` counts what was sent. An `end_s` that is
    missing means that the answer never ended: the client left, the answer stalled, or the
    server was stopped. `quality` is how good the answer is by script, for cases that say what they expect. `told_s` is
    the whole time that the server itself told of the answer, or until the headers of a stream that told it there.
    """

    number: int
    endpoint: str
    key: str
    request_id: str
    arrived_s: float
    status: int | None = None
    early: int = 0
    retry_after_s: float | None = None
    queued_s: float | None = None
    first_content_s: float | None = None
    last_content_s: float | None = None
    end_s: float | None = None
    chunks: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str = ""
    fault: str = ""
    client_gone: int = 0
    early_client: int = 0
    first_output_s: float | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    quality: str = ""
    told_s: float | None = None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Truth))
_values = attrgetter(*COLUMNS)


class TruthLog:
    """Appends rows to a file; `flush` puts them on disk. Without a path rows are counted and dropped."""

    def __init__(self, path: Path | None) -> None:
        self.rows = 0
        self._file = path.open("w", encoding="utf-8", newline="") if path else None
        self._writer = csv.writer(self._file, lineterminator="\n") if self._file else None
        if self._writer:
            self._writer.writerow(COLUMNS)
        self.flush()

    def write(self, truth: Truth) -> None:
        """Append one row."""
        self.rows += 1
        if self._writer:
            self._writer.writerow([_text(value) for value in _values(truth)])

    def flush(self) -> None:
        """Hand all rows to the operating system."""
        if self._file:
            self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        if self._file:
            self._file.close()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}"
    return str(value)
