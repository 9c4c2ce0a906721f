"""Locust's own statistics in the run folder: complete to the last request, and with fine buckets.

Locust rounds response times to two significant digits, an error of up to 4.8 %. `fine_bucket` errs by at most 0.05 %
above 100 ms. It is set on every process, since a master adds up its workers' buckets by key.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import locust.stats
from locust.stats import (
    CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW,
    PERCENTILES_TO_REPORT,
    StatsCSVFileWriter,
    StatsEntry,
)

from locustfiles._steady_time import STEADY_TIME

if TYPE_CHECKING:
    from locust.env import Environment


def fine_bucket(response_time_ms: float) -> float:
    """Round to 0.1 ms below 1 s, to 1 ms below 10 s, to 10 ms above."""
    if response_time_ms < 1_000:
        return int(response_time_ms * 10 + 0.5) / 10  # a third of what round(…, 1) costs, twice per request
    return round(response_time_ms) if response_time_ms < 10_000 else round(response_time_ms, -1)


locust.stats.bucket_response_time = fine_bucket


def percentiles(times: Mapping[float, int], count: int, shares: Sequence[float]) -> list[float]:
    """Give the bucket of each share by Locust's rule, which walks down from the slowest; 0 without any request.

    A bucket is the answer when at most `int(count * share)` requests lie below it.
    """
    found: dict[float, float] = dict.fromkeys(shares, 0.0)
    wanted = sorted(shares, reverse=True)
    below = count
    for time_ms in sorted(times, reverse=True):
        below -= times[time_ms]
        while wanted and below <= int(count * wanted[0]):
            found[wanted.pop(0)] = time_ms
        if not wanted:
            break
    return [found[share] for share in shares]


def _lately(entry: StatsEntry) -> tuple[Mapping[float, int], int]:
    """Give buckets and number of the requests of the last ten seconds or so, as Locust takes them for its history."""
    cache = entry.response_times_cache or {}
    wanted = int(STEADY_TIME.time()) - CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW
    near = [moment for moment in cache if abs(moment - wanted) < CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW - 1]
    if not near:
        return {}, 0
    earlier = cache[min(near, key=lambda moment: abs(moment - wanted))]
    before = earlier.response_times.get
    times = {bucket: new for bucket, count in entry.response_times.items() if (new := count - before(bucket, 0))}
    then = earlier.num_requests - earlier.num_none_requests
    return times, entry.num_requests - entry.num_none_requests - then


class RunStats(StatsCSVFileWriter):
    """Writes `stats.csv`, `stats_history.csv`, `failures.csv` and `exceptions.csv` into a folder."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        super().__init__(environment, PERCENTILES_TO_REPORT, str(folder / "locust"), full_history=True)
        self._folder = folder
        self._greenlet = gevent.spawn(self._write_while_there_is_room)

    def _write_while_there_is_room(self) -> None:
        with contextlib.suppress(OSError):  # a full disk: the history ends here, and the run says so when it ends
            self.stats_writer()

    def _percentile_fields(self, stats_entry: StatsEntry, use_current: bool = False) -> list[str] | list[int]:  # noqa: FBT001, FBT002 - Locust's signature
        """Give Locust's own percentiles from one walk over the buckets, which are many and fine.

        Locust walks, and subtracts the counts of ten seconds ago, anew for each percentile: 20 ms each second
        in which nothing is read.
        """
        if not stats_entry.num_requests:
            return list(self.percentiles_na)
        times, count = stats_entry.response_times, stats_entry.num_requests - stats_entry.num_none_requests
        if use_current and stats_entry.use_response_times_cache:
            times, count = _lately(stats_entry)
        return [int(value) for value in percentiles(times, count, self.percentiles_to_report)]

    def close(self) -> None:
        """Write the last state of each table, and give the files their names."""
        self._greenlet.kill()  # and wait for its end: it would write into closed files
        self.close_files()
        for table, name in (
            (self.requests_csv, "stats"),
            (self.failures_csv, "failures"),
            (self.exceptions_csv, "exceptions"),
        ):
            with (self._folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                table(csv.writer(file))
            (self._folder / f"locust_{name}.csv").unlink(missing_ok=True)
        Path(self.stats_history_file_name()).replace(self._folder / "stats_history.csv")
