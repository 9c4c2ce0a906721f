"""Locust's own statistics in the run folder: complete to the last request, and with fine buckets.

Locust rounds response times to two significant digits, an error of up to 4.8 %. `fine_bucket` errs by at most 0.05 %
above 100 ms. It is set on every process, since a master adds up its workers' buckets by key.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
import locust.stats
from locust.stats import PERCENTILES_TO_REPORT, StatsCSVFileWriter

if TYPE_CHECKING:
    from locust.env import Environment


def fine_bucket(response_time_ms: float) -> float:
    """Round to 0.1 ms below 1 s, to 1 ms below 10 s, to 10 ms above."""
    if response_time_ms < 1_000:
        return round(response_time_ms, 1)
    return round(response_time_ms) if response_time_ms < 10_000 else round(response_time_ms, -1)


locust.stats.bucket_response_time = fine_bucket


class RunStats(StatsCSVFileWriter):
    """Writes `stats.csv`, `stats_history.csv`, `failures.csv` and `exceptions.csv` into a folder."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        super().__init__(environment, PERCENTILES_TO_REPORT, str(folder / "locust"), full_history=True)
        self._folder = folder
        self._greenlet = gevent.spawn(self.stats_writer)

    def close(self) -> None:
        """Write the last state of each table, and give the files their names."""
        gevent.kill(self._greenlet)
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
