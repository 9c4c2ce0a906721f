"""What every reader records: a row per request, and its gaps by microsecond."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter

CONTENT = b'"content":"'
NO_CONTENT = b'"content":""'
FIXED = ("1", "bench-20260101T000000Z", "w0", "large", "", "steady", "1", "ok", "200", "", "server", *[""] * 16)
"""The other columns of a row as Tailgate writes it: each reader writes as many."""


Facts = tuple[str, object, object]
"""Finish reason, and the tokens of prompt and answer, as the server states them."""

NOT_READ: Facts = ("", "", "")


@dataclass(frozen=True, slots=True)
class Task:
    """What the benchmark asks of a reader, handed over in the environment. Times in seconds."""

    url: str
    users: int
    ramp_s: float
    run_s: float
    window_from_s: float
    stream: bool
    folder: str

    @classmethod
    def read(cls) -> Task:
        """Take it from the environment."""
        return cls(**json.loads(os.environ["BENCH_TASK"]))

    @property
    def path(self) -> str:
        """Path of the chat endpoint."""
        return "/" + self.url.split("/", 3)[3] + "/chat/completions"

    def question(self, user: str = "") -> dict[str, object]:
        """Give the request, as the JSON value that it is; `user` makes it unlike all others."""
        question = "How do I choose a bicycle for a daily commute of ten kilometres?"
        document: dict[str, object] = {"model": "", "messages": [{"role": "user", "content": question}]}
        document |= {"max_tokens": 256, "stream": self.stream, "user": user}
        return {**document, "stream_options": {"include_usage": True}} if self.stream else document

    @property
    def body(self) -> bytes:
        """Give the request's bytes, the same for each."""
        return json.dumps(self.question(), separators=(",", ":")).encode()


class Recording:
    """Rows go to `rows.csv`, gaps of requests inside the window to `gaps.json`. `start()` says that the load begins."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._folder = Path(task.folder)
        self._file = (self._folder / "rows.csv").open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._gaps: Counter[int] = Counter()
        self._early: Counter[int] = Counter()
        self._number = 0
        self.start_s = perf_counter()

    def start(self) -> None:
        """Tell the benchmark that the first user comes now."""
        self.start_s = perf_counter()
        (self._folder / "started").write_text(repr(self.start_s), encoding="ascii")

    @property
    def over(self) -> bool:
        """Whether no further request may start."""
        return perf_counter() > self.start_s + self._task.run_s

    def next_id(self) -> str:
        """Give the next request's id."""
        self._number += 1
        return f"r{self._number}"

    def add(self, request_id: str, sent_s: float, arrivals: list[float], end_s: float, facts: Facts = NOT_READ) -> None:
        """Take a finished request; stamps are `perf_counter` seconds."""
        in_window = sent_s >= self.start_s + self._task.window_from_s
        counts = self._gaps if in_window else self._early
        largest = 0.0
        for earlier, later in pairwise(arrivals):
            gap = later - earlier
            counts[int(gap * 1e6)] += 1
            largest = max(largest, gap)
        stamps = [f"{stamp:.6f}" for stamp in (sent_s, *arrivals[:1], *arrivals[-1:], end_s, largest)]
        self._writer.writerow((request_id, int(in_window), *stamps, len(arrivals), *facts, *FIXED))

    def close(self) -> None:
        """Write the rest."""
        self._file.close()
        (self._folder / "gaps.json").write_text(json.dumps(self._gaps), encoding="ascii")
