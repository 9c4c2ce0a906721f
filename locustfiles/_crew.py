"""The processes that have users, as their director sees them: this very process, or workers at the end of messages."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import gevent

from locustfiles import _campaign
from locustfiles import _messages as messages
from locustfiles._lane import Tally
from locustfiles._schedule import Span
from scenarios.records import write_header

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.runners import MasterRunner

    from locustfiles._campaign import Campaign
    from locustfiles._order import Order


@dataclass(slots=True)
class WorkerReport:
    """What a process with users says of itself at the end."""

    worker: str
    host: str = ""
    clock_offset_s: float | None = None
    rows: int = 0
    rows_lost: int = 0
    client_lag_p99_s: float | None = None
    loop_lag_p99_s: float | None = None
    loop_lag_max_s: float | None = None
    schedule_lag_p99_s: float | None = None
    connect_p99_s: float | None = None
    cpu_max: float | None = None
    machine_cpu_max: float | None = None
    chunks: int = 0
    coalesced: int = 0
    phases: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[list[str]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)


class Crew(Protocol):
    """Who does the work."""

    def open(self, order: Order, folder: Path) -> None:
        """Begin a run."""

    def publish(self, spans: Sequence[Span]) -> None:
        """Make phases known."""

    def active(self, lane: str) -> int:
        """Give the number of turns under way on a lane, named by its label."""

    def tallies(self) -> dict[str, Tally]:
        """Give the counts so far, by lane."""

    def stop_reasons(self) -> dict[str, str]:
        """Give the lanes that can't answer any more, with the reason."""

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """End the run's rows: all are in `attempts.csv` when this returns, or are named as lost."""


def report_of(campaign: Campaign) -> WorkerReport:
    """Sum up a campaign that has been closed."""
    return WorkerReport(
        worker=campaign.worker,
        clock_offset_s=0.0,
        rows=campaign.recorder.rows,
        gaps=campaign.gaps.rows(),
        answers=campaign.answers.documents(),
        **campaign.health.reading(),
    )


class Alone:
    """Leader and users in one process."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._campaign: Campaign | None = None
        self._stop_reasons: dict[str, str] = {}

    @property
    def campaign(self) -> Campaign:
        """The open campaign."""
        assert self._campaign is not None
        return self._campaign

    def open(self, order: Order, folder: Path) -> None:
        """Begin the campaign here."""
        self._campaign = _campaign.begin(order, "w0", folder, self._environment)

    def publish(self, spans: Sequence[Span]) -> None:
        """Put them on the campaign's schedule."""
        self.campaign.schedule.put(spans)

    def active(self, lane: str) -> int:
        """Ask the lane."""
        return self.campaign.lanes[lane].active

    def tallies(self) -> dict[str, Tally]:
        """Ask the lanes."""
        return {name: lane.tally for name, lane in self.campaign.lanes.items()} if self._campaign else {}

    def stop_reasons(self) -> dict[str, str]:
        """Ask the lanes; after the run, the last answer stands."""
        if self._campaign:
            lanes = self._campaign.lanes.items()
            self._stop_reasons = {name: lane.stop_reason for name, lane in lanes if lane.stop_reason}
        return self._stop_reasons

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """Close the campaign; its file, under its second name, is `attempts.csv`."""
        del timeout_s
        if self._campaign is None:
            return []
        self.stop_reasons()
        campaign, self._campaign = self._campaign, None
        campaign.close()
        _share(campaign.recorder.path, campaign.folder / "attempts.csv")
        return [report_of(campaign)]


def _share(path: Path, name: Path) -> None:
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)


class Workers:
    """Users in other processes. Rows come in batches; a batch that arrives twice is written once."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._file: Any = None
        self._status: dict[str, dict[str, Any]] = {}
        self._reports: dict[str, WorkerReport] = {}
        self._received: dict[str, int] = {}
        runner = self._runner
        runner.register_message(messages.ROWS, self._on_rows)
        runner.register_message(messages.STATUS, self._on_status)
        runner.register_message(messages.COLLECTED, self._on_collected)

    @property
    def _runner(self) -> MasterRunner:
        return self._environment.runner

    def open(self, order: Order, folder: Path) -> None:
        """Open `attempts.csv`, and put the order where Locust sends it to each worker with its users."""
        self._status, self._reports, self._received = {}, {}, {}
        self._file = (folder / "attempts.csv").open("w", encoding="utf-8", newline="")
        write_header(self._file)
        options = self._environment.parsed_options
        assert options is not None
        options.tailgate_order = order.dumps()

    def publish(self, spans: Sequence[Span]) -> None:
        """Send them to all workers."""
        self._runner.send_message(messages.SPANS, [span.to_document() for span in spans])

    def active(self, lane: str) -> int:
        """Add up the workers' last words on it."""
        return sum(status["active"].get(lane, 0) for status in self._status.values())

    def tallies(self) -> dict[str, Tally]:
        """Add up the workers' last words on them."""
        totals: dict[str, Tally] = {}
        for status in self._status.values():
            for name, counts in status["tallies"].items():
                total = totals.setdefault(name, Tally())
                for key, count in counts.items():
                    setattr(total, key, getattr(total, key) + count)
        return totals

    def stop_reasons(self) -> dict[str, str]:
        """Gather them; the first worker's word stands."""
        reasons: dict[str, str] = {}
        for status in self._status.values():
            for name, reason in status["stop_reasons"].items():
                reasons.setdefault(name, reason)
        return reasons

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """Ask each worker for its last rows, and wait for them all; what does not come is counted as lost."""
        if self._file is None:
            return []
        self._runner.send_message(messages.COLLECT)
        with gevent.Timeout(timeout_s, False):
            while set(self._status) - set(self._reports):
                gevent.sleep(0.05)
        self._file.close()
        self._file = None
        return [self._report(worker) for worker in sorted(self._status)]

    def _report(self, worker: str) -> WorkerReport:
        received = self._received.get(worker, 0)
        report = self._reports.get(worker)
        if report is None:
            made = int(self._status[worker]["rows"])
            return WorkerReport(worker=worker, rows=received, rows_lost=max(made - received, 0))
        report.rows, report.rows_lost = received, report.rows - received
        return report

    def _on_rows(self, environment: Environment, msg: Any, **_: Any) -> None:
        del environment
        worker, first, rows = msg.data["worker"], msg.data["first"], msg.data["rows"]
        known = self._received.get(worker, 0)
        fresh = rows[max(known - first, 0) :]
        if self._file is None or first > known or not fresh:
            return
        csv.writer(self._file, lineterminator="\n").writerows(fresh)
        self._file.flush()
        self._received[worker] = known + len(fresh)

    def _on_status(self, environment: Environment, msg: Any, **_: Any) -> None:
        del environment
        self._status[msg.data["worker"]] = msg.data

    def _on_collected(self, environment: Environment, msg: Any, **_: Any) -> None:
        del environment
        report = WorkerReport(**msg.data)
        self._status.setdefault(report.worker, {"active": {}, "tallies": {}, "stop_reasons": {}, "rows": report.rows})
        self._reports[report.worker] = report
